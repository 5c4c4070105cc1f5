package events

import (
	"context"
	"errors"
	"math"
	"sync"
	"time"
)

// Ring keeps the last events in a ring, and wakes those who listen. Who publishes only puts the event into the ring. The ring is each
// listener's queue, too: each has a place in it, and one that is overtaken by the ring's end is cut off. So a listener costs whoever
// publishes nothing, whatever it does.
//
// One goroutine, the crier, writes each event as JSON, once, and wakes the listeners, a few at a time: a thousand goroutines that are
// ready at once would stand before the mixer's in the scheduler's queue.
type Ring struct {
	now   func() time.Time // set once
	poked chan struct{}    // there is something for the crier
	stop  chan struct{}
	once  sync.Once     // of its closing
	done  chan struct{} // closed when the crier has ended

	mu        sync.Mutex
	ring      []Event // by ID modulo its length; guarded by mu
	first     uint64  // ID of the first event of this run; set once
	next      uint64  // ID of the next one; guarded by mu
	cried     uint64  // listeners may read what is before; guarded by mu
	listeners map[*Subscription]struct{}
	ended     bool
}

// Latest is what to subscribe after to hear of what comes, and of nothing before.
const Latest = math.MaxUint64

// Why a Subscription ends.
var (
	// ErrSlow says that a listener was cut off: more events came than are kept before it took them.
	ErrSlow = errors.New("events: events came faster than they were taken")
	// ErrClosed says that its owner ended it, ErrEnded that the ring did.
	ErrClosed = errors.New("events: the subscription was closed")
	ErrEnded  = errors.New("events: there are no more")
	// ErrTooMany says that it never began: as many listen as may.
	ErrTooMany = errors.New("events: too many listeners")
)

// New makes a ring that keeps so many events. Whoever makes it closes it.
func New(kept int, now func() time.Time) *Ring {
	// A run begins above the one before, as long as that had less than a million events a second; and below what a double can tell
	// apart, which is what JSON's numbers are to many.
	first := uint64(now().Unix())*1_000_000 + 1 //nolint:gosec // after 1970
	v := &Ring{
		now: now, ring: make([]Event, kept), first: first, next: first, cried: first, listeners: make(map[*Subscription]struct{}),
		poked: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	go v.run()
	return v
}

// Publish numbers an event and lets it be heard. It never blocks and never fails.
func (v *Ring) Publish(e Event) {
	v.mu.Lock()
	e.ID, e.Time, e.text = v.next, v.now().UTC(), nil
	*v.at(e.ID) = e
	v.next++
	heard := len(v.listeners) > 0
	v.mu.Unlock()
	if heard {
		v.poke()
	}
}

// at is the place of an event in the ring; mu is held.
func (v *Ring) at(id uint64) *Event { return &v.ring[id%uint64(len(v.ring))] }

// oldest is the ID of the oldest event that is kept; mu is held.
func (v *Ring) oldest() uint64 {
	return max(v.first, v.next-min(v.next, uint64(len(v.ring))))
}

func (v *Ring) poke() {
	select {
	case v.poked <- struct{}{}:
	default:
	}
}

// Last is the ID of the newest event.
func (v *Ring) Last() uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.next - 1
}

// Listeners is how many listen.
func (v *Ring) Listeners() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.listeners)
}

// Heard says whether anybody listens: what only listeners want need not be looked for otherwise.
func (v *Ring) Heard() bool {
	return v.Listeners() > 0
}

// Close ends all subscriptions and the crier.
func (v *Ring) Close() {
	v.once.Do(func() { close(v.stop) })
	<-v.done
}

// run is the crier.
func (v *Ring) run() {
	defer close(v.done)
	pause := time.NewTimer(wakePause)
	defer pause.Stop()
	for {
		select {
		case <-v.stop:
			for v.cry() { //nolint:revive // the last words are heard
			}
			v.mu.Lock()
			v.ended = true
			v.mu.Unlock()
			v.rouse(nil) // each of them finds that it is over
			return
		case <-v.poked:
		}
		for v.cry() { //nolint:revive // until all is written
		}
		v.rouse(pause)
	}
}

// cry writes some of the events that are not yet, and lets them be read; false: there was none.
func (v *Ring) cry() bool {
	v.mu.Lock()
	from := max(v.cried, v.oldest())
	batch := make([]Event, min(v.next-from, cryBatch))
	for i := range batch {
		batch[i] = *v.at(from + uint64(i))
	}
	v.mu.Unlock()
	for i := range batch {
		batch[i].write()
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for i := range batch {
		if kept := v.at(batch[i].ID); kept.ID == batch[i].ID {
			kept.text = batch[i].text
		}
	}
	v.cried = from + uint64(len(batch))
	return len(batch) > 0
}

// rouse wakes all who listen, a few at a time; without a timer at once.
func (v *Ring) rouse(pause *time.Timer) {
	v.mu.Lock()
	all := make([]*Subscription, 0, len(v.listeners))
	for u := range v.listeners {
		all = append(all, u)
	}
	v.mu.Unlock()
	for i, u := range all {
		select {
		case u.wake <- struct{}{}:
		default:
		}
		if pause == nil || (i+1)%wakeBatch != 0 {
			continue
		}
		pause.Reset(wakePause)
		select {
		case <-pause.C:
		case <-v.stop:
			pause = nil
		}
	}
}

// Subscribe listens: to what is kept of the events after that ID, then to those that come. Whoever subscribes closes the Subscription.
func (v *Ring) Subscribe(after uint64) *Subscription {
	u := &Subscription{ring: v, wake: make(chan struct{}, 1)}
	v.mu.Lock()
	defer v.mu.Unlock()
	u.next = v.next
	if after != Latest {
		u.next = after + 1
		if oldest := v.oldest(); u.next < oldest || u.next > v.next {
			u.missed = after != 0
			u.next = oldest
		}
	}
	switch {
	case v.ended:
		u.err = ErrEnded
	case len(v.listeners) >= maxListeners:
		u.err = ErrTooMany
	default:
		v.listeners[u] = struct{}{}
		v.poke() // nothing is written while nobody listens
	}
	return u
}

// Subscription is one who listens. Its methods are for one goroutine, but for Close and Err.
type Subscription struct {
	ring   *Ring
	wake   chan struct{}
	missed bool   // set once
	next   uint64 // of its reader
	err    error  // guarded by ring.mu
}

// Missed says that events after the one it was to begin behind are not kept any more, or that no such event was: whoever goes by the
// events alone has to look at everything anew.
func (u *Subscription) Missed() bool { return u.missed }

// Next waits for events and returns some, in their order: at least one, unless ctx ends first or the subscription is over (Err).
func (u *Subscription) Next(ctx context.Context) ([]Event, error) {
	for {
		some, err := u.Take()
		if err != nil || len(some) > 0 {
			return some, err
		}
		select {
		case <-u.wake:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Ready has a value when there may be something to take, for those who wait for more than events.
func (u *Subscription) Ready() <-chan struct{} { return u.wake }

// Take is Next that does not wait: nothing where there is nothing.
func (u *Subscription) Take() ([]Event, error) {
	v := u.ring
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case u.err != nil:
		return nil, u.err
	case u.next < v.oldest():
		return nil, u.end(ErrSlow)
	case u.next < v.cried:
		some := make([]Event, min(v.cried-u.next, takeBatch))
		for i := range some {
			some[i] = *v.at(u.next)
			u.next++
		}
		return some, nil
	case v.ended:
		return nil, u.end(ErrEnded)
	}
	return nil, nil
}

// end ends it once; mu is held.
func (u *Subscription) end(err error) error {
	if u.err == nil {
		u.err = err
		delete(u.ring.listeners, u)
	}
	return u.err
}

// Err says why it is over: ErrSlow, ErrEnded, ErrTooMany, ErrClosed; nil while it is not.
func (u *Subscription) Err() error {
	u.ring.mu.Lock()
	defer u.ring.mu.Unlock()
	return u.err
}

// Close ends it, and whoever waits in Next.
func (u *Subscription) Close() {
	u.ring.mu.Lock()
	_ = u.end(ErrClosed)
	u.ring.mu.Unlock()
	select {
	case u.wake <- struct{}{}:
	default:
	}
}
