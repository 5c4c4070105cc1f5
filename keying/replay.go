package keying

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"sync"
	"time"
)

// Ceiling stores the highest timestamp that may have been accepted, so that a restart, which forgets the replay cache, does
// not make old messages new. The value is a 64-bit NTP timestamp (RFC 3830 section 6.6).
type Ceiling interface {
	// LoadCeiling returns the stored value, and false in a fresh store.
	LoadCeiling() (uint64, bool, error)
	// StoreCeiling must have survived a crash when it returns.
	StoreCeiling(uint64) error
}

// ReplayConfig of a Replay; zero fields take defaults.
type ReplayConfig struct {
	Entries int              // bound on remembered messages; 0: 240,000
	Skew    time.Duration    // how far timestamps may be off, 300 s at most; 0: 60 s
	Ceiling Ceiling          // nil: a restart forgets everything
	Now     func() time.Time // nil: time.Now
}

// Replay decides whether a message is new: its timestamp inside the window, above the ceiling of the last run, and not seen
// before (RFC 3830 section 5.4). It remembers only what was authenticated, so that strangers cannot fill it; when it is full
// it refuses what is new and never forgets what still could be replayed. Any goroutine may use it.
//
// A message is known by sender, CSB ID and timestamp, which must differ in any two messages of one sender, and not by a hash
// of all its octets: an ECDSA signature can be changed by anybody into another valid one.
type Replay struct {
	now   func() time.Time // set once
	skew  time.Duration    // set once
	bound int              // set once

	mu     sync.Mutex
	slots  map[replaySlot]map[shortHash]struct{} // guarded by mu
	size   int                                   // entries in all slots; guarded by mu
	floor  ntp                                   // timestamps before it may have been forgotten; valid with raised; guarded by mu
	raised bool                                  // guarded by mu

	ceiling ceilingKeeper
}

// NewReplay makes a replay cache and reads the ceiling of the last run.
func NewReplay(c ReplayConfig) (*Replay, error) {
	if c.Entries <= 0 {
		c.Entries = defaultReplayEntries
	}
	if c.Skew <= 0 {
		c.Skew = defaultSkew
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	r := &Replay{now: c.Now, skew: min(c.Skew, maxSkew), bound: c.Entries, slots: map[replaySlot]map[shortHash]struct{}{}}
	if err := r.ceiling.load(c.Ceiling); err != nil {
		return nil, fmt.Errorf("keying: restart ceiling: %w", err)
	}
	return r, nil
}

// Len is the number of messages remembered.
func (r *Replay) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.size
}

// Close stores the exact ceiling, so that the next run refuses nothing that is new. Nothing may be committed after it.
func (r *Replay) Close() error {
	if err := r.ceiling.settle(); err != nil {
		return fmt.Errorf("keying: restart ceiling: %w", err)
	}
	return nil
}

// stamp is what makes a message unique.
type stamp struct {
	sender string // identity of the initiator
	csb    uint32 // CSB ID
	time   ntp    // timestamp
}

func (s stamp) hash() (short shortHash) {
	h := sha256.New()
	var fixed [12]byte
	binary.BigEndian.PutUint32(fixed[:], s.csb)
	binary.BigEndian.PutUint64(fixed[4:], uint64(s.time))
	h.Write(fixed[:])
	h.Write([]byte(s.sender))
	copy(short[:], h.Sum(nil))
	return short
}

// replaySlot holds the entries whose timestamps lie in one stretch of 2^replaySlotBits seconds; they expire together.
type replaySlot uint32

func slotOf(t ntp) replaySlot { return replaySlot(t >> (32 + replaySlotBits)) }

func (n replaySlot) end() ntp { return ntp(uint64(n+1) << (32 + replaySlotBits)) }

// check says whether a message with that stamp would be new; it changes nothing.
func (r *Replay) check(s stamp) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.fresh(s)
}

// commit remembers an authenticated message, or says why it cannot be accepted; of any number of concurrent commits of one
// stamp exactly one succeeds.
func (r *Replay) commit(s stamp) error {
	// The ceiling comes first: once the message is accepted, its timestamp must already be covered after a crash.
	if err := r.check(s); err != nil {
		return err
	}
	if err := r.ceiling.cover(s.time, ntpOf(r.now())); err != nil {
		return fmt.Errorf("keying: restart ceiling: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.fresh(s); err != nil {
		return err
	}
	r.purge()
	if r.size >= r.bound {
		return ErrFull
	}
	slot := r.slots[slotOf(s.time)]
	if slot == nil {
		slot = map[shortHash]struct{}{}
		r.slots[slotOf(s.time)] = slot
	}
	slot[s.hash()] = struct{}{}
	r.size++
	return nil
}

// fresh is called with mu held.
func (r *Replay) fresh(s stamp) error {
	off := ntpOf(r.now()).sub(s.time)
	if off > r.skew || off < -r.skew || r.ceiling.refuses(s.time) || r.raised && r.floor.after(s.time) {
		return ErrStale
	}
	if _, seen := r.slots[slotOf(s.time)][s.hash()]; seen {
		return ErrReplayed
	}
	return nil
}

// purge forgets slots whose every timestamp has left the window, and raises the floor, so that a clock set back does not
// make them new again. It is called with mu held.
func (r *Replay) purge() {
	oldest := ntpOf(r.now()).add(-r.skew)
	for n, slot := range r.slots {
		end := n.end()
		if !oldest.after(end) {
			continue
		}
		r.size -= len(slot)
		delete(r.slots, n)
		if !r.raised || end.after(r.floor) {
			r.floor, r.raised = end, true
		}
	}
}
