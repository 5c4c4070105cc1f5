package server

import (
	"errors"
	"sync"

	"github.com/conclave/conclave/server/gate"
)

// ledger counts the calls that are being set up or stand, in the whole server, by account and by trunk; and the seats that wait for their
// owners, who mean to call again.
type ledger struct {
	maxCalls, maxPerAccount int
	maxOf                   map[string]int // by trunk

	mu        sync.Mutex
	calls     int
	away      int // seats that wait
	byAccount map[string]int
	byTrunk   map[string]int
	emptied   chan struct{} // nil until stop; closed once there are no calls and none can come
}

var (
	errServerFull  = errors.New("server: full")
	errAccountFull = errors.New("server: too many calls of this account")
	errTrunkFull   = errors.New("server: too many calls of this trunk")
)

func newLedger(c *Config) *ledger {
	l := &ledger{
		maxCalls: c.Limits.Calls, maxPerAccount: c.Limits.CallsPerAccount, maxOf: make(map[string]int),
		byAccount: make(map[string]int), byTrunk: make(map[string]int),
	}
	for _, t := range c.Trunks {
		l.maxOf[t.Name] = t.Calls
	}
	return l
}

// reserve counts one more call of an account or of a trunk, or says which limit forbids it.
func (l *ledger) reserve(who gate.Who) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.emptied != nil, l.calls >= l.maxCalls:
		return errServerFull
	case who.Trunk != "" && l.byTrunk[who.Trunk] >= l.maxOf[who.Trunk]:
		return errTrunkFull
	case who.Trunk == "" && l.byAccount[who.Account] >= l.maxPerAccount:
		return errAccountFull
	}
	l.calls++
	if who.Trunk != "" {
		l.byTrunk[who.Trunk]++
	} else {
		l.byAccount[who.Account]++
	}
	return nil
}

// extra counts a call that no limit forbids: the second leg that a seat has for the length of a move.
func (l *ledger) extra(who gate.Who) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls++
	l.byAccount[who.Account]++
}

// release undoes one reserve.
func (l *ledger) release(who gate.Who) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls--
	if who.Trunk != "" {
		l.byTrunk[who.Trunk]--
	} else if l.byAccount[who.Account]--; l.byAccount[who.Account] <= 0 {
		delete(l.byAccount, who.Account)
	}
	if l.calls == 0 && l.emptied != nil {
		close(l.emptied)
	}
}

// stop refuses every further call. The channel, which it returns once, is closed when the last of those that stand or are being
// set up is released.
func (l *ledger) stop() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.emptied = make(chan struct{})
	if l.calls == 0 {
		close(l.emptied)
	}
	return l.emptied
}

// of returns the number of calls of one account.
func (l *ledger) of(account string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.byAccount[account]
}

// waits counts a seat that waits for its owner, and with -1 one that does no longer. It waits before its call is released, and until another
// is reserved.
func (l *ledger) waits(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.away += n
}

// left returns the calls, and the seats that wait, at one moment.
func (l *ledger) left() (calls, away int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.calls, l.away
}

// total returns the number of calls.
func (l *ledger) total() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.calls
}
