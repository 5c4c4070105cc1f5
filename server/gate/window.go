package gate

import (
	"sync"
	"time"
)

// window tells nonce counts that were used from those that were not (RFC 7616 section 3.4, "nc"). Only right digests over
// live nonces get here. It has two generations of NonceLifetime each: an entry outlives its nonce, and forgetting costs
// nothing. Full means refusing, never forgetting a live entry.
type window struct {
	mu      sync.Mutex
	turned  time.Time
	current generation
	last    generation
}

// generation is what was first used within one NonceLifetime.
type generation struct {
	counts   map[nonce]*counts
	accounts map[string]int
}

// counts is the highest count of a nonce and the 64 below it.
type counts struct {
	highest uint32
	seen    uint64 // bit i: highest-i was used
}

// verdict of the window.
type verdict uint8

const (
	firstUse verdict = iota
	repeated
	full
)

// use marks a count as used.
func (w *window) use(n nonce, count uint32, account string, now time.Time) verdict {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.turn(now)
	c := w.current.counts[n]
	if c == nil {
		c = w.last.counts[n]
	}
	if c != nil {
		return c.use(count)
	}
	if len(w.current.counts) >= maxNonces || w.current.accounts[account] >= maxNoncesPerAccount {
		return full
	}
	w.current.accounts[account]++
	w.current.counts[n] = &counts{highest: count, seen: 1}
	return firstUse
}

// turn begins a new generation when the current one is a lifetime old, by the monotonic clock where now has one.
func (w *window) turn(now time.Time) {
	age := now.Sub(w.turned)
	if w.current.counts != nil && age < NonceLifetime+nonceAhead {
		return
	}
	w.last = w.current
	if age >= 2*(NonceLifetime+nonceAhead) {
		w.last = generation{}
	}
	w.current = generation{counts: make(map[nonce]*counts), accounts: make(map[string]int)}
	w.turned = now
}

// use marks a count of one nonce. Counts below the window count as used.
func (c *counts) use(count uint32) verdict {
	if count > c.highest {
		shift := count - c.highest
		if shift >= countWindow {
			c.seen = 0
		} else {
			c.seen <<= shift
		}
		c.seen |= 1
		c.highest = count
		return firstUse
	}
	behind := c.highest - count
	if behind >= countWindow || c.seen&(1<<behind) != 0 {
		return repeated
	}
	c.seen |= 1 << behind
	return firstUse
}
