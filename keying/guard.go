package keying

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"sync"
	"time"
)

// GuardConfig of a Guard; zero fields take defaults.
type GuardConfig struct {
	Entries int              // bound on remembered (TEK, direction) pairs; 0: two million
	Now     func() time.Time // nil: time.Now
	Rand    io.Reader        // source of the boot key; nil: crypto/rand
}

// Guard remembers, as keyed hashes, every (TEK, direction) of the last 24 hours in this process and refuses one that comes
// again: the same TEK twice would mean the same key stream twice. It stands behind the replay cache and catches what passes
// it: peers with broken random numbers, and our own mistakes. Any goroutine may use it.
type Guard struct {
	now     func() time.Time // set once
	bootKey []byte           // set once
	bound   int              // set once

	mu    sync.Mutex
	slots []guardEntries // oldest first; guarded by mu
	size  int            // entries in all slots; guarded by mu
	early uint64         // entries forgotten before their time; guarded by mu
}

// guardEntries are the pairs first seen in one slot of time.
type guardEntries struct {
	begin time.Time
	seen  map[shortHash]struct{}
}

// shortHash is a hash cut to 16 octets, ample against accidents and keyed where an adversary could choose.
type shortHash [16]byte

// NewGuard makes a guard with a fresh boot key.
func NewGuard(c GuardConfig) (*Guard, error) {
	if c.Entries <= 0 {
		c.Entries = defaultGuardEntries
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	key := make([]byte, sha256.Size)
	if _, err := io.ReadFull(c.Rand, key); err != nil {
		return nil, fmt.Errorf("keying: boot key of the guard: %w", err)
	}
	return &Guard{now: c.Now, bootKey: key, bound: c.Entries}, nil
}

// Len is the number of pairs remembered.
func (g *Guard) Len() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.size
}

// ForgottenEarly counts pairs that the bound made the guard forget before their 24 hours were over.
func (g *Guard) ForgottenEarly() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.early
}

// admit remembers the keys of both directions, or neither and returns ErrKeyReuse; two equal keys are refused as well.
func (g *Guard) admit(k *Keys) error {
	return g.admitAll(k, g.hash(k.Send.Key, 's'), g.hash(k.Receive.Key, 'r'))
}

// admitSend is admit where the peer's key is the one that it sends under already: that stream goes on as it was.
func (g *Guard) admitSend(k *Keys) error { return g.admitAll(k, g.hash(k.Send.Key, 's')) }

func (g *Guard) admitAll(k *Keys, hashes ...shortHash) error {
	if k.Send.Key.Equal(k.Receive.Key) {
		return ErrKeyReuse
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.forget(len(hashes))
	if g.size+len(hashes) > g.bound {
		return ErrFull
	}
	for _, slot := range g.slots {
		for _, h := range hashes {
			if _, seen := slot.seen[h]; seen {
				return ErrKeyReuse
			}
		}
	}
	for _, h := range hashes {
		g.slots[len(g.slots)-1].seen[h] = struct{}{}
	}
	g.size += len(hashes)
	return nil
}

// forget drops slots that are too old, opens a new one when it is time or the current one holds its share, and makes room for n: older
// slots before newer, the current one never, since a guard that forgets what it just saw is none. It is called with mu held.
func (g *Guard) forget(n int) {
	now := g.now()
	for len(g.slots) > 0 && now.Sub(g.slots[0].begin) > guardLife+guardSlot {
		g.size -= len(g.slots[0].seen)
		g.slots = g.slots[1:]
	}
	if last := len(g.slots) - 1; last < 0 || now.Sub(g.slots[last].begin) >= guardSlot || len(g.slots[last].seen) >= max(n, g.bound/guardShares) {
		g.slots = append(g.slots, guardEntries{now, map[shortHash]struct{}{}})
	}
	for len(g.slots) > 1 && g.size+n > g.bound {
		g.size -= len(g.slots[0].seen)
		g.early += uint64(len(g.slots[0].seen))
		g.slots = g.slots[1:]
	}
}

func (g *Guard) hash(tek Secret, direction byte) (short shortHash) {
	mac := hmac.New(sha256.New, g.bootKey)
	mac.Write(tek.Bytes())
	mac.Write([]byte{direction})
	copy(short[:], mac.Sum(nil))
	return short
}
