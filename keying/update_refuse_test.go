package keying

import (
	"bytes"
	"io"
	"testing"

	"github.com/conclave/conclave/keying/mikey"
)

// update is one of e's bundle by the wire package, with contents of the test's choice.
func (e *end) update(method Method, change func(*mikey.Params)) []byte {
	e.w.tb.Helper()
	csb := e.last.Running.bundle().csb
	p := mikey.Params{
		Prior: csb, Time: csb.NextTime(e.w.clock.now()), IDi: e.call.Local, IDr: e.call.Peer, SDPIDs: "mikey", V: true,
		MKI: []byte{9, 9, 9, 9}, Sessions: csb.Sessions(),
	}
	for n := range p.Sessions {
		if uint8(n+1) != e.last.Running.bundle().streams.own {
			p.Sessions[n].SSRC = 0
		}
	}
	if change != nil {
		change(&p)
	}
	var i mikey.Initiation
	var err error
	psk := testPSK(alice)
	switch method {
	case MIKEYPSK:
		i, err = mikey.InitiatePSK(p, psk.Bytes())
	case MIKEYDHHMAC:
		i, err = mikey.InitiateDHHMAC(p, mikey.GroupP256, psk.Bytes())
	default:
		i, err = mikey.InitiatePSK(p, nil)
	}
	if err != nil {
		e.w.tb.Fatal(err)
	}
	return i.Message()
}

// TestUpdateRefused: what the server refuses of an update, by the method whose guard it is.
func TestUpdateRefused(t *testing.T) {
	type dialog struct {
		w              *world
		caller, server *end
	}
	updated := func(change func(dialog)) func(dialog) Attributes {
		return func(d dialog) Attributes {
			a := d.caller.offers(d.caller.last.Posture.Method).Attributes()
			change(d)
			return a
		}
	}
	for _, c := range []struct {
		name   string
		make   func(dialog) Attributes
		reason Reason
	}{
		{"where nothing runs", updated(func(d dialog) { d.server.call.Running = nil }), ReasonUnknownBundle},
		{"where the leg has gone", updated(func(d dialog) { d.server.last.Running.Wipe() }), ReasonUnknownBundle},
		{"in another dialog of the same two", updated(func(d dialog) {
			_, other := d.w.dialog(d.caller.last.Posture.Method)
			d.server.call.Running = other.last.Running
		}), ReasonUnknownBundle},
		{"in a dialog of another method", updated(func(d dialog) {
			other := MIKEYDH
			if d.caller.last.Posture.Method == MIKEYDH {
				other = MIKEYPSK
			}
			_, there := d.w.dialog(other)
			d.server.call.Running = there.last.Running
		}), ReasonUnknownBundle},
		{"of another user", updated(func(d dialog) { d.server.call.Peer = bob }), ReasonWrongIdentity},
		{"in another room", updated(func(d dialog) { d.server.call.Local = "sip:red@" + testDomain }), ReasonWrongIdentity},
		{"stripped method list", updated(func(d dialog) { d.server.call.SDPIDs = "mikey;other" }), ReasonBidDown},
		{"stale", updated(func(d dialog) { d.w.clock.move(2 * defaultSkew) }), ReasonStale},
		{"method not in policy", updated(func(d dialog) { d.server.call.Policy.Methods = []Method{SDES} }), ReasonMethodRefused},
		{"suite not in policy", updated(func(d dialog) { d.server.call.Policy.Suites = []Suite{AESCM256SHA1x80} }), ReasonNoCommonSuite},
		{"of an account that is gone", updated(func(d dialog) { delete(d.w.dir.known, alice); delete(d.w.dir.psks, alice) }), ReasonUnknownIdentity},
		{"media address changed on the way", updated(func(d dialog) { d.caller.call.Addresses = []byte("elsewhere") }), ReasonAddressChanged},
		{"our own, sent back", func(d dialog) Attributes {
			return d.server.offers(d.caller.last.Posture.Method).Attributes()
		}, ReasonWrongIdentity},
	} {
		for _, m := range ofMIKEY() {
			t.Run(c.name+"/"+string(m), func(t *testing.T) {
				w := newWorld(t)
				caller, server := w.dialog(m)
				caller.call.Addresses = []byte("here")
				a := c.make(dialog{w, caller, server})
				_, err := server.verifies(a, caller)
				if e := wantRefusal(t, err, c.reason); e.BeforeAuth != (c.reason != ReasonAddressChanged) {
					t.Errorf("before authentication: %v", e.BeforeAuth)
				}
			})
		}
	}
}

// TestUpdateReplayed: an update is good once, and one made before another that was taken is good no more.
func TestUpdateReplayed(t *testing.T) {
	for _, m := range ofMIKEY() {
		for _, refresh := range []bool{false, true} {
			t.Run(string(m), func(t *testing.T) {
				w := newWorld(t)
				caller, server := w.dialog(m)
				caller.call.Refresh = refresh
				older, newer := caller.offers(m), caller.offers(m)
				twin, err := server.verifies(newer.Attributes(), caller)
				if err != nil {
					t.Fatal(err)
				}
				early, err := server.verifies(older.Attributes(), caller)
				if err != nil {
					t.Fatal(err)
				}
				theirs, response := server.answers(newer, caller)
				server.takes(theirs)
				for _, old := range []*Verified{twin, early} {
					_, _, err = server.k.Respond(t.Context(), old, server.call)
					wantRefusal(t, err, ReasonUnknownBundle)
				}
				for _, i := range []*Initiation{older, newer} {
					_, err = server.verifies(i.Attributes(), caller)
					wantRefusal(t, err, ReasonReplayed)
				}
				if _, err := newer.Complete(t.Context(), response); err != nil {
					t.Errorf("the answer: %v", err)
				}
			})
		}
	}
}

// TestUpdateTime: the bundle's own clock refuses an old update where the replay cache has never seen it.
func TestUpdateTime(t *testing.T) {
	for _, m := range ofMIKEY() {
		w := newWorld(t)
		caller, server := w.dialog(m)
		older, newer := caller.offers(m), caller.offers(m)
		theirs, _ := server.answers(newer, caller)
		server.takes(theirs)
		_, err := server.verifies(older.Attributes(), caller)
		wantRefusal(t, err, ReasonReplayed)
	}
}

// TestUpdateIdentifiers: new keys may not be called as older ones, nor otherwise than by a name of the same length.
func TestUpdateIdentifiers(t *testing.T) {
	for _, m := range []Method{MIKEYPSK, MIKEYDHHMAC, MIKEYPKE} {
		w := newWorld(t)
		caller, server := w.dialog(m)
		first := bytes.Clone(caller.last.Keys.Send.MKI)
		caller.renews(m, server)
		for name, mki := range map[string][]byte{"running": caller.last.Keys.Send.MKI, "before": first, "short": {1}, "none": nil} {
			a := Attributes{MIKEY: caller.update(m, func(p *mikey.Params) { p.MKI = mki })}
			v, err := server.verifies(a, caller)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			_, _, err = server.k.Respond(t.Context(), v, server.call)
			wantRefusal(t, err, ReasonMKIReused)
		}
	}
}

// TestUpdateKeyReuse: a peer that sends the running key again as a new one is refused: the stream would begin anew under it.
func TestUpdateKeyReuse(t *testing.T) {
	w := newWorld(t)
	caller, server := w.dialog(MIKEYPSK)
	for _, want := range []Reason{"", ReasonKeyReuse} {
		a := Attributes{MIKEY: caller.update(MIKEYPSK, func(p *mikey.Params) { p.Rand = new(countReader); p.MKI = []byte{1, 2, 3, byte(1 + len(want))} })}
		v, err := server.verifies(a, caller)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err = server.k.Respond(t.Context(), v, server.call); want != "" {
			wantRefusal(t, err, want)
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// countReader is a source of randomness that begins anew each time.
type countReader byte

func (r *countReader) Read(b []byte) (int, error) {
	for n := range b {
		*r++
		b[n] = byte(*r)
	}
	return len(b), nil
}

// TestUpdateOfReplacedCertificate: a peer whose certificate was replaced during the call renews nothing with the old one.
func TestUpdateOfReplacedCertificate(t *testing.T) {
	for _, m := range []Method{MIKEYDH, MIKEYPKE, MIKEYRSAR} {
		w := newWorld(t)
		issued := true
		w.server.issued = func(string, string) bool { return issued }
		caller, server := w.dialog(m)
		issued = false
		_, err := server.verifies(caller.offers(m).Attributes(), caller)
		wantRefusal(t, err, ReasonBadCertificate)
	}
}

// interrupted is a source of randomness that lets something happen before it is read for the first time.
type interrupted struct {
	io.Reader
	happens func()
}

func (r *interrupted) Read(b []byte) (int, error) {
	if happens := r.happens; happens != nil {
		r.happens = nil
		happens()
	}
	return r.Reader.Read(b)
}

// TestUpdateOvertakenWhileMade: updates of the peer that come in while ours is made are no reason to fail.
func TestUpdateOvertakenWhileMade(t *testing.T) {
	for _, m := range []Method{MIKEYPSK, MIKEYDH} {
		w := newWorld(t)
		caller, server := w.dialog(m)
		overtaken := false
		caller.k.rand = &interrupted{caller.k.rand, func() {
			for range 8 {
				v, err := caller.verifies(server.offers(m).Attributes(), server)
				if err != nil {
					t.Fatal(err)
				}
				v.Abandon()
			}
			overtaken = true
		}}
		caller.offers(m)
		if !overtaken {
			t.Errorf("%s: nothing came in while the update was made", m)
		}
	}
}
