package keying

import "testing"

// TestRefreshFromNewAddress: a peer that comes to another address says so by an update without a TGK, whichever side it is: the
// address that the update binds is taken, the one before stands no more, and what was sent from there proves nothing any more.
func TestRefreshFromNewAddress(t *testing.T) {
	for _, m := range ofMIKEY() {
		for _, roamer := range []string{"caller", "server"} {
			t.Run(string(m)+"/"+roamer, func(t *testing.T) {
				w := newWorld(t)
				caller, server := w.dialog(m)
				moves, stays := caller, server
				if roamer == "server" {
					moves, stays = server, caller
				}
				moves.call.Addresses, stays.call.Addresses = []byte("Wi-Fi"), []byte("there")
				moves.refreshes(m, stays)
				csb, keys := stays.last.Running.CSBID(), stays.last.Posture.Since

				moves.call.Addresses = []byte("mobile")
				moves.refreshes(m, stays)
				running := stays.last.Running
				if running.CSBID() != csb || stays.last.Posture.Since != keys {
					t.Error("the keys are others")
				}
				if !running.Same(Attributes{Addresses: []byte("mobile")}) || running.Same(Attributes{Addresses: []byte("Wi-Fi")}) {
					t.Error("which address stands")
				}
				wantOnlyTrueRefresh(t, m, moves, stays)
			})
		}
	}
}

// wantOnlyTrueRefresh has an update without a TGK refused where somebody else sends it, with other addresses, twice, or late.
func wantOnlyTrueRefresh(t *testing.T, m Method, moves, stays *end) {
	t.Helper()
	moves.w.clock.move(1)
	moves.call.Refresh = true
	moves.call.Addresses = []byte("office")
	early := moves.offers(m).Attributes()
	moves.w.clock.move(1)
	sent := moves.offers(m).Attributes()
	verify := func(a Attributes, addresses string) (*Verified, error) {
		a.Addresses = []byte(addresses)
		return stays.k.Verify(a, stays.call)
	}
	_, err := verify(sent, "thief") // the true update, passed on with an address of somebody else's
	if e := wantRefusal(t, err, ReasonAddressChanged); e.BeforeAuth {
		t.Error("said to come before authentication")
	}
	v, err := verify(sent, "office")
	if err != nil {
		t.Fatal(err)
	}
	a, _, err := stays.k.Respond(t.Context(), v, stays.call)
	if err != nil {
		t.Fatal(err)
	}
	stays.takes(a)
	for name, old := range map[string]Attributes{"again": sent, "overtaken": early} {
		if _, err := verify(old, "office"); err == nil {
			t.Errorf("taken %s", name)
		} else {
			wantRefusal(t, err, ReasonReplayed)
		}
		if _, err := verify(old, "thief"); err == nil {
			t.Errorf("taken %s, for somebody else", name)
		}
	}
	// A new process has never seen it: then it is too old for the bundle, or for anybody.
	if stays.k == stays.w.server {
		stays.w.restart(nil)
		stays.k = stays.w.server
		_, err = verify(early, "office")
		wantRefusal(t, err, ReasonReplayed)
	}
	stays.w.clock.move(2 * defaultSkew)
	_, err = verify(sent, "office")
	wantRefusal(t, err, ReasonStale)
}
