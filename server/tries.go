package server

import (
	"errors"
	"sync"
	"time"

	"github.com/conclave/conclave/server/gate"
)

// tries counts the PINs that were tried of late, by room and by who tried: somebody with many calls, or who calls again and again, has
// no more of them than one who does not. What is right takes itself back.
type tries struct {
	now func() time.Time

	mu sync.Mutex
	of map[tryKey]tried // at most maxTried
}

type tryKey struct {
	room string
	who  gate.Who
}

type tried struct {
	n     int
	since time.Time
}

func newTries(now func() time.Time) *tries { return &tries{now: now, of: make(map[tryKey]tried)} }

// errTooManyTries says that somebody has tried too many PINs.
var errTooManyTries = errors.New("server: too many wrong PINs of late")

// most is how many somebody may try. Behind a trunk are many, none of whom is to shut out the others soon.
func (k tryKey) most() int {
	if k.who.Trunk != "" {
		return maxTriesOfTrunk
	}
	return maxTriesOfAccount
}

// spent says whether somebody has none left.
func (t *tries) spent(room string, who gate.Who) bool {
	k := tryKey{room, who}
	t.mu.Lock()
	defer t.mu.Unlock()
	was, ok := t.of[k]
	return ok && t.now().Sub(was.since) < triesMemory && was.n >= k.most()
}

// take counts a try before it is looked at, so that many at a time are no way around; false: there is none left.
func (t *tries) take(room string, who gate.Who) bool {
	k, now := tryKey{room, who}, t.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	was, ok := t.of[k]
	switch {
	case !ok && len(t.of) >= maxTried && !t.sweep(now):
		return false // nobody is known to have tries left
	case !ok || now.Sub(was.since) >= triesMemory:
		was = tried{since: now}
	}
	if was.n >= k.most() {
		return false
	}
	was.n++
	t.of[k] = was
	return true
}

// sweep forgets those whose time is over, and says whether there is room now.
func (t *tries) sweep(now time.Time) bool {
	for k, was := range t.of {
		if now.Sub(was.since) >= triesMemory {
			delete(t.of, k)
		}
	}
	return len(t.of) < maxTried
}

// forget takes tries back.
func (t *tries) forget(room string, who gate.Who, n int) {
	k := tryKey{room, who}
	t.mu.Lock()
	defer t.mu.Unlock()
	was, ok := t.of[k]
	if !ok {
		return
	}
	if was.n -= n; was.n <= 0 {
		delete(t.of, k)
		return
	}
	t.of[k] = was
}
