package server

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"
)

// events keeps the last events in a ring, and wakes those who listen. Who publishes only puts the event into the ring. The ring is each
// listener's queue, too: each has a place in it, and one that is overtaken by the ring's end is cut off. So a listener costs whoever
// publishes nothing, whatever it does.
//
// One goroutine, the crier, writes each event as JSON, once, and wakes the listeners, a few at a time: a thousand goroutines that are
// ready at once would stand before the mixer's in the scheduler's queue.
type events struct {
	now   func() time.Time // set once
	poked chan struct{}    // there is something for the crier
	stop  chan struct{}
	done  chan struct{} // closed when the crier has ended

	mu        sync.Mutex
	ring      []Event // by ID modulo its length; guarded by mu
	first     uint64  // ID of the first event of this run; set once
	next      uint64  // ID of the next one; guarded by mu
	cried     uint64  // listeners may read what is before; guarded by mu
	listeners map[*Subscription]struct{}
	ended     bool
}

// LatestEvent is what to subscribe after to hear of what comes, and of nothing before.
const LatestEvent = math.MaxUint64

// Why a Subscription ends.
var (
	// ErrSlowListener says that a listener was cut off: more events came than are kept before it took them.
	ErrSlowListener = errors.New("server: events came faster than they were taken")
	// errListenerClosed says that its owner ended it.
	errListenerClosed = errors.New("server: the subscription was closed")
)

func newEvents(kept int, now func() time.Time) *events {
	// A run begins above the one before, as long as that had less than a million events a second; and below what a double can tell
	// apart, which is what JSON's numbers are to many.
	first := uint64(now().Unix())*1_000_000 + 1 //nolint:gosec // after 1970
	v := &events{
		now: now, ring: make([]Event, kept), first: first, next: first, cried: first, listeners: make(map[*Subscription]struct{}),
		poked: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	go v.run()
	return v
}

func (v *events) publish(e Event) {
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
func (v *events) at(id uint64) *Event { return &v.ring[id%uint64(len(v.ring))] }

// oldest is the ID of the oldest event that is kept; mu is held.
func (v *events) oldest() uint64 {
	return max(v.first, v.next-min(v.next, uint64(len(v.ring))))
}

func (v *events) poke() {
	select {
	case v.poked <- struct{}{}:
	default:
	}
}

// heard says whether anybody listens: what only listeners want need not be looked for otherwise.
func (v *events) heard() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.listeners) > 0
}

// close ends all subscriptions and the crier.
func (v *events) close() {
	v.mu.Lock()
	again := v.ended
	v.ended = true
	v.mu.Unlock()
	if !again {
		close(v.stop)
	}
	<-v.done
}

// run is the crier.
func (v *events) run() {
	defer close(v.done)
	pause := time.NewTimer(wakePause)
	defer pause.Stop()
	for {
		select {
		case <-v.stop:
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
func (v *events) cry() bool {
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
func (v *events) rouse(pause *time.Timer) {
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

func (v *events) subscribe(after uint64) *Subscription {
	u := &Subscription{events: v, wake: make(chan struct{}, 1)}
	v.mu.Lock()
	defer v.mu.Unlock()
	u.next = v.next
	if after != LatestEvent {
		u.next = after + 1
		if oldest := v.oldest(); u.next < oldest || u.next > v.next {
			u.missed = after != 0
			u.next = oldest
		}
	}
	switch {
	case v.ended:
		u.err = fmt.Errorf("%w: stopping", ErrUnavailable)
	case len(v.listeners) >= maxListeners:
		u.err = fmt.Errorf("%w: too many listeners", ErrUnavailable)
	default:
		v.listeners[u] = struct{}{}
		v.poke() // nothing is written while nobody listens
	}
	return u
}

// Subscription is one who listens. Its methods are for one goroutine, but for Close and Err.
type Subscription struct {
	events *events
	wake   chan struct{}
	missed bool   // set once
	next   uint64 // of its reader
	err    error  // guarded by events.mu
}

// Missed says that events after the one it was to begin behind are not kept any more, or that no such event was: whoever goes by the
// events alone has to look at everything anew.
func (u *Subscription) Missed() bool { return u.missed }

// Next waits for events and returns some, in their order: at least one, unless ctx ends first or the subscription is over (Err).
func (u *Subscription) Next(ctx context.Context) ([]Event, error) {
	for {
		some, err := u.take()
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

// take takes what there is.
func (u *Subscription) take() ([]Event, error) {
	v := u.events
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case u.err != nil:
		return nil, u.err
	case u.next < v.oldest():
		return nil, u.end(ErrSlowListener)
	case u.next < v.cried:
		some := make([]Event, min(v.cried-u.next, takeBatch))
		for i := range some {
			some[i] = *v.at(u.next)
			u.next++
		}
		return some, nil
	case v.ended:
		return nil, u.end(fmt.Errorf("%w: stopping", ErrUnavailable))
	}
	return nil, nil
}

// end ends it once; mu is held.
func (u *Subscription) end(err error) error {
	if u.err == nil {
		u.err = err
		delete(u.events.listeners, u)
	}
	return u.err
}

// Err says why it is over: ErrSlowListener, ErrUnavailable, or that it was closed; nil while it is not.
func (u *Subscription) Err() error {
	u.events.mu.Lock()
	defer u.events.mu.Unlock()
	return u.err
}

// Close ends it, and whoever waits in Next.
func (u *Subscription) Close() {
	u.events.mu.Lock()
	_ = u.end(errListenerClosed)
	u.events.mu.Unlock()
	select {
	case u.wake <- struct{}{}:
	default:
	}
}
