package mixer

import "github.com/conclave/conclave/mixer/codec"

// outlet is the one encoding of a bus in one format, shared by all listeners of that format.
//
// What matters to a listener is that his decoder and the encoder agree on the past. An outlet that was not used in the last
// step begins afresh and is primed with what its listeners heard. In silence it goes on encoding until the encoder is at
// rest; from then on the cached encoding of silence leaves both sides where they are, and costs nothing.
type outlet struct {
	format  codec.Format
	silence []byte         // cached encoding of silence
	encoder *codec.Encoder // nil until something was to be heard
	step    uint64         // of the last packet
	packed  codec.Packet   // of that step
	due     bool           // a packet of this step is wanted and not made yet
	primed  bool           // the encoder's past is what the listeners heard
	resting bool           // the encoder is at rest
	broken  bool           // the codec refused the format
	buffer  []byte
	forwarding
}

// job is an outlet whose packet is to be made in this step, with its bus.
type job struct {
	bus    *bus
	outlet *outlet
}

// make makes the packet of this step, for all listeners of the outlet.
func (o *outlet) make(r *Room, b *bus, y *tally) {
	followed := o.step != 0 && o.step == r.steps-1
	o.step, o.due = r.steps, false
	if !followed {
		// Nobody heard the last step: what was heard before stands in the history of the bus.
		o.forwarding = forwarding{turned: r.steps}
		o.primed, o.resting = false, b.history.quietBefore(r.steps)
	}
	if f := o.forwardable(r, b, followed); f != nil && o.forward(r, f, b.sole, y) {
		return
	}
	prime := true
	if o.source != nil { // theirs no more
		prime, o.resting, o.turned = o.celt, o.low && b.voices == 0, r.steps
		o.source = nil
	}
	if b.voices > 0 {
		o.resting = false
	}
	switch {
	case o.resting, !o.primed && !o.begin(r, b, prime, y):
		o.packed = o.still()
	default:
		o.packed = o.encode(r, b.pcm, y)
		o.resting = b.voices == 0 && o.encoder.Settled()
	}
}

// begin makes the encoder fresh, and primes it with what the listeners of the bus heard last.
func (o *outlet) begin(r *Room, b *bus, prime bool, y *tally) bool {
	if o.broken {
		return false
	}
	if o.encoder == nil {
		e, err := codec.NewEncoder(o.format, r.rate)
		if err != nil {
			o.broken = true
			y.spoilt++
			r.pool.log.Error("no encoder", "room", r.name, "codec", o.format.Codec.String(), "error", err)
			return false
		}
		o.encoder = e
	} else {
		o.encoder.Reset()
	}
	if o.buffer == nil {
		o.buffer = make([]byte, maxPacket)
	}
	o.primed = true
	if !prime {
		return true
	}
	for ago := uint64(primeFrames); ago > 0; ago-- {
		y.encodes++
		// The output of priming is not heard; an error shows again at the frame that is.
		_, _ = o.encoder.Encode(b.history.frame(r.steps-ago), o.buffer)
	}
	return true
}

// encode encodes one frame for the listeners.
func (o *outlet) encode(r *Room, pcm []int16, y *tally) codec.Packet {
	y.encodes++
	o.encoder.SetThrift(r.pool.thrift())
	n, err := o.encoder.Encode(pcm, o.buffer)
	if err != nil {
		y.spoilt++
		return o.still()
	}
	return codec.Packet{Payload: o.buffer[:n]}
}

// still is the cached silence.
func (o *outlet) still() codec.Packet { return codec.Packet{Payload: o.silence, Silent: true} }
