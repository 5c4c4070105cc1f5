package mikey

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"strings"
	"testing"
	"time"
)

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
		return answerOf(t, mustParse(t, i.Message()))
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
