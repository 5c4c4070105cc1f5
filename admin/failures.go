package admin

import (
	"net/netip"
	"sync"
	"time"
)

// failures counts wrong tokens by source. A right token is served whatever its source has done before: with 256 bits
// nothing is guessed, and whoever shares an address with a misbehaving program must not be locked out by it.
type failures struct {
	now func() time.Time // set once

	mu      sync.Mutex
	sources map[netip.Prefix]window // guarded by mu
}

// window is the count of one source since its first failure.
type window struct {
	until time.Time
	count int
}

func newFailures(now func() time.Time) *failures {
	return &failures{now: now, sources: make(map[netip.Prefix]window)}
}

// note counts a failure of the source and tells whether it has had too many; wait is the time until it is forgiven.
func (f *failures) note(source netip.Addr) (tooMany bool, wait time.Duration) {
	key := sourceOf(source)
	now := f.now()
	f.mu.Lock()
	defer f.mu.Unlock()
	w, ok := f.sources[key]
	if !ok || !now.Before(w.until) {
		f.room(now)
		w = window{until: now.Add(failureWindow)}
	}
	w.count++
	f.sources[key] = w
	return w.count > failuresAllowed, w.until.Sub(now)
}

// room forgets what has expired when the table is full, and the oldest when nothing has. The caller holds mu.
func (f *failures) room(now time.Time) {
	if len(f.sources) < maxSources {
		return
	}
	var oldest netip.Prefix
	var until time.Time
	for key, w := range f.sources {
		if !now.Before(w.until) {
			delete(f.sources, key)
		} else if until.IsZero() || w.until.Before(until) {
			oldest, until = key, w.until
		}
	}
	if len(f.sources) >= maxSources {
		delete(f.sources, oldest)
	}
}

// sourceOf is what counts as one source: an IPv4 address, or the /64 that one IPv6 host may choose its address from.
func sourceOf(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // no address: all such share one count
	}
	return p
}
