package keying

import (
	"slices"
	"testing"

	"github.com/conclave/conclave/keying/mikey"
)

// TestUpdates: keys are renewed by either side, in any order, by every method, in one bundle; streams keep their crypto sessions
// and counters, and every generation has an identifier of its own.
func TestUpdates(t *testing.T) {
	for _, m := range ofMIKEY() {
		for _, kind := range kindsOf(m) {
			t.Run(string(m)+"/"+kind, func(t *testing.T) { updates(t, m, kind) })
		}
	}
}

func updates(t *testing.T, m Method, kind string) {
	w := newWorld(t)
	caller, server := w.dialogBy(m, kind)
	csb := caller.last.Running.CSBID()
	caller.call.Addresses, server.call.Addresses = []byte("here"), []byte("there")
	var mkis []string
	for n, from := range []*end{caller, server, server, caller, server} {
		other := map[*end]*end{caller: server, server: caller}[from]
		from.call.ROC, other.call.ROC = uint32(n+1), uint32(n+100)
		from.renews(m, other)
		if from.last.Running.CSBID() != csb || other.last.Running.CSBID() != csb || from.last.Refreshed() {
			t.Errorf("update %d is not of the bundle", n)
		}
		if got := other.last.Keys.Receive; got.SSRC != from.call.SSRC || got.ROC != uint32(n+1) {
			t.Errorf("update %d: SSRC %x, ROC %d", n, got.SSRC, got.ROC)
		}
		if got := from.last.Keys.Receive; got.SSRC != other.call.SSRC || got.ROC != uint32(n+100) {
			t.Errorf("answer %d: SSRC %x, ROC %d", n, got.SSRC, got.ROC)
		}
		mkis = append(mkis, string(from.last.Keys.Send.MKI))
		from.refreshes(m, other)
		if from.last.Running.CSBID() != csb || from.last.Posture.Method != m || other.last.Posture.PeerIdentity != other.call.Peer {
			t.Errorf("refresh %d: %+v", n, from.last.Posture)
		}
		other.refreshes(m, from)
	}
	if slices.Sort(mkis); len(slices.Compact(mkis)) != 5 {
		t.Errorf("identifiers %q", mkis)
	}
}

// TestUpdateOfServersOffer: in a dialog that the server's offer opened, streams stay where that put them.
func TestUpdateOfServersOffer(t *testing.T) {
	for _, m := range []Method{MIKEYPSK, MIKEYDH, MIKEYDHHMAC, MIKEYRSAR} {
		t.Run(string(m), func(t *testing.T) {
			w := newWorld(t)
			caller, server := w.ends(kindsOf(m)[0])
			server.settles(m, caller)
			caller.renews(m, server)
			server.renews(m, caller)
			caller.refreshes(m, server)
			caller.renews(m, server)
			if s := caller.last.Running.bundle().streams; s != (streams{own: 2, theirs: 1}) {
				t.Errorf("the caller's streams became %v", s)
			}
		})
	}
}

// TestUpdateLeavesOut: an update has no RAND, no certificates and no policies, and its time is above that of the bundle.
func TestUpdateLeavesOut(t *testing.T) {
	for _, m := range ofMIKEY() {
		w := newWorld(t)
		caller, server := w.dialog(m)
		w.clock.move(-defaultSkew) // also where our clock runs behind the peer's
		first, err := mikey.Parse(caller.last.Running.Message())
		if err != nil {
			t.Fatal(err)
		}
		o, err := mikey.Parse(server.offers(m).Attributes().MIKEY)
		if err != nil {
			t.Fatal(err)
		}
		before, _ := first.Timestamp().NTP()
		after, _ := o.Timestamp().NTP()
		if !o.Update() || o.Refresh() || len(o.Certificates()) != 0 || len(o.Policies()) != 0 || after <= before {
			t.Errorf("%s: update %v, %d certificates, %d policies, time %x after %x", m, o.Update(), len(o.Certificates()), len(o.Policies()), after, before)
		}
	}
}

// TestFreshBundle: towards peers of that profile keys are renewed by a bundle of their own.
func TestFreshBundle(t *testing.T) {
	for _, m := range ofMIKEY() {
		t.Run(string(m), func(t *testing.T) {
			w := newWorld(t)
			caller, server := w.ends(kindsOf(m)[0])
			caller.call.Policy.PeerProfile, server.call.Policy.PeerProfile = ProfileMinisip, ProfileMinisip
			caller.settles(m, server)
			csb := caller.last.Running.CSBID()
			caller.renews(m, server)
			if caller.last.Running.CSBID() == csb {
				t.Error("the same bundle")
			}
			if caller.last.Keys.Send.MKI != nil || !caller.last.Running.CanUpdate() {
				t.Errorf("MKI %x, can update %v", caller.last.Keys.Send.MKI, caller.last.Running.CanUpdate())
			}
			// A server has no certificate of the caller's to encrypt to.
			if server.last.Running.CanUpdate() != (m != MIKEYPKE) {
				t.Error("whether the server can renew")
			}
		})
	}
}

// TestOtherSuiteInDialog: keys for another suite come in a bundle of their own.
func TestOtherSuiteInDialog(t *testing.T) {
	w := newWorld(t)
	caller, server := w.dialog(MIKEYDH)
	csb := caller.last.Running.CSBID()
	caller.call.Suite = AESCM128SHA1x80
	caller.renews(MIKEYDH, server)
	if caller.last.Running.CSBID() == csb || caller.last.Keys.Suite != AESCM128SHA1x80 {
		t.Errorf("%s in bundle %x", caller.last.Keys.Suite, csb)
	}
	caller.call.Suite = ""
	caller.renews(MIKEYPSK, server) // and those of another method
	caller.renews(MIKEYDHHMAC, server)
}
