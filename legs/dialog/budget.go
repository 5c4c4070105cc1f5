package dialog

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

// budget is a token bucket per source in a table of fixed size: no allocation, whoever floods. Sources that share a full
// set share the fullest bucket's fate, which only ever refuses more.
type budget struct {
	rate  float64 // tokens per second
	depth float64
	seed  maphash.Seed

	mu   sync.Mutex
	sets [][budgetWays]bucket // nil: no limit
}

type bucket struct {
	source netip.Prefix
	tokens float64
	at     time.Time
}

func newBudget(perSecond int) *budget {
	b := &budget{rate: float64(perSecond), depth: float64(perSecond) * burstSeconds, seed: maphash.MakeSeed()}
	if perSecond > 0 {
		b.sets = make([][budgetWays]bucket, budgetSets)
	}
	return b
}

// source is the unit of the budget: an IPv4 address, or an IPv6 /64, which one subscriber commands.
func source(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

// allow takes cost tokens of the source at that time, or tells that there are none.
func (b *budget) allow(from netip.Addr, now time.Time, cost float64) bool {
	if b.sets == nil {
		return true
	}
	key := source(from)
	set := &b.sets[maphash.Comparable(b.seed, key)%budgetSets]
	b.mu.Lock()
	defer b.mu.Unlock()
	use := -1
	for i := range set {
		s := &set[i]
		s.tokens = min(b.depth, s.tokens+b.rate*now.Sub(s.at).Seconds())
		s.at = now
		if s.source == key {
			use = i
			break
		}
		// Otherwise the idlest slot: a full bucket has nothing to remember.
		if use < 0 || s.tokens > set[use].tokens {
			use = i
		}
	}
	s := &set[use]
	if s.source != key {
		if s.source.IsValid() && s.tokens < b.depth {
			return b.take(s, cost) // every slot is in use: share one
		}
		*s = bucket{source: key, tokens: b.depth, at: now}
	}
	return b.take(s, cost)
}

func (b *budget) take(s *bucket, cost float64) bool {
	if s.tokens < cost {
		return false
	}
	s.tokens -= cost
	return true
}
