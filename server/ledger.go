package server

import (
	"errors"
	"sync"
)

// ledger counts the calls that are being set up or stand, in the whole server and by account.
type ledger struct {
	maxCalls, maxPerAccount int

	mu        sync.Mutex
	calls     int
	byAccount map[string]int
	emptied   chan struct{} // nil until stop; closed once there are no calls and none can come
}

var (
	errServerFull  = errors.New("server: full")
	errAccountFull = errors.New("server: too many calls of this account")
)

func newLedger(l LimitsConfig) *ledger {
	return &ledger{maxCalls: l.Calls, maxPerAccount: l.CallsPerAccount, byAccount: make(map[string]int)}
}

// reserve counts one more call of the account, or says which limit forbids it.
func (l *ledger) reserve(account string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.emptied != nil, l.calls >= l.maxCalls:
		return errServerFull
	case l.byAccount[account] >= l.maxPerAccount:
		return errAccountFull
	}
	l.calls++
	l.byAccount[account]++
	return nil
}

// release undoes one reserve.
func (l *ledger) release(account string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls--
	if l.byAccount[account]--; l.byAccount[account] <= 0 {
		delete(l.byAccount, account)
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

// total returns the number of calls.
func (l *ledger) total() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.calls
}
