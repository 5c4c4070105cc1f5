package keying

import (
	"encoding/binary"
	"errors"
	"testing"
	"time"
)

func keysNumbered(n int) *Keys {
	var send, receive [16]byte
	binary.BigEndian.PutUint64(send[:], uint64(2*n+1))
	binary.BigEndian.PutUint64(receive[:], uint64(2*n+2))
	return &Keys{Send: Stream{Key: NewSecret(send[:])}, Receive: Stream{Key: NewSecret(receive[:])}}
}

func newGuard(t *testing.T, c GuardConfig) *Guard {
	t.Helper()
	g, err := NewGuard(c)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestGuardRefusesReuse(t *testing.T) {
	clock := &hands{at: began}
	g := newGuard(t, GuardConfig{Now: clock.now})
	if err := g.admit(keysNumbered(1)); err != nil {
		t.Fatal(err)
	}
	half := keysNumbered(2)
	half.Receive = keysNumbered(1).Receive
	for name, k := range map[string]*Keys{"both": keysNumbered(1), "one direction": half} {
		if err := g.admit(k); !errors.Is(err, ErrKeyReuse) {
			t.Errorf("%s again: %v", name, err)
		}
	}
	if g.Len() != 2 {
		t.Errorf("%d remembered", g.Len())
	}
	// The half that was new was not remembered with the half that was not.
	if err := g.admit(keysNumbered(2)); err != nil {
		t.Error(err)
	}
	turned := keysNumbered(1)
	turned.Send, turned.Receive = turned.Receive, turned.Send
	if err := g.admit(turned); err != nil {
		t.Errorf("the other end of the leg in the same process: %v", err)
	}
}

func TestGuardRefusesOneKeyForBoth(t *testing.T) {
	k := keysNumbered(1)
	k.Receive = k.Send
	if err := newGuard(t, GuardConfig{}).admit(k); !errors.Is(err, ErrKeyReuse) {
		t.Error(err)
	}
}

func TestGuardForgets(t *testing.T) {
	clock := &hands{at: began}
	g := newGuard(t, GuardConfig{Now: clock.now})
	for n := range 30 {
		if err := g.admit(keysNumbered(n)); err != nil {
			t.Fatal(err)
		}
		clock.move(time.Hour)
	}
	clock.move(-time.Hour)
	for n := range 30 {
		age := time.Duration(29-n) * time.Hour
		switch err := g.admit(keysNumbered(n)); {
		case age <= guardLife && !errors.Is(err, ErrKeyReuse):
			t.Errorf("%v old: %v", age, err)
		case age > guardLife+2*guardSlot && err != nil:
			t.Errorf("%v old: %v", age, err)
		}
	}
}

// TestGuardBounded: a full guard forgets its oldest share and refuses nobody; what it saw of late it still knows.
func TestGuardBounded(t *testing.T) {
	clock := &hands{at: began}
	g := newGuard(t, GuardConfig{Now: clock.now, Entries: 16 * guardShares})
	for n := range 8 * guardShares {
		if err := g.admit(keysNumbered(n)); err != nil {
			t.Fatal(err)
		}
	}
	if g.ForgottenEarly() != 0 {
		t.Fatalf("%d forgotten before it was full", g.ForgottenEarly())
	}
	if err := g.admit(keysNumbered(8 * guardShares)); err != nil || g.ForgottenEarly() != 16 {
		t.Errorf("full: %v, %d forgotten early", err, g.ForgottenEarly())
	}
	for n := 8; n <= 8*guardShares; n++ {
		if err := g.admit(keysNumbered(n)); !errors.Is(err, ErrKeyReuse) {
			t.Errorf("number %d again: %v", n, err)
		}
	}
	if err := g.admit(keysNumbered(0)); err != nil {
		t.Errorf("the oldest, which it has forgotten: %v", err)
	}
}

// TestGuardFull: a guard with less room than one agreement needs refuses it, and remembers nothing.
func TestGuardFull(t *testing.T) {
	g := newGuard(t, GuardConfig{Entries: 1})
	if err := g.admit(keysNumbered(1)); !errors.Is(err, ErrFull) || g.Len() != 0 {
		t.Errorf("%v, %d remembered", err, g.Len())
	}
}
