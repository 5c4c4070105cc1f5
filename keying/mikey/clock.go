package mikey

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// maxPending bounds the messages of ours that a clock remembers one by one.
const maxPending = 8

// clock keeps the time stamps of one CSB apart. All that varies in the key stream of its KEMACs is T, so that no two messages
// of either side may bear one T; and an update that does not come after the last one is a replay.
type clock struct {
	mu      sync.Mutex
	floor   uint64   // T of the last exchange that was done: a peer's is above it
	top     uint64   // highest T that anybody is known to have used: ours is above it
	pending []uint64 // T of messages of ours that nobody answered, above floor: no peer's is one of them
}

// newClock begins a bundle whose first message bore t.
func newClock(t Timestamp) *clock { return &clock{floor: t.ordinal(), top: t.ordinal()} }

// ordinal is the time stamp as the number that goes into the KEMAC's IV.
func (t Timestamp) ordinal() uint64 {
	if t.typ == tsNTPUTC32 {
		return t.value << 32
	}
	return t.value
}

// later compares modulo 2^64, since NTP seconds begin anew in 2036.
func later(t, u uint64) bool { return int64(t-u) > 0 }

// next is now, or the least time above every T in use.
func (c *clock) next(now time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if later(NewTimestamp(now).ordinal(), c.top) {
		return now
	}
	at, _ := Timestamp{tsNTPUTC, c.top}.Time(now)
	for !later(NewTimestamp(at).ordinal(), c.top) {
		at = at.Add(time.Nanosecond)
	}
	return at
}

// claim takes t for a message of ours, for good.
func (c *clock) claim(t Timestamp) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !later(t.ordinal(), c.top) {
		return ErrOldTime
	}
	c.top = t.ordinal()
	if len(c.pending) == maxPending {
		c.raise(c.pending[0])
	}
	c.pending = append(c.pending, t.ordinal())
	return nil
}

// check refuses a peer's t that is old, or our own sent back to us. It changes nothing.
func (c *clock) check(t Timestamp) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fresh(t)
}

func (c *clock) fresh(t Timestamp) error {
	if !later(t.ordinal(), c.floor) || slices.Contains(c.pending, t.ordinal()) {
		return ErrOldTime
	}
	return nil
}

// saw notes the t of a peer's message that was authenticated, answered or not: ours must differ from it.
func (c *clock) saw(t Timestamp) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if later(t.ordinal(), c.top) {
		c.top = t.ordinal()
	}
}

// accept checks a peer's t once more and closes the door behind it.
func (c *clock) accept(t Timestamp) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.fresh(t); err != nil {
		return err
	}
	c.raise(t.ordinal())
	return nil
}

// finish closes the door behind a message of ours that was answered, unless a later exchange overtook it.
func (c *clock) finish(t Timestamp) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !later(t.ordinal(), c.floor) {
		return fmt.Errorf("%w: a later update overtook it", ErrOldTime)
	}
	c.raise(t.ordinal())
	return nil
}

func (c *clock) raise(floor uint64) {
	c.floor = floor
	if later(floor, c.top) {
		c.top = floor
	}
	c.pending = slices.DeleteFunc(c.pending, func(t uint64) bool { return !later(t, floor) })
}
