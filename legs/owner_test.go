package legs

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/conclave/conclave/mixer/codec"
)

// owner is a leg's owner: it ticks the stream as a worker would and keeps what it is told.
type owner struct {
	t         *testing.T
	confirmed chan *Leg
	referrals chan *Referral
	ended     chan Ending
	pressed   chan byte

	mute atomic.Bool // ticks on, but sends nothing

	mu      sync.Mutex
	silence chan struct{} // closed to stop ticking; nil when nothing is ticked
	done    chan struct{}
}

func newOwner(t *testing.T) *owner {
	return &owner{t: t, confirmed: make(chan *Leg, 1), referrals: make(chan *Referral, 1), ended: make(chan Ending, 1), pressed: make(chan byte, 16)}
}

func (o *owner) Accepted(*Leg) {}

func (o *owner) Confirmed(l *Leg) { o.confirmed <- l }

func (o *owner) Referred(_ *Leg, r *Referral) { o.referrals <- r }

func (o *owner) Pressed(_ *Leg, key byte) { o.pressed <- key }

func (o *owner) Ended(l *Leg, e Ending) {
	o.stop()
	l.Release()
	o.ended <- e
}

// tick sends and receives a frame every 20 ms until stop.
func (o *owner) tick(l *Leg) {
	o.mu.Lock()
	defer o.mu.Unlock()
	silence, done := make(chan struct{}), make(chan struct{})
	o.silence, o.done = silence, done
	go func() {
		defer close(done)
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		payload := make([]byte, 160)
		for t := codec.Tick(1); ; t++ {
			select {
			case <-silence:
				return
			case <-ticker.C:
				l.Stream().Next(t)
				if !o.mute.Load() {
					l.Stream().Send(t, codec.Packet{Payload: payload})
				}
			}
		}
	}()
}

// stop ends the ticking and waits for it.
func (o *owner) stop() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.silence != nil {
		close(o.silence)
		<-o.done
		o.silence = nil
	}
}
