package mikey

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"
)

const (
	testIDi = "sip:alice@example.com"
	testIDr = "sip:room@example.com"
)

var testPSK = bytes.Repeat([]byte{0x5A}, 32)

func ntpTime(t testing.TB, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// gcmPolicy is AEAD_AES_128_GCM as an SP.
func gcmPolicy() Policy {
	one := func(typ, v uint8) Param { return Param{typ, []byte{v}} }
	return Policy{Params: []Param{
		one(ParamEncrAlg, EncrAESGCM), one(ParamEncrKeyLen, 16), one(ParamAuthAlg, AuthNULL), one(ParamSaltLen, 12),
		one(ParamPRF, 0), one(ParamSRTPEncr, 1), one(ParamSRTCPEncr, 1), one(ParamSRTPAuth, 1), one(ParamAEADTagLen, 16),
	}}
}

func testParams(t testing.TB) Params {
	return Params{
		CSBID: 0xC0FFEE01, Time: ntpTime(t, "2026-02-03T04:05:06.789Z"), IDi: testIDi, IDr: testIDr, SDPIDs: "mikey",
		Sessions: []Session{{SSRC: 0x11111111}, {}}, Policies: []Policy{gcmPolicy()}, V: true,
	}
}

// ecdsaIdentity makes a P-256 identity; its "certificate" is carried, never read.
func ecdsaIdentity(t testing.TB) (Signer, PeerKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return Signer{Key: key, Chain: [][]byte{[]byte("leaf"), []byte("intermediate")}}, PeerKey{Public: &key.PublicKey}
}

// sameKeys holds that both ends agree on everything an SRTP context needs.
func sameKeys(t *testing.T, a, b *Crypto) {
	t.Helper()
	for _, id := range []uint8{1, 2} {
		ka, err1 := a.Key(id, 16)
		kb, err2 := b.Key(id, 16)
		sa, err3 := a.Salt(id, 12)
		sb, err4 := b.Salt(id, 12)
		if err := errors.Join(err1, err2, err3, err4); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(ka, kb) || !bytes.Equal(sa, sb) {
			t.Errorf("CS %d: the ends disagree", id)
		}
	}
	one, _ := a.Key(1, 16)
	two, _ := a.Key(2, 16)
	if bytes.Equal(one, two) {
		t.Error("both directions have one key")
	}
	if fmt.Sprint(a.Sessions()) != fmt.Sprint(b.Sessions()) || a.Sessions()[1].SSRC != 0x22222222 {
		t.Errorf("maps are %v and %v", a.Sessions(), b.Sessions())
	}
	if !bytes.Equal(a.MKI(), b.MKI()) {
		t.Errorf("MKIs are %x and %x", a.MKI(), b.MKI())
	}
}

var testSSRC = map[uint8]uint32{2: 0x22222222}

// replied is what a responder that takes m sends.
func replied(t testing.TB, m *Message, authenticate func(*Message) (Response, error), a Answer) []byte {
	t.Helper()
	resp, err := authenticate(m)
	if err != nil {
		t.Fatal(err)
	}
	_, r, err := resp.Answer(a)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// byPSK authenticates the messages of these tests that go by a pre-shared key.
func byPSK(m *Message) (Response, error) { return AuthenticatePSK(m, testPSK, nil) }

// run is one exchange from both ends.
func run(t *testing.T, i Initiation, authenticate func(*Message) (Response, error), a Answer, responder PeerKey) (x, y *Crypto) {
	t.Helper()
	defer i.Wipe()
	resp, err := authenticate(mustParse(t, i.Message()))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Wipe()
	y, r, err := resp.Answer(a)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := resp.Answer(a); !errors.Is(err, ErrExchange) {
		t.Errorf("answered twice: %v", err)
	}
	if err := i.Authenticate(mustParse(t, r), responder); err != nil {
		t.Fatal(err)
	}
	if err := i.Authenticate(mustParse(t, r), responder); !errors.Is(err, ErrExchange) {
		t.Errorf("second R: %v", err)
	}
	if x, err = i.Complete(); err != nil {
		t.Fatal(err)
	}
	if _, err := i.Complete(); !errors.Is(err, ErrExchange) {
		t.Errorf("completed twice: %v", err)
	}
	return x, y
}

func TestPSKExchange(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*Params)
	}{
		{"sha-1", func(*Params) {}},
		{"sha-256", func(p *Params) { p.PRF = PRFSHA256 }},
		{"mki", func(p *Params) { p.MKI = []byte{1, 2, 3, 4} }},
		{"no identities", func(p *Params) { p.IDi, p.IDr, p.SDPIDs = "", "", "" }},
		{"default policy", func(p *Params) { p.Policies = nil }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := testParams(t)
			tc.change(&p)
			i, err := InitiatePSK(p, testPSK)
			if err != nil {
				t.Fatal(err)
			}
			x, y := run(t, i, func(m *Message) (Response, error) { return AuthenticatePSK(m, testPSK, nil) },
				Answer{SSRC: testSSRC}, PeerKey{})
			sameKeys(t, x, y)
			if !bytes.Equal(x.MKI(), p.MKI) {
				t.Errorf("MKI is %x", x.MKI())
			}
		})
	}
}

func TestPSKWithoutV(t *testing.T) {
	p := testParams(t)
	p.V = false
	i, err := InitiatePSK(p, testPSK)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := AuthenticatePSK(mustParse(t, i.Message()), testPSK, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, r, err := resp.Answer(Answer{}); err != nil || r != nil {
		t.Errorf("R of %d octets, %v", len(r), err)
	}
	if _, err := i.Complete(); err != nil {
		t.Error(err)
	}
}

// TestOnlyIDi is RFC 4567's example: I names its sender alone, R its own, and V covers both.
func TestOnlyIDi(t *testing.T) {
	k := messageKey{PRFSHA1, testPSK, 7, bytes.Repeat([]byte{1}, 16)}
	data, err := k.crypt(kemacAESCM128, Timestamp{}, keyData{key: make([]byte, 16)}.append(nil, PayloadLast))
	if err != nil {
		t.Fatal(err)
	}
	i, err := k.seal(macHMACSHA1, assemble(header{v: true, csbID: 7}, []payload{
		timestampPayload{}, randPayload{k.rand}, idPayload{Identity{IDTypeNAI, "donald@duck.com"}},
		kemacPayload{kemacAESCM128, data, macHMACSHA1, make([]byte, 20)},
	}), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := AuthenticatePSK(i, testPSK, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, b, err := resp.Answer(Answer{IDr: testIDr})
	if err != nil {
		t.Fatal(err)
	}
	r := mustParse(t, b)
	if id, ok := r.IDr(); !ok || id.Data != testIDr {
		t.Errorf("IDr is %v", id)
	}
	if err := errors.Join(checkResponse(i, r, TypePSKResp, nil), k.checkV(i, r, nil)); err != nil {
		t.Error(err)
	}
}

func TestDHExchange(t *testing.T) {
	rsaI, rsaIKey := rsaIdentity(t, "alice")
	rsaR, rsaRKey := rsaIdentity(t, "bob")
	ecI, ecIKey := ecdsaIdentity(t)
	ecR, ecRKey := ecdsaIdentity(t)
	for _, g := range []Group{GroupMODP1536, GroupMODP2048, GroupMODP3072} {
		for _, tc := range []struct {
			name   string
			i, r   Signer
			ik, rk PeerKey
		}{
			{"rsa", rsaI, rsaR, rsaIKey, rsaRKey},
			{"ecdsa", ecI, ecR, ecIKey, ecRKey},
			{"mixed", rsaI, ecR, rsaIKey, ecRKey},
		} {
			t.Run(g.String()+" "+tc.name, func(t *testing.T) {
				p := testParams(t)
				p.MKI = []byte{9, 9}
				i, err := InitiateDH(p, g, tc.i)
				if err != nil {
					t.Fatal(err)
				}
				m := mustParse(t, i.Message())
				if got := m.Certificates(); len(got) != len(tc.i.Chain) || !bytes.Equal(got[0], tc.i.Chain[0]) {
					t.Error("chain is not as it was sent")
				}
				x, y := run(t, i, func(m *Message) (Response, error) { return AuthenticateDH(m, tc.ik, nil) },
					Answer{SSRC: testSSRC, Signer: &tc.r}, tc.rk)
				sameKeys(t, x, y)
				if !bytes.Equal(y.MKI(), p.MKI) {
					t.Errorf("MKI is %x", y.MKI())
				}
			})
		}
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	i, err := InitiatePSK(testParams(t), testPSK)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := AuthenticatePSK(mustParse(t, i.Message()), testPSK, nil)
	if err != nil {
		t.Fatal(err)
	}
	c, _, err := resp.Answer(Answer{})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{i, resp, c, *c} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%d", "%s", "%q"} {
			if got := fmt.Sprintf(verb, v); got != "[secret]" {
				t.Errorf("%T prints as %.80s", v, got)
			}
		}
		if _, err := json.Marshal(v); err == nil {
			t.Errorf("%T marshals", v)
		}
	}
	c.Wipe()
	if _, err := c.Key(1, 16); err == nil {
		t.Error("a wiped key derives")
	}
}

func TestTimestampRoundTrip(t *testing.T) {
	for _, s := range []string{
		"2026-02-03T04:05:06.000000001Z", "2036-02-07T06:28:15.999999999Z", "2036-02-07T06:28:16Z", "2040-01-01T00:00:00.123456789Z",
	} {
		at := ntpTime(t, s)
		for _, off := range []time.Duration{0, 24 * time.Hour, -24 * time.Hour, 60 * 365 * 24 * time.Hour} {
			if got, ok := NewTimestamp(at).Time(at.Add(off)); !ok || !got.Equal(at) {
				t.Errorf("%s seen from %v is %v", s, off, got)
			}
		}
	}
	if NewTimestamp(ntpTime(t, "2026-01-01T00:00:00Z")) == NewTimestamp(ntpTime(t, "2026-01-01T00:00:00.000000001Z")) {
		t.Error("a nanosecond is lost")
	}
	if v := binaryNTP(NewTimestamp(ntpTime(t, "2036-02-07T06:28:16Z"))); v != 0 {
		t.Errorf("the first instant of era 1 is %x", v)
	}
}

func binaryNTP(ts Timestamp) uint64 { v, _ := ts.NTP(); return v }
