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
	primed  bool           // the encoder's past is what the listeners heard
	resting bool           // the encoder is at rest
	broken  bool           // the codec refused the format
	buffer  []byte
	effort  int // Opus complexity that the encoder works with
}

// packet is the encoding of this step; the second listener of a step gets what was made for the first.
func (o *outlet) packet(r *Room, b *bus) codec.Packet {
	if o.step == r.steps {
		return o.packed
	}
	afresh := o.step != r.steps-1 || o.step == 0
	o.step = r.steps
	if b.voices == 0 {
		o.packed = o.pause(r, b, afresh)
	} else {
		o.packed = o.speak(r, b, afresh)
	}
	return o.packed
}

// speak encodes a frame with something in it.
func (o *outlet) speak(r *Room, b *bus, afresh bool) codec.Packet {
	if (afresh || !o.primed) && !o.begin(r, b) {
		return o.still()
	}
	o.resting = false
	return o.encode(r, b.pcm)
}

// pause encodes silence until the encoder is at rest. Where nothing was heard before there is nothing to bring to rest.
func (o *outlet) pause(r *Room, b *bus, afresh bool) codec.Packet {
	if afresh {
		o.primed = false
		if o.resting = b.quietBefore(r); !o.resting && !o.begin(r, b) {
			return o.still()
		}
	}
	if o.resting {
		return o.still()
	}
	p := o.encode(r, r.history.zeros)
	o.resting = o.encoder.Settled()
	return p
}

// begin makes the encoder fresh and primes it with what the listeners of the bus heard last.
func (o *outlet) begin(r *Room, b *bus) bool {
	if o.broken {
		return false
	}
	if o.encoder == nil {
		e, err := codec.NewEncoder(o.format, r.rate)
		if err != nil {
			o.broken = true
			r.tally.spoilt++
			r.pool.log.Error("no encoder", "room", r.name, "codec", o.format.Codec.String(), "error", err)
			return false
		}
		o.encoder, o.buffer, o.effort = e, make([]byte, maxPacket), fullEffort
	} else {
		o.encoder.Reset()
	}
	o.resting, o.primed = false, true
	for ago := primeFrames; ago > 0; ago-- {
		r.tally.encodes++
		// The output of priming is not heard; an error shows again at the frame that is.
		_, _ = o.encoder.Encode(b.past(r, ago), r.scratch[:])
	}
	return true
}

// encode encodes one frame for the listeners.
func (o *outlet) encode(r *Room, pcm []int16) codec.Packet {
	r.tally.encodes++
	if effort := r.pool.effort(); effort != o.effort {
		o.effort = effort
		_ = o.encoder.SetComplexity(effort) // within bounds; an encoder that refuses works on as it did
	}
	n, err := o.encoder.Encode(pcm, o.buffer)
	if err != nil {
		r.tally.spoilt++
		return o.still()
	}
	return codec.Packet{Payload: o.buffer[:n]}
}

// still is the cached silence.
func (o *outlet) still() codec.Packet { return codec.Packet{Payload: o.silence, Silent: true} }
