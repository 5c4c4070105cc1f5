package mikey

import (
	"bytes"
	"errors"
	"slices"
	"testing"
)

// envelopeOf is an initiation of RSA-R by alice, and bob's answer, which she has not seen.
func envelopeOf(t *testing.T, alice Signer, aliceK PeerKey, bob Signer) (Initiation, []byte) {
	t.Helper()
	i, err := InitiateRSAR(testParams(t), alice)
	if err != nil {
		t.Fatal(err)
	}
	byRSAR := func(m *Message) (Response, error) { return AuthenticateRSAR(m, aliceK) }
	return i, replied(t, mustParse(t, i.Message()), byRSAR, Answer{SSRC: testSSRC, Signer: &bob})
}

// TestRSARSignedWithoutHeader: RFC 4738 can be read to leave the whole SIGN payload out of what is signed.
func TestRSARSignedWithoutHeader(t *testing.T) {
	alice, aliceK := rsaIdentity(t, "alice")
	bob, bobK := rsaIdentity(t, "bob")
	i, b := envelopeOf(t, alice, aliceK, bob)
	covered := slices.Concat(b[:len(b)-258], idsAndTime(testIDi, testIDr, mustParse(t, b).Timestamp()))
	sig, err := bob.signRSA(covered)
	if err != nil {
		t.Fatal(err)
	}
	copy(b[len(b)-256:], sig)
	if err := i.Authenticate(mustParse(t, b), bobK); err != nil {
		t.Error(err)
	}
	// No other mode takes that reading.
	dh, err := InitiateDH(testParams(t), GroupP256, alice)
	if err != nil {
		t.Fatal(err)
	}
	b = bytes.Clone(dh.Message())
	if sig, err = alice.signRSA(b[:len(b)-258]); err != nil {
		t.Fatal(err)
	}
	copy(b[len(b)-256:], sig)
	if _, err := AuthenticateDH(mustParse(t, b), aliceK, nil); !errors.Is(err, ErrAuth) {
		t.Errorf("DH: %v", err)
	}
}

// TestRSARWithoutRAND: the responder chooses it then.
func TestRSARWithoutRAND(t *testing.T) {
	alice, aliceK := rsaIdentity(t, "alice")
	bob, _ := rsaIdentity(t, "bob")
	p := testParams(t)
	sign, err := alice.signature(false)
	if err != nil {
		t.Fatal(err)
	}
	payloads := append(p.opening(nil, alice.Chain)[2:], sign)
	m, err := alice.seal(assemble(p.header(TypeRSARInit), append([]payload{timestampPayload{NewTimestamp(p.Time)}}, payloads...)), 256)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := AuthenticateRSAR(m, aliceK)
	if err != nil {
		t.Fatal(err)
	}
	c, b, err := resp.Answer(Answer{SSRC: testSSRC, Signer: &bob})
	if err != nil {
		t.Fatal(err)
	}
	r := mustParse(t, b)
	if len(r.RAND()) != minRAND || !bytes.Equal(r.RAND(), c.rand) {
		t.Errorf("RAND of %d octets", len(r.RAND()))
	}
	own := Decrypter{Key: decrypter(alice)}
	envelope, err := own.open(r, orCryptoRand(nil))
	if err != nil {
		t.Fatal(err)
	}
	key, err := messageKey{PRFSHA1, envelope, p.CSBID, r.RAND()}.disclose(r, Identity{IDTypeURI, testIDr}, 256)
	if err != nil || !bytes.Equal(key.key, c.key) {
		t.Errorf("TGK differs: %v", err)
	}
}

// TestRSARTampering re-signs what a malicious or broken responder might send.
func TestRSARTampering(t *testing.T) {
	alice, aliceK := rsaIdentity(t, "alice")
	bob, bobK := rsaIdentity(t, "bob")
	for _, tc := range []struct {
		name   string
		change func(payload) []payload
		want   error // of Authenticate
		opens  error // of Complete
	}{
		{"nothing", func(p payload) []payload { return []payload{p} }, nil, nil},
		{"a second RAND", after[idPayload](randPayload{make([]byte, 16)}), ErrExchange, nil},
		{"a group's CSB ID", after[idPayload](extPayload{extCSBID, []byte{1, 2, 3, 4}}), ErrExchange, nil},
		{"no policy", without[spPayload], ErrPolicy, nil},
		{"another policy", instead[spPayload](spPayload{Policy{Params: []Param{{ParamEncrAlg, []byte{EncrNULL}}}}}), ErrPolicy, nil},
		{"another IDr", instead[idPayload](idPayload{Identity{IDTypeURI, "sip:mallory@example.com"}}), ErrIdentity, nil},
		{"NULL MAC", instead[kemacPayload](kemacPayload{encr: kemacAESCM128, alg: macNULL}), ErrMACAlg, nil},
		{"NULL encryption", instead[kemacPayload](kemacPayload{encr: kemacNULL, alg: macHMACSHA1, mac: make([]byte, 20)}), ErrEncrAlg, nil},
		{"another KEMAC", instead[kemacPayload](kemacPayload{encr: kemacAESCM128, data: make([]byte, 40), alg: macHMACSHA1, mac: make([]byte, 20)}), nil, ErrEnvelope},
		{"short envelope", instead[pkePayload](pkePayload{data: make([]byte, 255)}), ErrCertificate, nil},
		{"envelope of zeros", instead[pkePayload](pkePayload{data: make([]byte, 256)}), nil, ErrEnvelope},
		{"envelope above the modulus", instead[pkePayload](pkePayload{data: bytes.Repeat([]byte{0xFF}, 256)}), nil, ErrEnvelope},
	} {
		t.Run(tc.name, func(t *testing.T) {
			i, b := envelopeOf(t, alice, aliceK, bob)
			m := mustParse(t, b)
			var forged []payload
			for _, p := range m.payloads {
				forged = append(forged, tc.change(p)...)
			}
			forgedMessage, err := bob.sealBeside(assemble(m.header, forged), 256, idsAndTime(testIDi, testIDr, m.Timestamp()))
			if err != nil {
				t.Fatal(err)
			}
			if err := i.Authenticate(forgedMessage, bobK); !errors.Is(err, tc.want) {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
			if tc.want != nil {
				return
			}
			if _, err := i.Complete(); !errors.Is(err, tc.opens) {
				t.Errorf("opening: got %v, want %v", err, tc.opens)
			}
		})
	}
}

func after[T payload](more payload) func(payload) []payload {
	return func(p payload) []payload {
		if _, ok := p.(T); ok {
			return []payload{p, more}
		}
		return []payload{p}
	}
}

func instead[T payload](other payload) func(payload) []payload {
	return func(p payload) []payload {
		if _, ok := p.(T); ok {
			return []payload{other}
		}
		return []payload{p}
	}
}

func without[T payload](p payload) []payload {
	if _, ok := p.(T); ok {
		return nil
	}
	return []payload{p}
}

// TestPKETampering: an account re-signs what it likes. Whatever is wrong with the envelope, the answer is the same.
func TestPKETampering(t *testing.T) {
	alice, aliceK := rsaIdentity(t, "alice")
	bob, _ := rsaIdentity(t, "bob")
	own := Decrypter{Key: decrypter(bob), Leaf: bob.Chain[0]}
	bobKey, err := recipient(bob.Chain[0])
	if err != nil {
		t.Fatal(err)
	}
	toBob := func(envelope []byte) payload {
		p, err := encryptTo(bobKey, envelope, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	inName := func(name string) func(payload) []payload {
		envelope := bytes.Repeat([]byte{3}, 33)
		return func(p payload) []payload {
			switch p := p.(type) {
			case pkePayload:
				return []payload{toBob(envelope)}
			case kemacPayload:
				k := messageKey{PRFSHA1, envelope, 0xC0FFEE01, bytes.Repeat([]byte{1}, 16)}
				kemac, err := k.enclose(Identity{IDTypeURI, name}, keyData{key: make([]byte, 16)}, NewTimestamp(testParams(t).Time))
				if err != nil {
					t.Fatal(err)
				}
				return []payload{kemac}
			default:
				return []payload{p}
			}
		}
	}
	for _, tc := range []struct {
		name   string
		change func(payload) []payload
		want   error // of AuthenticatePKE
		opens  error // of Answer
	}{
		{"nothing", func(p payload) []payload { return []payload{p} }, nil, nil},
		{"enclosed anew", inName(testIDi), nil, nil},
		{"in another name", inName("sip:carol@example.com"), nil, ErrIdentity},
		{"no CHASH", without[chashPayload], nil, nil},
		{"CHASH of another", instead[chashPayload](chashPayload{cacheHashSHA1, certHash(cacheHashSHA1, alice.Chain[0])}), ErrCertificate, nil},
		{"CHASH by SHA-256", instead[chashPayload](chashPayload{cacheHashSHA256, certHash(cacheHashSHA256, bob.Chain[0])}), nil, nil},
		{"CHASH by MD5", instead[chashPayload](chashPayload{cacheHashMD5, make([]byte, 16)}), ErrCertificate, nil},
		{"NULL MAC", instead[kemacPayload](kemacPayload{encr: kemacAESCM128, alg: macNULL}), ErrMACAlg, nil},
		{"NULL encryption", instead[kemacPayload](kemacPayload{encr: kemacNULL, alg: macHMACSHA1, mac: make([]byte, 20)}), ErrEncrAlg, nil},
		{"another envelope key", instead[pkePayload](toBob(make([]byte, 33))), nil, ErrEnvelope},
		{"short envelope key", instead[pkePayload](toBob(make([]byte, 15))), nil, ErrEnvelope},
		{"long envelope key", instead[pkePayload](toBob(make([]byte, 245))), nil, ErrEnvelope},
		{"no padding", instead[pkePayload](pkePayload{data: make([]byte, 256)}), nil, ErrEnvelope},
		{"above the modulus", instead[pkePayload](pkePayload{data: bytes.Repeat([]byte{0xFF}, 256)}), nil, ErrEnvelope},
		{"short ciphertext", instead[pkePayload](pkePayload{data: make([]byte, 255)}), ErrCertificate, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := testParams(t)
			p.RAND = bytes.Repeat([]byte{1}, 16)
			i, err := InitiatePKE(p, alice, bob.Chain[0])
			if err != nil {
				t.Fatal(err)
			}
			m := mustParse(t, i.Message())
			var forged []payload
			for _, p := range m.payloads {
				forged = append(forged, tc.change(p)...)
			}
			forgedMessage, err := alice.seal(assemble(m.header, forged), 256)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := AuthenticatePKE(forgedMessage, aliceK, own)
			if !errors.Is(err, tc.want) {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
			if err != nil {
				return
			}
			if _, _, err := resp.Answer(Answer{SSRC: testSSRC}); !errors.Is(err, tc.opens) {
				t.Errorf("opening: got %v, want %v", err, tc.opens)
			} else if errors.Is(err, ErrEnvelope) && err.Error() != ErrEnvelope.Error() {
				t.Errorf("the refusal says more than the others: %v", err)
			}
		})
	}
}

// TestEnvelopeLength: what a well padded ciphertext decrypts to costs the same to refuse whatever its length, under every
// combination of algorithms that a sender may choose. Each block of the PRF allocates, so allocations count the work.
func TestEnvelopeLength(t *testing.T) {
	m := &Message{payloads: []payload{timestampPayload{}, kemacPayload{}}}
	for _, f := range []PRF{PRFSHA1, PRFSHA256} {
		for _, alg := range []uint8{macHMACSHA1, macHMACSHA256} {
			m.payloads[1] = kemacPayload{encr: kemacAESCM128, data: make([]byte, 40), alg: alg, mac: make([]byte, 20)}
			work := func(octets int) float64 {
				k := messageKey{f, make([]byte, octets), 1, make([]byte, minRAND)}
				return testing.AllocsPerRun(20, func() {
					if _, err := k.disclose(m, Identity{}, 256); !errors.Is(err, ErrEnvelope) {
						t.Fatal(err)
					}
				})
			}
			if short, long := work(ownTGK), work(200); short != long {
				t.Errorf("PRF %d, MAC %d: %v for %d octets, %v for 200", f, alg, short, ownTGK, long)
			}
		}
	}
}
