package admin

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// paces holds each principal to a rate of requests.
type paces struct {
	now func() time.Time // set once

	mu sync.Mutex
	by map[string]*rate.Limiter // guarded by mu
}

func newPaces(now func() time.Time) *paces {
	return &paces{now: now, by: make(map[string]*rate.Limiter)}
}

// allow counts one request of a principal. The table is bounded by being thrown away: at worst somebody gets a burst once more.
func (p *paces) allow(id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.by[id]
	if l == nil {
		if len(p.by) >= maxPaces {
			clear(p.by)
		}
		l = rate.NewLimiter(requestsPerToken, requestsBurst)
		p.by[id] = l
	}
	return l.AllowN(p.now(), 1)
}
