package keying

import (
	"errors"
	"testing"

	"github.com/conclave/conclave/keying/mikey"
)

func TestParseProfile(t *testing.T) {
	for _, p := range Profiles() {
		if got, err := ParseProfile(p.Name); err != nil || got != p {
			t.Errorf("%s: %+v, %v", p.Name, got, err)
		}
	}
	if got, err := ParseProfile(""); err != nil || got != (Profile{Name: ProfileStandard}) {
		t.Errorf("none: %+v, %v", got, err)
	}
	if _, err := ParseProfile("friend"); !errors.Is(err, ErrUnknownProfile) {
		t.Errorf("%v", err)
	}
}

// TestProfileLenient: what a profile forgives it forgives where another proof told who calls, and nothing else of the message.
func TestProfileLenient(t *testing.T) {
	anonymous := func(p *mikey.Params) { p.IDi, p.IDr = "", "" }
	unlisted := func(p *mikey.Params) { p.SDPIDs = "" }
	wrong := func(p *mikey.Params) { p.SDPIDs = "mikey;better" }
	bobs := func(p *mikey.Params) { p.IDi = bob }
	for _, c := range []struct {
		name, profile, peer string
		change              func(*mikey.Params)
		reason              Reason
	}{
		{"no identities", ProfileStandard, alice, anonymous, ReasonWrongIdentity},
		{"no identities", ProfileRFC3830, alice, anonymous, ""},
		{"no identities, by digest another's", ProfileRFC3830, bob, anonymous, ReasonBadMAC},
		{"no identities, nobody has proven any", ProfileRFC3830, "", anonymous, ReasonWrongIdentity},
		{"another's identity", ProfileRFC3830, alice, bobs, ReasonWrongIdentity},
		{"no list", ProfileStandard, alice, unlisted, ReasonBidDown},
		{"no list", ProfileMinisip, alice, unlisted, ""},
		{"no list, nobody has proven any identity", ProfileMinisip, "", unlisted, ReasonBidDown},
		{"a wrong list", ProfileMinisip, alice, wrong, ReasonBidDown},
	} {
		t.Run(c.name+"/"+c.profile, func(t *testing.T) {
			w := newWorld(t)
			message := w.strangerPSK(c.change)
			call := answered()
			call.Peer, call.Policy.PeerProfile = c.peer, c.profile
			v, err := w.server.Verify(Attributes{MIKEY: message}, call)
			if c.reason != "" {
				wantRefusal(t, err, c.reason)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			a, _, err := w.server.Respond(t.Context(), v, call)
			if err != nil || v.Identity() != alice || a.Posture.PeerIdentity != alice {
				t.Errorf("%s, %v", v.Identity(), err)
			}
		})
	}
}

// TestProfileOffers: what our offers leave out for whom.
func TestProfileOffers(t *testing.T) {
	for _, c := range []struct {
		profile              string
		method               Method
		identities, list, id bool
	}{
		{ProfileStandard, MIKEYPSK, true, true, true},
		{ProfileRFC3830, MIKEYPSK, true, true, true},
		{ProfileRFC4650, MIKEYDHHMAC, true, true, true},
		{ProfileMinisip, MIKEYPSK, false, false, false},
		{ProfileMinisip, MIKEYDHHMAC, true, false, false},
		{ProfileMinisip, MIKEYDH, true, false, false},
	} {
		w := newWorld(t)
		caller, server := w.ends(CertRSA)
		caller.call.Policy.PeerProfile, server.call.Policy.PeerProfile = c.profile, c.profile
		i := caller.offers(c.method)
		m, err := mikey.Parse(i.Attributes().MIKEY)
		if err != nil {
			t.Fatal(err)
		}
		_, identified := m.IDi()
		_, listed := m.SDPIDs()
		if identified != c.identities || listed != c.list {
			t.Errorf("%s, %s: identities %v, list %v", c.profile, c.method, identified, listed)
		}
		caller.settles(c.method, server)
		if (caller.last.Keys.Send.MKI != nil) != c.id {
			t.Errorf("%s, %s: MKI %x", c.profile, c.method, caller.last.Keys.Send.MKI)
		}
	}
}

// TestProfileReflected: an offer of ours without identities, sent back to us as the peer's, is no offer of the peer's. Others bear our
// own identity as the sender's.
func TestProfileReflected(t *testing.T) {
	for _, profile := range []string{ProfileStandard, ProfileRFC3830, ProfileMinisip} {
		for _, m := range []Method{MIKEYPSK, MIKEYDHHMAC} {
			w := newWorld(t)
			_, server := w.ends(CertECDSA)
			server.call.Policy.PeerProfile = profile
			i := server.offers(m)
			_, err := server.k.Verify(i.Attributes(), server.call)
			want := ReasonWrongIdentity
			if m == MIKEYPSK && profile == ProfileMinisip {
				want = ReasonReplayed
			}
			wantRefusal(t, err, want)
		}
	}
}

// TestSHA1Signatures: taken and made where the policy says so, for peers that make them, and refused by any policy that does not.
func TestSHA1Signatures(t *testing.T) {
	for _, m := range []Method{MIKEYDH, MIKEYPKE, MIKEYRSAR} {
		w := newWorld(t)
		caller, server := w.ends(CertRSA)
		old := everything()
		old.PeerProfile, old.SHA1Signatures = ProfileMinisip, true
		caller.call.Policy = old
		a := caller.offers(m).Attributes()
		_, err := server.verifies(a, caller)
		if e := wantRefusal(t, err, ReasonBidDown); e == nil { // the standard profile wants the list
			continue
		}
		server.call.Policy.PeerProfile = ProfileMinisip
		_, err = server.verifies(a, caller)
		if e := wantRefusal(t, err, ReasonWeakProtection); e.Number != uint8(mikey.InvalidHA) {
			t.Errorf("%s: error number %d", m, e.Number)
		}
		server.call.Policy = old
		v, err := server.verifies(a, caller)
		if err != nil {
			t.Fatal(err)
		}
		wantRefusal(t, everything().Permits(v), ReasonWeakProtection)
		v.Abandon()
		caller.settles(m, server)

		caller.call.Policy = everything() // without the profile SHA-256 is what we make, and it holds anywhere
		if v, err = server.verifies(w.offer(caller.k, m, Call{
			Local: alice, Peer: room, SDPIDs: "mikey", SSRC: 3, Policy: caller.call.Policy, Cert: CertRSA,
		}).Attributes(), caller); err != nil || v.sha1 {
			t.Errorf("%s: over SHA-1 unasked, %v", m, err)
		}
	}
}
