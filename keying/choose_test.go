package keying

import (
	"slices"
	"testing"

	"github.com/conclave/conclave/keying/mikey"
)

// everyWay is an offer of alice's by every kind of key management beside each other.
func (w *world) everyWay(caller *end, m Method) Attributes {
	w.tb.Helper()
	a := caller.offers(m).Attributes()
	a.Crypto = caller.offers(SDES).Attributes().Crypto
	a.DTLS = caller.offers(DTLSSRTP).Attributes().DTLS
	return a
}

// TestChoose: the policy's first among what is offered, and never another because that one failed.
func TestChoose(t *testing.T) {
	const secured = true
	for _, c := range []struct {
		name    string
		methods []Method
		secured bool
		change  func(*Policy, *Attributes)
		want    Method
		reason  Reason
	}{
		{"policy's first", []Method{SDES, DTLSSRTP, MIKEYPSK}, secured, nil, SDES, ""},
		{"policy's first, which is MIKEY", []Method{MIKEYPSK, SDES}, secured, nil, MIKEYPSK, ""},
		{"not offered", []Method{MIKEYDH, DTLSSRTP, SDES}, secured, nil, DTLSSRTP, ""},
		{"in the clear the keys in the clear do not count", []Method{SDES, DTLSSRTP}, !secured, nil, DTLSSRTP, ""},
		{"in the clear and nothing else", []Method{SDES}, !secured, nil, "", ReasonInsecureSignalling},
		{"nothing in common", []Method{MIKEYDH}, secured, nil, "", ReasonMethodRefused},
		{"forward secrecy required", []Method{SDES, MIKEYPSK, DTLSSRTP}, secured, func(p *Policy, _ *Attributes) {
			p.ForwardSecrecy = ForwardSecrecyRequired
		}, DTLSSRTP, ""},
		{"forward secrecy required and not offered", []Method{SDES, MIKEYPSK}, secured, func(p *Policy, _ *Attributes) {
			p.ForwardSecrecy = ForwardSecrecyRequired
		}, "", ReasonForwardSecrecy},
		{"the chosen MIKEY fails", []Method{MIKEYPSK, SDES}, secured, func(_ *Policy, a *Attributes) {
			a.MIKEY = slices.Clone(a.MIKEY)
			a.MIKEY[len(a.MIKEY)-1] ^= 1
		}, "", ReasonBadMAC},
		{"an unreadable MIKEY", []Method{SDES}, secured, func(_ *Policy, a *Attributes) { a.MIKEY = []byte{1, 2} }, "", ReasonMalformed},
		{"the chosen DTLS fails", []Method{DTLSSRTP, SDES}, secured, func(_ *Policy, a *Attributes) { a.DTLS.Fingerprints = nil }, "", ReasonWeakProtection},
		{"the chosen SDES fails", []Method{SDES, MIKEYPSK}, secured, func(_ *Policy, a *Attributes) { a.Crypto = lines("1 x y").Crypto }, "", ReasonMalformed},
		{"a MIKEY type that nobody knows", []Method{SDES}, secured, func(_ *Policy, a *Attributes) {
			a.MIKEY = slices.Clone(a.MIKEY)
			a.MIKEY[1] = 26
		}, SDES, ""},
		{"an answer in place of an offer", []Method{SDES}, secured, func(_ *Policy, a *Attributes) {
			a.MIKEY = mikey.NewErrorMessage(1, mikey.Timestamp{}, mikey.Unspecified, nil)
		}, "", ReasonNotAnOffer},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			caller, server := w.ends(CertECDSA)
			a := w.everyWay(caller, MIKEYPSK)
			server.call.Policy.Methods, server.call.Secured = c.methods, c.secured
			if c.change != nil {
				c.change(server.call.Policy, &a)
			}
			v, err := server.verifies(a, caller)
			if c.reason != "" {
				wantRefusal(t, err, c.reason)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if v.Method() != c.want || v.Authenticates() != (c.want == MIKEYPSK) {
				t.Errorf("chose %s, want %s", v.Method(), c.want)
			}
			if _, _, err := server.k.Respond(t.Context(), v, server.call); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestPermits: a policy learnt after Verify has the last word, with the reason.
func TestPermits(t *testing.T) {
	for _, c := range []struct {
		name   string
		method Method
		policy func(*Policy)
		reason Reason
	}{
		{"all of it", MIKEYDH, func(*Policy) {}, ""},
		{"method", MIKEYDH, func(p *Policy) { p.Methods = []Method{MIKEYPSK} }, ReasonMethodRefused},
		{"suite", MIKEYDH, func(p *Policy) { p.Suites = []Suite{AESCM128SHA1x80} }, ReasonNoCommonSuite},
		{"group", MIKEYDH, func(p *Policy) { p.Groups = []Group{MODP3072} }, ReasonNoCommonGroup},
		{"strength", MIKEYDH, func(p *Policy) { p.MinDHBits = 91 }, ReasonNoCommonGroup},
		{"forward secrecy", MIKEYPSK, func(p *Policy) { p.ForwardSecrecy = ForwardSecrecyRequired }, ReasonForwardSecrecy},
		{"suite of lines", SDES, func(p *Policy) { p.Suites = []Suite{AESCM128SHA1x80} }, ReasonNoCommonSuite},
		{"a suite to be settled later", DTLSSRTP, func(p *Policy) { p.Suites = []Suite{AESCM128SHA1x80} }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			caller, server := w.ends(CertECDSA)
			v, err := server.verifies(caller.offers(c.method).Attributes(), caller)
			if err != nil {
				t.Fatal(err)
			}
			p := everything()
			c.policy(p)
			err = p.Permits(v)
			server.call.Policy = p
			_, _, respond := server.k.Respond(t.Context(), v, server.call)
			if c.reason == "" {
				if err != nil || respond != nil {
					t.Errorf("%v, %v", err, respond)
				}
				return
			}
			e := wantRefusal(t, err, c.reason)
			wantRefusal(t, respond, c.reason)
			if (e.Message != nil) != c.method.mikey() || e.BeforeAuth != !c.method.mikey() {
				t.Errorf("message %x, before authentication %v", e.Message, e.BeforeAuth)
			}
		})
	}
}
