package keying

import (
	"bytes"
	"errors"
	"sync"
	"testing"
)

// TestRunningNothing: of no agreement, and of one that is wiped, nothing is the same, and nothing can be renewed.
func TestRunningNothing(t *testing.T) {
	w := newWorld(t)
	all := []*Running{nil}
	for _, m := range Methods() {
		caller, server := w.ends(kindsOf(m)[0])
		caller.settles(m, server)
		r := caller.last.Running
		if r.Method() != m || !r.CanUpdate() || r.Repeat().Empty() {
			t.Errorf("%s: %s, can update %v, %v", m, r.Method(), r.CanUpdate(), r.Repeat())
		}
		if m.mikey() && (!r.Same(Attributes{}) || !r.Same(r.Repeat()) || server.last.Running.Same(lines("1 x y")) || !server.last.Running.Repeat().Empty()) {
			t.Errorf("%s: what leaves the keys", m)
		}
		r.Wipe()
		r.Wipe()
		all = append(all, r)
	}
	for _, r := range all {
		if r.Same(Attributes{}) || !r.Repeat().Empty() || !r.Reply(lines("1 x y")).Empty() || r.CanUpdate() || r.bundle() != nil || r.lines() != nil {
			t.Errorf("%v is of use", r)
		}
	}
}

// TestRunningWiped: the envelope key of a bundle, and the keys of lines, are gone; the next state has its own.
func TestRunningWiped(t *testing.T) {
	w := newWorld(t)
	caller, server := w.dialog(MIKEYPKE)
	first := server.last.Running.bundle()
	caller.renews(MIKEYPKE, server) // takes wipes the state before
	if first.csb.CanUpdate() || !server.last.Running.bundle().csb.CanUpdate() {
		t.Error("an envelope key outlived its state, or went with it")
	}
	caller, server = w.ends(CertECDSA)
	caller.settles(SDES, server)
	state := server.last.Running.state().(*sdesState)
	keys := [][]byte{state.own.Key, state.own.Salt, state.theirs.Key, state.theirs.Salt}
	server.last.Wipe()
	for _, k := range keys {
		if bytes.Equal(k, make([]byte, len(k))) {
			t.Error("wiping an agreement's keys wiped what runs")
		}
	}
	server.last.Running.Wipe()
	for _, k := range keys {
		if !bytes.Equal(k, make([]byte, len(k))) {
			t.Error("a key outlived Wipe")
		}
	}
}

// TestAgreementWiped: an abandoned offer, a dropped one, and what was verified and used leave no keys.
func TestAgreementWiped(t *testing.T) {
	w := newWorld(t)
	caller, server := w.ends(CertECDSA)
	i := caller.offers(SDES)
	v, err := server.verifies(i.Attributes(), caller)
	if err != nil {
		t.Fatal(err)
	}
	theirs := v.line.Key
	v.Abandon()
	ours := i.half.(*sdesOffer).lines[0].Key
	i.Abandon()
	for _, k := range [][]byte{ours, theirs} {
		if !bytes.Equal(k, make([]byte, len(k))) {
			t.Error("a key outlived its exchange")
		}
	}
	if _, err := i.Complete(t.Context(), lines("1 x y")); !errors.Is(err, ErrAbandoned) {
		t.Errorf("%v", err)
	}
}

// TestRunningRace: a leg may wipe what runs while others compare with it, verify against it and repeat it (run with -race).
func TestRunningRace(t *testing.T) {
	w := newWorld(t)
	for _, m := range Methods() {
		caller, server := w.ends(kindsOf(m)[0])
		caller.settles(m, server)
		offered, repeated := caller.offers(m).Attributes(), caller.last.Running.Repeat()
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if v, err := server.verifies(offered, caller); err == nil {
					a, _, err := server.k.Respond(t.Context(), v, server.call)
					if err == nil {
						a.Wipe()
					}
				}
			})
			wg.Go(func() {
				server.last.Running.Same(repeated)
				server.last.Running.Reply(repeated)
				server.last.Running.CanUpdate()
			})
			wg.Go(server.last.Running.Wipe)
		}
		wg.Wait()
		if server.last.Running.Same(repeated) {
			t.Errorf("%s: the same after Wipe", m)
		}
	}
}
