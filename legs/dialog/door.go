package dialog

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// door lets new calls in: as many as can be answered while their callers still wait. Whoever comes when so many are inside is sent
// away at the front, before anybody has parsed anything; what belongs to a dialog never passes here. Any goroutine.
//
// A call is counted by its handler alone, from its begin to its end: what never reaches a handler never counts. The front only looks.
type door struct {
	slots   chan struct{} // holds an entry for each call in work; further ones wait in their order
	most    int           // calls inside: in work or waiting
	wait    time.Duration // longest wait for a slot
	full    func() bool   // Config.Full
	crowded func() bool   // others wait for a processor
	inside  atomic.Int64
}

// errOverload and errFull say why a call is sent away; their texts are counted as reasons.
var (
	errOverload = errors.New("overload") // too many calls are being set up, or this one waited too long
	errFull     = errors.New("full")     // Config.Full
)

func newDoor(cfg *Config) *door {
	return &door{
		slots: make(chan struct{}, cfg.MaxSetups), most: cfg.MaxSetups + cfg.MaxWaiting, wait: cmp.Or(cfg.wait, setupWait), full: cfg.Full, crowded: crowded,
	}
}

// look tells why no further call is let in beside those inside and others on their way to a handler; nil: one is.
func (d *door) look(others int) error {
	switch {
	case d.full != nil && d.full():
		return errFull
	case int(d.inside.Load())+others >= d.most:
		return errOverload
	}
	return nil
}

// setup is one new call between its handler's begin and its final answer.
type setup struct {
	door    *door
	once    sync.Once
	counted bool
	busy    bool // it holds a slot
}

// begin counts the call and waits for its turn.
func (s *setup) begin(ctx context.Context) error {
	s.counted = true
	s.door.inside.Add(1)
	if err := s.door.look(-1); err != nil { // the front's look was a while ago, and others came
		return err
	}
	if err := s.queue(ctx); err != nil {
		return err
	}
	s.busy = true
	return s.door.calm(ctx)
}

// queue waits for a slot.
func (s *setup) queue(ctx context.Context) error {
	select {
	case s.door.slots <- struct{}{}:
		return nil
	default:
	}
	timer := time.NewTimer(s.door.wait)
	defer timer.Stop()
	select {
	case s.door.slots <- struct{}{}:
		return nil
	case <-timer.C:
		return errOverload
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// calm lets those go first who wait for a processor, which may be a tick of the mixer. What a call costs when it has had its answer (ACK,
// seat, BYE) is in no slot: without this the calls that stand would be worked on by hundreds of goroutines side by side. A call does not
// wait for long, so that some get through where it is always crowded.
func (d *door) calm(ctx context.Context) error {
	if !d.crowded() {
		return nil
	}
	again, enough := time.NewTicker(crowdPause), time.NewTimer(calmWait)
	defer again.Stop()
	defer enough.Stop()
	for d.crowded() {
		select {
		case <-again.C:
		case <-enough.C:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// end makes room for the next call. Only the first counts: the answer is one, the handler's end another.
func (s *setup) end() {
	s.once.Do(func() {
		if s.busy {
			<-s.door.slots
		}
		if s.counted {
			s.door.inside.Add(-1)
		}
	})
}
