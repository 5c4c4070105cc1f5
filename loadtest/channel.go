package loadtest

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/conclave/conclave/legs"
	"github.com/conclave/conclave/mixer/codec"
)

// mouth is what a caller says. Both methods are called by the clock's worker.
type mouth interface {
	// say fills pcm with the next 20 ms.
	say(at time.Time, pcm []int16)
	// said tells that the packet which holds them has been handed to the network.
	said(now time.Time)
}

// ear listens to what a caller is sent, 20 ms a tick, by the clock's worker. arrived is when the packet came that is being
// played, zero where there was none.
type ear interface {
	hear(at, arrived time.Time, pcm []int16)
}

// channel is the audio of one call: it plays what comes and sends what the mouth says, once a tick.
type channel struct {
	leg   *legs.Leg
	mouth mouth
	ear   ear
	rate  int         // Hz at which the mouth is asked
	keyed atomic.Bool // before that nobody speaks or listens

	// Owned by the clock's worker; read by others after Stop.
	enc     *codec.Encoder
	dec     *codec.Decoder
	in, out []int16
	packet  []byte
	first   time.Time // first tick
	since   time.Time // tick in which the first packet was there
	last    time.Time // last tick
	before  uint64    // packets received by then
	broken  error
}

// newChannel makes the codecs of a call.
func newChannel(l *legs.Leg, p Plan) (*channel, error) {
	f := l.Stream().Format() // nobody ticks the stream yet, so asking it is allowed
	rate, earRate := f.NeededRate(), p.EarRate
	if earRate == 0 {
		earRate = rate
	}
	enc, err := codec.NewEncoder(f, rate)
	if err != nil {
		return nil, fmt.Errorf("loadtest: %w", err)
	}
	dec, err := codec.NewDecoder(f, earRate)
	if err != nil {
		return nil, fmt.Errorf("loadtest: %w", err)
	}
	return &channel{
		leg: l, mouth: p.Mouth, ear: p.Ear, rate: rate, enc: enc, dec: dec,
		in: make([]int16, earRate/ticksPerSecond), out: make([]int16, rate/ticksPerSecond), packet: make([]byte, f.FrameSize()),
	}, nil
}

// open lets mouth and ear at the audio.
func (c *channel) open(p Plan) {
	if p.Begin != nil {
		p.Begin(c.rate)
	}
	c.keyed.Store(true)
}

// tick plays and speaks once.
func (c *channel) tick(t codec.Tick, at time.Time) {
	stream := c.leg.Stream()
	frame := stream.Next(t)
	if !c.keyed.Load() {
		return
	}
	if c.first.IsZero() {
		c.first = at
	}
	if c.since.IsZero() {
		select {
		case <-stream.Heard():
			c.since, c.before = at, stream.Snapshot().PacketsReceived
		default:
		}
	}
	c.last = at
	if err := c.dec.Decode(frame, c.in); err != nil {
		c.broken = err
	}
	c.ear.hear(at, stream.PlayedArrival(), c.in)
	c.mouth.say(at, c.out)
	n, err := c.enc.Encode(c.out, c.packet[:cap(c.packet):cap(c.packet)])
	if err != nil {
		c.broken = err
		return
	}
	stream.Send(t, codec.Packet{Payload: c.packet[:n]})
	c.mouth.said(time.Now())
}

// tally is what one caller's stream amounts to, for the report. It is called after Stop.
func (c *channel) tally(m *MediaReport) {
	s := c.leg.Stream().Snapshot()
	m.Sent += s.PacketsSent
	m.Lost += s.Lost
	m.Late += s.Late
	m.AuthFailed += s.AuthFailed
	m.Replayed += s.Replayed
	if c.since.IsZero() { // a call that heard nothing was owed everything but the time that it takes to be seated
		m.Expected += uint64(max(0, (c.last.Sub(c.first)-fadeIn)/tickLength))
		return
	}
	// The first and the last packet may fall to either side of their ticks. A gap in the numbers is a loss whatever the time says.
	owed := uint64(max(0, c.last.Sub(c.since)/tickLength-1))
	missing := max(owed-min(owed, s.PacketsReceived-c.before), s.Lost)
	m.Expected += owed
	m.Received += owed - min(owed, missing)
}
