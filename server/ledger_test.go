package server

import (
	"errors"
	"testing"

	"github.com/conclave/conclave/server/gate"
)

// A server that stops waits for the calls that are being set up too, and lets no other begin.
func TestLedgerStops(t *testing.T) {
	l := newLedger(&Config{
		Limits: LimitsConfig{Calls: 3, CallsPerAccount: 2}, Trunks: []TrunkConfig{{Name: "sbc", Calls: 1}},
	})
	alice := gate.Who{Account: "alice"}
	for range 2 {
		if err := l.reserve(alice); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.reserve(alice); !errors.Is(err, errAccountFull) {
		t.Errorf("a third call of one account: %v", err)
	}
	sbc := gate.Who{Trunk: "sbc"}
	if err := l.reserve(sbc); err != nil {
		t.Fatal(err)
	}
	if err := l.reserve(gate.Who{Account: "bob"}); !errors.Is(err, errServerFull) {
		t.Errorf("a fourth call: %v", err)
	}
	l.release(alice)
	if err := l.reserve(sbc); !errors.Is(err, errTrunkFull) {
		t.Errorf("a second call of a trunk of one: %v", err)
	}
	if err := l.reserve(gate.Who{Trunk: "stranger"}); !errors.Is(err, errTrunkFull) {
		t.Errorf("a call of a trunk that is none: %v", err)
	}
	l.release(sbc)
	if err := l.reserve(alice); err != nil {
		t.Errorf("the call of a trunk that has gone still counts: %v", err)
	}
	gone := l.stop()
	if err := l.reserve(gate.Who{Account: "bob"}); !errors.Is(err, errServerFull) {
		t.Errorf("a call while the server stops: %v", err)
	}
	l.release(alice)
	select {
	case <-gone:
		t.Error("gone though a call stands")
	default:
	}
	l.release(alice)
	<-gone
	if l.of("alice") != 0 || l.total() != 0 {
		t.Errorf("%d calls, %d of alice", l.total(), l.of("alice"))
	}
	<-newLedger(&Config{}).stop()
}
