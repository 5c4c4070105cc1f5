package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs"
	"github.com/conclave/conclave/legs/dialog"
	"github.com/conclave/conclave/server/gate"
)

// trunkYAML has a trunk on this machine's own address, rooms that take SDES from accounts too, and one that takes nothing but
// forward secrecy.
const trunkYAML = `
policies:
  open:   {methods: [mikey-dh, mikey-psk, sdes]}
  secret: {methods: [mikey-dh, mikey-psk, sdes], forward_secrecy: required}
  strict: {methods: [mikey-dh]}
rooms:
  permanent: [{name: open, policy: open}, {name: secret, policy: secret}]
trunks:
  - {name: sbc, from: [127.0.0.0/8], transports: [udp], methods: [sdes], codecs: [pcma], calls: 1}
`

// TestTrunk: an old phone without an account joins through the trunk over UDP, and is shown as what it is.
func TestTrunk(t *testing.T) {
	s := serveTest(t, trunkYAML)
	p := newPhone(t, s)
	o, seat := p.joins(attempt{room: "hall", transport: "udp"})
	if seat.Account != "" || seat.Trunk != "sbc" || seat.DisplayName != "Desk 12" || seat.Leg.Codec != "pcma" || seat.Leg.Transport != "udp" {
		t.Errorf("seat %+v of leg %+v", seat, seat.Leg)
	}
	want := KeyingView{Method: "sdes", Suite: "AES_CM_128_HMAC_SHA1_80", KeyAgeS: seat.Leg.Keying.KeyAgeS}
	if seat.Leg.Keying != want || seat.Leg.Keying.KeyAgeS <= 0 {
		t.Errorf("keying %+v", seat.Leg.Keying)
	}
	_, line, found := strings.Cut(o.answer, "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:")
	if !found || strings.Contains(line, o.crypto[len("AES_CM_128_HMAC_SHA1_80 inline:"):]) {
		t.Errorf("the answer has no key of its own: %t", found)
	}
	if r, err := s.Room(t.Context(), "hall"); err != nil || r.Weakest == nil || *r.Weakest != (WeakestView{Method: "sdes", Suite: "AES_CM_128_HMAC_SHA1_80"}) {
		t.Errorf("room %+v, weakest %+v: %v", r, r.Weakest, err)
	}
	if m := measured(t, s); m[`conclave_legs{forward_secrecy="false",method="sdes",suite="AES_CM_128_HMAC_SHA1_80"}`] != 1 || m["conclave_key_age_max_seconds"] <= 0 {
		t.Errorf("legs are counted as %v", m)
	}

	for name, test := range map[string]struct {
		attempt
		status  int
		warning string
	}{
		"the trunk is full":               {attempt{room: "hall", transport: "udp"}, 486, "too many calls of this trunk"},
		"over a transport not its own":    {attempt{room: "hall", transport: "tcp"}, 401, ""},
		"where forward secrecy is needed": {attempt{room: "secret", transport: "udp"}, 488, "forward secrecy"},
	} {
		t.Run(name, func(t *testing.T) {
			if o := p.call(test.attempt); o.status != test.status || !strings.Contains(o.warning, test.warning) {
				t.Errorf("%d %s, want %d %s", o.status, o.warning, test.status, test.warning)
			}
		})
	}

	if err := s.HangUp(t.Context(), "hall", seat.ID); err != nil {
		t.Fatal(err)
	}
	until(t, "the trunk has room again", func() bool { return s.ledger.total() == 0 })
	p.joins(attempt{room: "hall", transport: "udp"})
}

// TestTrunkIsNoAccount: whoever bears the name of an account must prove to be it, wherever the request comes from, also when the
// account may not call.
func TestTrunkIsNoAccount(t *testing.T) {
	s := serveTest(t, trunkYAML)
	ann := enrolled(t, s, NewAccount{Name: "ann"})
	p := newPhone(t, s)
	for _, disabled := range []bool{false, true} {
		if _, err := s.PatchAccount(t.Context(), "ann", AccountPatch{Disabled: &disabled}); err != nil {
			t.Fatal(err)
		}
		if o := p.call(attempt{room: "open", transport: "udp", from: ann.URI}); o.status != 401 {
			t.Errorf("disabled %v: %d", disabled, o.status)
		}
	}
	if err := s.DeleteAccount(t.Context(), "ann"); err != nil {
		t.Fatal(err)
	}
	if _, seat := p.joins(attempt{room: "open", transport: "udp", from: ann.URI}); seat.Trunk != "sbc" || seat.Account != "" {
		t.Errorf("seat %+v", seat)
	}
}

// TestSDESWithoutTrunk: without a trunk an old phone needs an account, and then TLS.
func TestSDESWithoutTrunk(t *testing.T) {
	yaml, _, _ := strings.Cut(trunkYAML, "trunks:")
	s := serveTest(t, yaml)
	desk, vip := enrolled(t, s, NewAccount{Name: "desk", MD5: true}), enrolled(t, s, NewAccount{Name: "vip", Policy: "strict"})
	p := newPhone(t, s)
	for _, test := range []struct {
		name string
		attempt
		status  int
		warning string
	}{
		{"nobody", attempt{room: "open", transport: "udp"}, 401, ""},
		{"nobody, over TLS", attempt{room: "open", transport: "tls"}, 401, ""},
		{"an account, over UDP", attempt{room: "open", transport: "udp", as: desk}, 488, "TLS"},
		{"an account, over TCP", attempt{room: "open", transport: "tcp", as: desk}, 488, "TLS"},
		{"a room without SDES", attempt{room: "hall", transport: "tls", as: desk}, 488, "not allowed here"},
		{"a policy without SDES", attempt{room: "open", transport: "tls", as: vip}, 488, "not allowed here"},
		{"a room with forward secrecy", attempt{room: "secret", transport: "tls", as: desk}, 488, "forward secrecy"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := p.call(test.attempt)
			if o.status != test.status || !strings.Contains(o.warning, test.warning) {
				t.Errorf("%d %s, want %d %s", o.status, o.warning, test.status, test.warning)
			}
		})
	}
	_, seat := p.joins(attempt{room: "open", transport: "tls", as: desk})
	if seat.Account != "desk" || seat.Trunk != "" || seat.Leg.Keying.Method != "sdes" || seat.Leg.Keying.PeerIdentity != "" {
		t.Errorf("seat %+v, keying %+v", seat, seat.Leg.Keying)
	}
}

// TestTrunkByCertificate: the holder of a certificate is the trunk, whoever issued it; nobody else is.
func TestTrunkByCertificate(t *testing.T) {
	known, other := selfSigned(t), selfSigned(t)
	print := sha256.Sum256(known.Certificate[0])
	s := serveTest(t, fmt.Sprintf("trunks: [{name: carrier, certificates: [%s], methods: [sdes]}]", hex.EncodeToString(print[:])))
	for name, p := range map[string]*phone{"no certificate": newPhone(t, s), "another": newPhone(t, s, other)} {
		if o := p.call(attempt{room: "hall", transport: "tls"}); o.status != 401 {
			t.Errorf("%s: %d %s", name, o.status, o.warning)
		}
	}
	p := newPhone(t, s, known)
	if o := p.call(attempt{room: "hall", transport: "udp"}); o.status != 401 {
		t.Errorf("over UDP: %d %s", o.status, o.warning)
	}
	if _, seat := p.joins(attempt{room: "hall", transport: "tls"}); seat.Trunk != "carrier" || seat.Leg.Codec != "pcmu" {
		t.Errorf("seat %+v, leg %+v", seat, seat.Leg)
	}
}

func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestAccountPolicies: only policies of the configuration are taken, and a view shows what an account has.
func TestAccountPolicies(t *testing.T) {
	s := serveTest(t, trunkYAML)
	if _, _, err := s.CreateAccount(t.Context(), NewAccount{Name: "ann", Policy: "none"}); !errors.Is(err, ErrUnknownPolicy) || !strings.Contains(err.Error(), "strict") {
		t.Errorf("an account of a policy that is none: %v", err)
	}
	enrolled(t, s, NewAccount{Name: "ann", Policy: "strict", MD5: true})
	if v, err := s.Account(t.Context(), "ann"); err != nil || v.Policy != "strict" || !v.MD5 {
		t.Errorf("%+v, %v", v, err)
	}
	gone, none := "gone", ""
	if _, err := s.PatchAccount(t.Context(), "ann", AccountPatch{Policy: &gone}); !errors.Is(err, ErrUnknownPolicy) {
		t.Errorf("an account was given a policy that is none: %v", err)
	}
	if v, err := s.PatchAccount(t.Context(), "ann", AccountPatch{Policy: &none}); err != nil || v.Policy != "" || !v.MD5 {
		t.Errorf("%+v, %v", v, err)
	}
	if v := s.accounts.find("ann"); len(v.HA1MD5) != 16 || len(v.HA1SHA256) != sha256.Size {
		t.Error("the digests are not what they were")
	}
	if got := s.policy("open", gate.Who{Account: "ann"}).AllowsMethod(keying.SDES); !got {
		t.Error("the policy that was taken away still holds")
	}
}

// TestSessionTooShort: who is told that his session timer is too short calls again with the same offer, and its keys count as new.
func TestSessionTooShort(t *testing.T) {
	p := newPhone(t, serveTest(t, trunkYAML))
	asks := func(seconds string) []dialog.HeaderField {
		return []dialog.HeaderField{{Name: "Supported", Value: "timer"}, {Name: "Session-Expires", Value: seconds}}
	}
	o := p.call(attempt{room: "hall", transport: "udp", fields: asks("60")})
	if o.status != 422 {
		t.Fatalf("%d %s", o.status, o.warning)
	}
	p.joins(attempt{room: "hall", transport: "udp", fields: asks("90"), crypto: o.crypto})
}

// TestHangUpTwice: who hangs up a call that somebody else is just ending has what he asked for.
func TestHangUpTwice(t *testing.T) {
	x := newScene(t, "")
	var leg *legs.Leg
	if err := x.server.withSeat(t.Context(), "hall", x.seat.ID, func(st *seat) { leg = st.leg() }); err != nil {
		t.Fatal(err)
	}
	meanwhile := func(SeatView) error { // the room is busy with us, so that its seat is still there
		defer until(t, "the leg has ended", func() bool { return leg.State() == legs.Ended })
		return leg.Hangup(t.Context(), "hangup")
	}
	if err := x.server.HangUp(t.Context(), "hall", x.seat.ID, meanwhile); err != nil {
		t.Error(err)
	}
}
