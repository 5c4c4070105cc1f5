package mikey

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
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

func TestSHA1SignaturesNeedLeave(t *testing.T) {
	s, k := rsaIdentity(t, "alice")
	s.SHA1 = true
	i, err := InitiateDH(testParams(t), GroupMODP1536, s)
	if err != nil {
		t.Fatal(err)
	}
	m := mustParse(t, i.Message())
	if _, err := AuthenticateDH(m, k, nil); !errors.Is(err, ErrAuth) || !errors.Is(err, ErrSHA1) || NumberOf(err) != InvalidHA {
		t.Errorf("without leave: %v", err)
	}
	k.SHA1 = true
	resp, err := AuthenticateDH(m, k, nil)
	if err != nil || !resp.SHA1() {
		t.Errorf("with leave: %v", err)
	}
	_, other := rsaIdentity(t, "bob")
	if _, err := AuthenticateDH(m, other, nil); !errors.Is(err, ErrAuth) || errors.Is(err, ErrSHA1) {
		t.Errorf("another key: %v", err)
	}
	for _, m := range modes(t) {
		resp, err := m.authenticate(mustParse(t, m.begin(t, testParams(t)).Message()))
		if err != nil || resp.SHA1() {
			t.Errorf("%s: SHA-1 where there is none (%v)", m.name, err)
		}
	}
}

// TestResponseOfAnotherExchange feeds an initiator authentic answers that were made for something else.
func TestResponseOfAnotherExchange(t *testing.T) {
	answerTo := func(p Params) []byte {
		i, err := InitiatePSK(p, testPSK)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := AuthenticatePSK(mustParse(t, i.Message()), testPSK, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, r, err := resp.Answer(Answer{SSRC: testSSRC})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for _, tc := range []struct {
		name   string
		change func(*Params)
		want   error
	}{
		{"another bundle", func(p *Params) { p.CSBID++ }, ErrExchange},
		{"another time", func(p *Params) { p.Time = p.Time.Add(time.Nanosecond) }, ErrTimestamp},
		{"another RAND", func(*Params) {}, ErrAuth},
		{"another initiator", func(p *Params) { p.IDi = "sip:mallory@example.com" }, ErrAuth},
		{"another responder", func(p *Params) { p.IDr = "sip:other@example.com" }, ErrIdentity},
		{"another SSRC", func(p *Params) { p.Sessions[0].SSRC++ }, ErrMap},
		{"fewer sessions", func(p *Params) { p.Sessions = p.Sessions[:1] }, ErrMap},
		{"another PRF", func(p *Params) { p.PRF = PRFSHA256 }, ErrPRF},
	} {
		t.Run(tc.name, func(t *testing.T) {
			i, err := InitiatePSK(testParams(t), testPSK)
			if err != nil {
				t.Fatal(err)
			}
			p := testParams(t)
			tc.change(&p)
			if err := i.Authenticate(mustParse(t, answerTo(p)), PeerKey{}); !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
			if _, err := i.Complete(); !errors.Is(err, ErrExchange) {
				t.Errorf("completed nevertheless: %v", err)
			}
		})
	}
	i, err := InitiatePSK(testParams(t), testPSK)
	if err != nil {
		t.Fatal(err)
	}
	refusal := NewErrorMessage(0xC0FFEE01, Timestamp{}, AuthFailure, nil)
	if err := i.Authenticate(mustParse(t, refusal), PeerKey{}); !errors.Is(err, ErrPeer) {
		t.Errorf("error message: %v", err)
	}
	if err := i.Authenticate(mustParse(t, i.Message()), PeerKey{}); !errors.Is(err, ErrExchange) {
		t.Errorf("reflected I: %v", err)
	}
}

// TestDHResponseTampering re-signs what a malicious or broken responder might send.
func TestDHResponseTampering(t *testing.T) {
	s, k := ecdsaIdentity(t)
	for _, tc := range []struct {
		name   string
		change func(values []dhPayload, ids []idPayload)
		want   error
	}{
		{"nothing", func([]dhPayload, []idPayload) {}, nil},
		{"DHi not echoed", func(v []dhPayload, _ []idPayload) { v[1].value[5] ^= 1 }, ErrDHValue},
		{"DHr is 1", func(v []dhPayload, _ []idPayload) { clear(v[0].value); v[0].value[191] = 1 }, ErrDHValue},
		{"DHr is 0", func(v []dhPayload, _ []idPayload) { clear(v[0].value) }, ErrDHValue},
		{"DHr is p-1", func(v []dhPayload, _ []idPayload) { copy(v[0].value, modp1536().minusOne) }, ErrDHValue},
		{"DHr is p+", func(v []dhPayload, _ []idPayload) { copy(v[0].value, bytes.Repeat([]byte{0xFF}, 192)) }, ErrDHValue},
		{"another validity", func(v []dhPayload, _ []idPayload) { v[0].validity = validity{kind: kvSPI, spi: []byte{7}} }, ErrKeyData},
		{"another IDi", func(_ []dhPayload, ids []idPayload) { ids[1].value.Data = "sip:mallory@example.com" }, ErrIdentity},
		{"another IDr", func(_ []dhPayload, ids []idPayload) { ids[0].value.Data = "sip:mallory@example.com" }, ErrIdentity},
	} {
		t.Run(tc.name, func(t *testing.T) {
			i, err := InitiateDH(testParams(t), GroupMODP1536, s)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := AuthenticateDH(mustParse(t, i.Message()), k, nil)
			if err != nil {
				t.Fatal(err)
			}
			_, r, err := resp.Answer(Answer{SSRC: testSSRC, Signer: &s})
			if err != nil {
				t.Fatal(err)
			}
			m := mustParse(t, r)
			values, ids := all[dhPayload](m), all[idPayload](m)
			tc.change(values, ids)
			forged := []payload{timestampPayload{m.Timestamp()}, ids[0], ids[1], values[0], values[1], signPayload{signECDSAP256, make([]byte, 64)}}
			forgedMessage, err := s.seal(assemble(m.header, forged), 64)
			if err != nil {
				t.Fatal(err)
			}
			if err := i.Authenticate(forgedMessage, k); !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
}

// TestRefusedInitiations: what a responder must not take, well authenticated as it may be.
func TestRefusedInitiations(t *testing.T) {
	k := messageKey{PRFSHA1, testPSK, 7, bytes.Repeat([]byte{1}, 16)}
	make16 := bytes.Repeat([]byte{2}, 16)
	encrypted := func(plain []byte) []byte {
		data, err := k.crypt(kemacAESCM128, Timestamp{}, plain)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	good := keyData{typ: KeyTGK, key: make16}.append(nil, PayloadLast)
	sp := spPayload{gcmPolicy()}
	for _, tc := range []struct {
		name  string
		kemac kemacPayload
		sps   []payload
		want  error
	}{
		{"good", kemacPayload{kemacAESCM128, encrypted(good), macHMACSHA1, nil}, nil, nil},
		{"NULL MAC", kemacPayload{kemacAESCM128, encrypted(good), macNULL, nil}, nil, ErrMACAlg},
		{"NULL encryption", kemacPayload{kemacNULL, good, macHMACSHA1, nil}, nil, ErrEncrAlg},
		{"key wrap", kemacPayload{kemacAESKW128, good, macHMACSHA1, nil}, nil, ErrEncrAlg},
		{"no key", kemacPayload{kemacAESCM128, nil, macHMACSHA1, nil}, nil, ErrMalformed},
		{"short TGK", kemacPayload{kemacAESCM128, encrypted(keyData{key: make16[:15]}.append(nil, 0)), macHMACSHA1, nil}, nil, ErrKeyData},
		{"TEK without salt", kemacPayload{kemacAESCM128, encrypted(keyData{typ: KeyTEK, key: make16}.append(nil, 0)), macHMACSHA1, nil}, nil, ErrKeyData},
		{"group key", kemacPayload{kemacAESCM128, encrypted(keyData{typ: 4, key: make16}.append(nil, 0)), macHMACSHA1, nil}, nil, ErrKeyData},
		{"two keys", kemacPayload{kemacAESCM128, encrypted(keyData{key: make16}.append(keyData{key: make16}.append(nil, PayloadKeyData), 0)), macHMACSHA1, nil}, nil, ErrKeyData},
		{"trailing octets", kemacPayload{kemacAESCM128, encrypted(append(bytes.Clone(good), 0)), macHMACSHA1, nil}, nil, ErrMalformed},
		{"ID in the KEMAC", kemacPayload{kemacAESCM128, encrypted(keyData{key: make16}.append(nil, PayloadID)), macHMACSHA1, nil}, nil, ErrMalformed},
		{"same policy twice", kemacPayload{kemacAESCM128, encrypted(good), macHMACSHA1, nil}, []payload{sp, sp}, ErrPolicy},
		{"policy missing", kemacPayload{kemacAESCM128, encrypted(good), macHMACSHA1, nil}, []payload{spPayload{Policy{Number: 3}}}, ErrPolicy},
		{"not SRTP", kemacPayload{kemacAESCM128, encrypted(good), macHMACSHA1, nil}, []payload{spPayload{Policy{Protocol: 1}}}, ErrPolicy},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n, _ := macLen(tc.kemac.alg)
			tc.kemac.mac = make([]byte, n)
			ps := append([]payload{timestampPayload{}, randPayload{k.rand}}, tc.sps...)
			h := header{csbID: 7, count: 1, sessions: []Session{{}}}
			b := assemble(h, append(ps, tc.kemac))
			if n > 0 {
				mac, err := k.hmac(tc.kemac.alg, b[:len(b)-n])
				if err != nil {
					t.Fatal(err)
				}
				copy(b[len(b)-n:], mac)
			}
			if _, err := AuthenticatePSK(mustParse(t, b), testPSK, nil); !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
}

func TestRefusedParameters(t *testing.T) {
	s, k := ecdsaIdentity(t)
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		try  func(p Params) error
		want error
	}{
		{"short PSK", func(p Params) error { _, err := InitiatePSK(p, testPSK[:15]); return err }, ErrParams},
		{"short RAND", func(p Params) error { p.RAND = make([]byte, 15); _, err := InitiatePSK(p, testPSK); return err }, ErrParams},
		{"unknown PRF", func(p Params) error { p.PRF = 2; _, err := InitiatePSK(p, testPSK); return err }, ErrPRF},
		{"one identity", func(p Params) error { p.IDr = ""; _, err := InitiatePSK(p, testPSK); return err }, ErrParams},
		{"missing policy", func(p Params) error { p.Sessions[1].Policy = 4; _, err := InitiatePSK(p, testPSK); return err }, ErrPolicy},
		{"no randomness", func(p Params) error {
			p.Rand = strings.NewReader("short")
			_, err := InitiatePSK(p, testPSK)
			return err
		}, nil},
		{"OAKLEY 1", func(p Params) error { _, err := InitiateDH(p, groupOakley1, s); return err }, ErrGroup},
		{"OAKLEY 2", func(p Params) error { _, err := InitiateDH(p, groupOakley2, s); return err }, ErrGroup},
		{"no key", func(p Params) error { _, err := InitiateDH(p, 0, Signer{}); return err }, ErrCertificate},
		{"no certificate", func(p Params) error { _, err := InitiateDH(p, 0, Signer{Key: s.Key}); return err }, ErrCertificate},
		{"RSA-1024", func(p Params) error { _, err := InitiateDH(p, 0, Signer{Key: weak, Chain: s.Chain}); return err }, ErrCertificate},
		{"P-384", func(p Params) error { _, err := InitiateDH(p, 0, Signer{Key: p384, Chain: s.Chain}); return err }, ErrCertificate},
		{"verify RSA-1024", func(p Params) error {
			i, err := InitiateDH(p, 0, s)
			if err != nil {
				return err
			}
			_, err = AuthenticateDH(mustParse(t, i.Message()), PeerKey{Public: &weak.PublicKey}, nil)
			return err
		}, ErrCertificate},
		{"answer without signer", func(p Params) error {
			i, err := InitiateDH(p, 0, s)
			if err != nil {
				return err
			}
			resp, err := AuthenticateDH(mustParse(t, i.Message()), k, nil)
			if err != nil {
				return err
			}
			_, _, err = resp.Answer(Answer{})
			return err
		}, ErrCertificate},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := tc.try(testParams(t))
			if err == nil || tc.want != nil && !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
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

// TestWipedTakesNoAnswer: the key of a wiped exchange is zeros, under which anybody can make an answer.
func TestWipedTakesNoAnswer(t *testing.T) {
	psk := bytes.Repeat([]byte{7}, 32)
	zeros := func(m *Message) messageKey {
		return messageKey{m.header.prf, make([]byte, len(psk)), m.header.csbID, m.RAND()}
	}
	i, err := InitiatePSK(testParams(t), psk)
	if err != nil {
		t.Fatal(err)
	}
	m := mustParse(t, i.Message())
	r, err := zeros(m).verification(m, TypePSKResp, m.header.sessions, Answer{})
	if err != nil {
		t.Fatal(err)
	}
	i.Wipe()
	if err := i.Authenticate(r, PeerKey{}); !errors.Is(err, ErrExchange) {
		t.Errorf("PSK: %v", err)
	}
	if i, err = InitiateDHHMAC(testParams(t), GroupP256, psk); err != nil {
		t.Fatal(err)
	}
	d, err := offeredDH(mustParse(t, i.Message()), nil)
	if err != nil {
		t.Fatal(err)
	}
	key := zeros(d.m)
	d.psk = &key
	_, b, err := d.Answer(Answer{})
	if err != nil {
		t.Fatal(err)
	}
	i.Wipe()
	if err := i.Authenticate(mustParse(t, b), PeerKey{}); !errors.Is(err, ErrExchange) {
		t.Errorf("DHHMAC: %v", err)
	}
}
