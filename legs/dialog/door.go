package dialog

import (
	"context"
	"errors"
	"sync"
	"time"
)

// door lets new calls in: as many as can be answered while their callers still wait. Whoever comes when so many are inside is sent
// away at the front, before anybody has parsed anything; what belongs to a dialog never passes here. Any goroutine.
//
// Calls inside are counted by their traces, so that one which got lost on its way through sipgo stops counting when its trace goes.
type door struct {
	slots chan struct{} // holds an entry for each call in work; further ones wait in their order
	most  int           // calls inside: in work or waiting
	wait  time.Duration // longest wait for a slot
	full  func() bool   // Config.Full

	mu     sync.Mutex
	inside int    // traces that say so
	traces traces // of requests over UDP, and of new calls over any transport
}

// errOverload says that a call waited too long for its turn.
var errOverload = errors.New("dialog: too many calls are being set up")

func newDoor(cfg *Config, life time.Duration, now func() time.Time) *door {
	return &door{
		slots: make(chan struct{}, cfg.MaxSetups), most: cfg.MaxSetups + cfg.MaxWaiting, wait: setupWait, full: cfg.Full,
		traces: newTraces(life, now),
	}
}

// meets tells what is known of a request: for one that was answered for good also the answer, nil where there is nothing to say again.
func (d *door) meets(key uint64) (trace, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.traces.find(key)
}

// enter lets a new call in, or says why not. One that is known is let through: sipgo knows what it repeats.
func (d *door) enter(key uint64) (why string) {
	full := d.full != nil && d.full()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.inside -= d.traces.turn()
	_, known := d.traces.find(key)
	switch {
	case known:
		return ""
	case full:
		return "full"
	case d.inside >= d.most:
		return "overload"
	}
	d.traces.put(key, trace{state: inside})
	d.inside++
	return ""
}

// leave makes room for another in place of a call that came to nothing before a handler had it.
func (d *door) leave(key uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if t, ok := d.traces.find(key); ok && t.state == inside {
		d.inside--
		d.traces.drop(key)
	}
}

// setup is one new call between its handler's begin and its final answer. nil is one that no front let in.
type setup struct {
	door *door
	key  uint64
	once sync.Once
	busy bool // it holds a slot
}

// begin waits for the call's turn.
func (s *setup) begin(ctx context.Context) error {
	select {
	case s.door.slots <- struct{}{}:
		s.busy = true
		return nil
	default:
	}
	timer := time.NewTimer(s.door.wait)
	defer timer.Stop()
	select {
	case s.door.slots <- struct{}{}:
		s.busy = true
		return nil
	case <-timer.C:
		return errOverload
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// end makes room for the next call; kept says that repeats of the INVITE must not begin another call. Only the first counts.
func (s *setup) end(kept bool) {
	s.once.Do(func() {
		if s.busy {
			<-s.door.slots
		}
		d := s.door
		d.mu.Lock()
		defer d.mu.Unlock()
		if t, ok := d.traces.find(s.key); !ok || t.state != inside {
			return
		}
		d.inside--
		if kept {
			d.traces.set(s.key, trace{state: answering})
		} else {
			d.traces.drop(s.key)
		}
	})
}

// settle notes that a request is answered for good, with what to send when it comes again (nil: nothing), and tells whether that
// is remembered; where it is not, sipgo's transaction has to live on.
func (d *door) settle(key uint64, again []byte) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.inside -= d.traces.turn()
	if t, ok := d.traces.find(key); ok && t.state == inside {
		return false // not before its handler has ended
	} else if !ok && d.traces.crowded() {
		return false
	}
	d.traces.put(key, trace{state: settled, again: again})
	return true
}
