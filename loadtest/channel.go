package loadtest

import (
	"sync/atomic"
	"time"

	"github.com/conclave/conclave/legs"
	"github.com/conclave/conclave/mixer/codec"
)

// mouth is what a caller says, in frames of the call's format. Both methods are called by the clock's worker.
type mouth interface {
	// say returns the next 20 ms, or nothing when they could not be made; they stay as they are until it is asked again.
	say(at time.Time) []byte
	// said tells that the packet which holds them has been handed to the network.
	said(now time.Time)
}

// ear listens to what a caller is sent, 20 ms a tick, by the clock's worker; the frame is valid during the call. arrived is when
// the packet came that is being played, zero where there was none.
type ear interface {
	hear(at, arrived time.Time, f codec.Frame)
}

// channel carries the frames of one call between its stream and its mouth and ear, once a tick.
type channel struct {
	leg    *legs.Leg
	format codec.Format
	ended  <-chan struct{} // from then on nobody speaks or listens any more
	mouth  mouth           // set before keyed is
	ear    ear
	keyed  atomic.Bool // before that nobody speaks or listens

	// Owned by the clock's worker; read by others after Stop.
	first  time.Time // first tick
	since  time.Time // tick in which the first packet was there
	last   time.Time // last tick
	before uint64    // packets received by then
}

// newChannel asks the stream for its format: nobody ticks it yet, so that asking is allowed.
func newChannel(l *legs.Leg, ended <-chan struct{}) *channel {
	return &channel{leg: l, format: l.Stream().Format(), ended: ended}
}

// open lets mouth and ear at the audio.
func (c *channel) open(p Plan) (err error) {
	if c.mouth, c.ear, err = p.Voice(c.format); err != nil {
		return err
	}
	c.keyed.Store(true)
	return nil
}

// tick plays and speaks once.
func (c *channel) tick(t codec.Tick, at time.Time) {
	select {
	case <-c.ended: // the peer sends no more, and owes nothing
		return
	default:
	}
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
	c.ear.hear(at, stream.PlayedArrival(), frame)
	if payload := c.mouth.say(at); len(payload) > 0 {
		stream.Send(t, codec.Packet{Payload: payload})
		c.mouth.said(time.Now())
	}
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
