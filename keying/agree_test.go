package keying

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"testing"

	"github.com/conclave/conclave/keying/mikey"
)

// TestAgreeCallerOffers runs every method, suite, group and kind of certificate with the caller as initiator.
func TestAgreeCallerOffers(t *testing.T) {
	w := newWorld(t)
	for _, m := range ofMIKEY() {
		for _, kind := range kindsOf(m) {
			for _, group := range groupsOf(m) {
				for _, suite := range Suites() {
					t.Run(fmt.Sprintf("%s/%s/%s/%s", m, kind, group, suite), func(t *testing.T) {
						w.agree(t, m, suite, group, kind)
					})
				}
			}
		}
	}
}

// kindsOf are the certificates with which a caller can use the method; one where it uses none.
func kindsOf(m Method) []string {
	switch {
	case m == MIKEYRSAR:
		return []string{CertRSA}
	case m.Certified():
		return []string{CertRSA, CertECDSA}
	}
	return []string{CertECDSA}
}

// groupsOf are the groups the method agrees in, "" for one that has none.
func groupsOf(m Method) []Group {
	if m.agreesGroup() {
		return Groups()
	}
	return []Group{""}
}

func (w *world) agree(t *testing.T, m Method, suite Suite, group Group, kind string) {
	t.Helper()
	c := dialled(alice)
	c.Suite, c.Group, c.Cert = suite, group, kind
	i := w.offer(w.caller(alice, kind), m, c)
	v := w.verified(i.Attributes().MIKEY, answered())
	if v.Identity() != alice || v.Method() != m || v.Suite() != suite || v.Group() != group {
		t.Errorf("verified %s %s %s %s", v.Identity(), v.Method(), v.Suite(), v.Group())
	}
	theirs, response, err := w.server.Respond(t.Context(), v, answered())
	if err != nil {
		t.Fatal(err)
	}
	wantSignedLike(t, m, kind, response.MIKEY)
	ours, err := i.Complete(t.Context(), response)
	if err != nil {
		t.Fatal(err)
	}
	wantMirrored(t, &ours.Keys, &theirs.Keys)
	wantPosture(t, ours, theirs, m, suite, group)
	if ours.Keys.Receive.SSRC != answered().SSRC || theirs.Keys.Receive.SSRC != c.SSRC {
		t.Errorf("SSRCs %x and %x", ours.Keys.Receive.SSRC, theirs.Keys.Receive.SSRC)
	}
	theirs.Wipe()
	if theirs.Keys.Send.Key.Len() != 0 || theirs.Keys.Receive.Salt.Len() != 0 {
		t.Error("not wiped")
	}
}

// wantSignedLike holds that the server answers with the kind of certificate that the caller has shown to know.
func wantSignedLike(t *testing.T, m Method, kind string, response []byte) {
	t.Helper()
	if m != MIKEYDH && m != MIKEYRSAR {
		return
	}
	r, err := mikey.Parse(response)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(r.Certificates()[0])
	if err != nil || kindOf(leaf) != kind {
		t.Errorf("answered with %s, %v", kindOf(leaf), err)
	}
}

func wantPosture(t *testing.T, ours, theirs *Agreement, m Method, suite Suite, group Group) {
	t.Helper()
	for _, a := range []*Agreement{ours, theirs} {
		p := a.Posture
		if p.Method != m || p.Suite != suite || p.Group != group || p.ForwardSecrecy != m.agreesGroup() || !p.Since.Equal(began) {
			t.Errorf("posture %+v", p)
		}
		if (p.PeerFingerprint != "") != m.Certified() {
			t.Errorf("fingerprint %q", p.PeerFingerprint)
		}
	}
	if ours.Posture.PeerIdentity != room || theirs.Posture.PeerIdentity != alice {
		t.Errorf("peers %s and %s", ours.Posture.PeerIdentity, theirs.Posture.PeerIdentity)
	}
	if ours.Posture.CSBID != theirs.Posture.CSBID || !bytes.Equal(ours.Running.bundle().offers[0], theirs.Running.bundle().offers[0]) {
		t.Error("CSB IDs or offers differ")
	}
	if ours.Role != Initiator || theirs.Role != Responder {
		t.Errorf("roles %s and %s", ours.Role, theirs.Role)
	}
}

// TestAgreeServerOffers is the late offer and the server's re-INVITE: the room initiates, the account responds.
func TestAgreeServerOffers(t *testing.T) {
	w := newWorld(t)
	for _, m := range []Method{MIKEYPSK, MIKEYDH, MIKEYDHHMAC, MIKEYRSAR} { // a server has no caller's certificate to encrypt to
		for _, kind := range []string{CertRSA, CertECDSA} {
			t.Run(fmt.Sprintf("%s/%s", m, kind), func(t *testing.T) {
				caller := w.caller(alice, kind)
				from := Call{Local: room, Peer: alice, SDPIDs: "mikey", SSRC: 0x2222_2222, Policy: everything(), Cert: kind}
				to := Call{Local: alice, Peer: room, SDPIDs: "mikey", SSRC: 0x1111_1111, Policy: everything()}
				i := w.offer(w.server, m, from)
				v, err := caller.Verify(Attributes{MIKEY: i.Attributes().MIKEY}, to)
				if err != nil {
					t.Fatal(err)
				}
				theirs, response, err := caller.Respond(t.Context(), v, to)
				if err != nil {
					t.Fatal(err)
				}
				ours, err := i.Complete(t.Context(), response)
				if err != nil {
					t.Fatal(err)
				}
				wantMirrored(t, &ours.Keys, &theirs.Keys)
			})
		}
	}
}

// TestAgreeFresh holds that two offers share nothing, even made at one instant.
func TestAgreeFresh(t *testing.T) {
	w := newWorld(t)
	k := w.caller(alice, CertECDSA)
	seen := map[string]bool{}
	for range 3 {
		m, err := mikey.Parse(w.offer(k, MIKEYPSK, dialled(alice)).Attributes().MIKEY)
		if err != nil {
			t.Fatal(err)
		}
		at, _ := m.Timestamp().NTP()
		for _, what := range []string{fmt.Sprint("csb", m.CSBID()), fmt.Sprint("time", at), string(m.RAND())} {
			if seen[what] {
				t.Errorf("twice: %q", what)
			}
			seen[what] = true
		}
	}
}

// stranger makes offers that our own Keyer would not.
func (w *world) stranger(change func(*mikey.Params)) mikey.Params {
	p := mikey.Params{
		CSBID: 0x0102_0304, Time: w.clock.now(), IDi: alice, IDr: room, SDPIDs: "mikey", V: true,
		Sessions: []mikey.Session{{SSRC: 0x1111_1111}, {}}, Policies: []mikey.Policy{AEADAES128GCM.spPolicy(0)},
	}
	if change != nil {
		change(&p)
	}
	return p
}

func (w *world) strangerPSK(change func(*mikey.Params)) []byte {
	w.tb.Helper()
	i, err := mikey.InitiatePSK(w.stranger(change), testPSK(alice).Bytes())
	if err != nil {
		w.tb.Fatal(err)
	}
	return i.Message()
}

// TestAgreeStrangers holds what other implementations do and RFC 3830 lets them.
func TestAgreeStrangers(t *testing.T) {
	cases := []struct {
		name   string
		change func(*mikey.Params)
		check  func(*testing.T, *Agreement, []byte)
	}{
		{"no verification asked", func(p *mikey.Params) { p.V = false }, func(t *testing.T, _ *Agreement, r []byte) {
			if r != nil {
				t.Error("answered")
			}
		}},
		{"no sessions", func(p *mikey.Params) { p.Sessions = nil }, wantReceiveSSRC(0)},
		{"one session", func(p *mikey.Params) { p.Sessions = p.Sessions[:1] }, wantReceiveSSRC(0x1111_1111)},
		{"SSRCs not stated", func(p *mikey.Params) { p.Sessions = make([]mikey.Session, 2) }, wantReceiveSSRC(0)},
		{"a counter at its end for the stream that is ours", func(p *mikey.Params) { p.Sessions[1].ROC = 1<<32 - 1 },
			func(t *testing.T, a *Agreement, r []byte) {
				m, err := mikey.Parse(r)
				if err != nil {
					t.Fatal(err)
				}
				if a.Keys.Send.ROC != 0 || m.Sessions()[1].ROC != 0 {
					t.Errorf("we send from ROC %d and say %d", a.Keys.Send.ROC, m.Sessions()[1].ROC)
				}
			}},
		{"both streams claimed", func(p *mikey.Params) { p.Sessions[1] = mikey.Session{SSRC: 9, ROC: 5} },
			func(t *testing.T, a *Agreement, _ []byte) {
				if a.Keys.Send.ROC != 0 {
					t.Errorf("we send from ROC %d", a.Keys.Send.ROC)
				}
			}},
		{"second session is the initiator's", func(p *mikey.Params) {
			p.Sessions = []mikey.Session{{}, {SSRC: 7, ROC: 3}}
		}, wantReceiveSSRC(7)},
		{"no policy is the default suite", func(p *mikey.Params) { p.Policies = nil }, func(t *testing.T, a *Agreement, _ []byte) {
			if a.Keys.Suite != AESCM128SHA1x80 {
				t.Error(a.Keys.Suite)
			}
		}},
		{"SHA-256 PRF", func(p *mikey.Params) { p.PRF = mikey.PRFSHA256 }, wantReceiveSSRC(0x1111_1111)},
		{"MKI", func(p *mikey.Params) { p.MKI = []byte{1, 2, 3, 4} }, func(t *testing.T, a *Agreement, _ []byte) {
			if !bytes.Equal(a.Keys.Send.MKI, []byte{1, 2, 3, 4}) || !bytes.Equal(a.Keys.Receive.MKI, []byte{1, 2, 3, 4}) {
				t.Errorf("MKI %x and %x", a.Keys.Send.MKI, a.Keys.Receive.MKI)
			}
		}},
		{"roll-over counter", func(p *mikey.Params) { p.Sessions[0].ROC = 5 }, func(t *testing.T, a *Agreement, _ []byte) {
			if a.Keys.Receive.ROC != 5 || a.Keys.Send.ROC != 0 {
				t.Error(a.Keys.Receive.ROC, a.Keys.Send.ROC)
			}
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			a, r, err := w.server.Respond(t.Context(), w.verified(w.strangerPSK(c.change), answered()), answered())
			if err != nil {
				t.Fatal(err)
			}
			if a.Keys.Send.SSRC != answered().SSRC {
				t.Errorf("own SSRC %x", a.Keys.Send.SSRC)
			}
			c.check(t, a, r.MIKEY)
		})
	}
}

func wantReceiveSSRC(ssrc uint32) func(*testing.T, *Agreement, []byte) {
	return func(t *testing.T, a *Agreement, _ []byte) {
		t.Helper()
		if a.Keys.Receive.SSRC != ssrc {
			t.Errorf("peer's SSRC %x, want %x", a.Keys.Receive.SSRC, ssrc)
		}
	}
}
