package server

import (
	"errors"
	"testing"
)

// A server that stops waits for the calls that are being set up too, and lets no other begin.
func TestLedgerStops(t *testing.T) {
	l := newLedger(LimitsConfig{Calls: 3, CallsPerAccount: 2})
	for range 2 {
		if err := l.reserve("alice"); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.reserve("alice"); !errors.Is(err, errAccountFull) {
		t.Errorf("a third call of one account: %v", err)
	}
	gone := l.stop()
	if err := l.reserve("bob"); !errors.Is(err, errServerFull) {
		t.Errorf("a call while the server stops: %v", err)
	}
	l.release("alice")
	select {
	case <-gone:
		t.Error("gone though a call stands")
	default:
	}
	l.release("alice")
	<-gone
	if l.of("alice") != 0 || l.total() != 0 {
		t.Errorf("%d calls, %d of alice", l.total(), l.of("alice"))
	}
	<-newLedger(LimitsConfig{}).stop()
}
