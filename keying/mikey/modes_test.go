package mikey

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"encoding/hex"
	"errors"
	"slices"
	"testing"
)

// mode is one way to make an I_MESSAGE and to answer it, by honest ends with keys of their own.
type mode struct {
	name         string
	initiate     func(Params) (Initiation, error)
	authenticate func(*Message) (Response, error)
	answer       Answer
	responder    PeerKey
}

// modes are all of them: alice asks, bob answers.
func modes(t testing.TB) []mode {
	aliceS, aliceK := rsaIdentity(t, "alice")
	bobS, bobK := rsaIdentity(t, "bob")
	ecS, ecK := ecdsaIdentity(t)
	own := Decrypter{Key: decrypter(bobS), Leaf: bobS.Chain[0]}
	ms := []mode{{
		name:         "psk",
		initiate:     func(p Params) (Initiation, error) { return InitiatePSK(p, testPSK) },
		authenticate: func(m *Message) (Response, error) { return AuthenticatePSK(m, testPSK, nil) },
		answer:       Answer{SSRC: testSSRC},
	}, {
		name:         "pke rsa",
		initiate:     func(p Params) (Initiation, error) { return InitiatePKE(p, aliceS, bobS.Chain[0]) },
		authenticate: func(m *Message) (Response, error) { return AuthenticatePKE(m, aliceK, own) },
		answer:       Answer{SSRC: testSSRC},
	}, {
		name:         "pke ecdsa",
		initiate:     func(p Params) (Initiation, error) { return InitiatePKE(p, ecS, bobS.Chain[0]) },
		authenticate: func(m *Message) (Response, error) { return AuthenticatePKE(m, ecK, own) },
		answer:       Answer{SSRC: testSSRC},
	}, {
		name:         "rsar rsa",
		initiate:     func(p Params) (Initiation, error) { return InitiateRSAR(p, aliceS) },
		authenticate: func(m *Message) (Response, error) { return AuthenticateRSAR(m, aliceK) },
		answer:       Answer{SSRC: testSSRC, Signer: &bobS}, responder: bobK,
	}, {
		name:         "rsar ecdsa",
		initiate:     func(p Params) (Initiation, error) { return InitiateRSAR(p, aliceS) },
		authenticate: func(m *Message) (Response, error) { return AuthenticateRSAR(m, aliceK) },
		answer:       Answer{SSRC: testSSRC, Signer: &ecS}, responder: ecK,
	}}
	for _, g := range []Group{GroupMODP1536, GroupMODP2048, GroupMODP3072, GroupP256} {
		ms = append(ms, mode{
			name:         "dh rsa " + g.String(),
			initiate:     func(p Params) (Initiation, error) { return InitiateDH(p, g, aliceS) },
			authenticate: func(m *Message) (Response, error) { return AuthenticateDH(m, aliceK) },
			answer:       Answer{SSRC: testSSRC, Signer: &bobS}, responder: bobK,
		}, mode{
			name:         "dh ecdsa " + g.String(),
			initiate:     func(p Params) (Initiation, error) { return InitiateDH(p, g, ecS) },
			authenticate: func(m *Message) (Response, error) { return AuthenticateDH(m, ecK) },
			answer:       Answer{SSRC: testSSRC, Signer: &ecS}, responder: ecK,
		}, mode{
			name:         "dhhmac " + g.String(),
			initiate:     func(p Params) (Initiation, error) { return InitiateDHHMAC(p, g, testPSK) },
			authenticate: func(m *Message) (Response, error) { return AuthenticateDHHMAC(m, testPSK) },
			answer:       Answer{SSRC: testSSRC},
		})
	}
	return ms
}

func decrypter(s Signer) crypto.Decrypter { return s.Key.(crypto.Decrypter) }

// begin makes an I_MESSAGE.
func (m mode) begin(t testing.TB, p Params) Initiation {
	t.Helper()
	i, err := m.initiate(p)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// answered is what an honest responder makes of an I_MESSAGE.
func (m mode) answered(t testing.TB, message []byte) (*Crypto, []byte) {
	t.Helper()
	resp, err := m.authenticate(mustParse(t, message))
	if err != nil {
		t.Fatal(err)
	}
	c, r, err := resp.Answer(m.answer)
	if err != nil {
		t.Fatal(err)
	}
	return c, r
}

// TestModesAgree runs every mode, suite of the message and group from both ends.
func TestModesAgree(t *testing.T) {
	for _, m := range modes(t) {
		for _, prf := range []PRF{PRFSHA1, PRFSHA256} {
			t.Run(m.name+" "+prf.String(), func(t *testing.T) {
				p := testParams(t)
				p.PRF = prf
				x, y := run(t, m.begin(t, p), m.authenticate, m.answer, m.responder)
				sameKeys(t, x, y)
			})
		}
	}
}

// TestEveryBitOfEveryModeCounts flips every bit of I and R of every mode and group. What no authentication could tell, the
// envelope, must then not open.
func TestEveryBitOfEveryModeCounts(t *testing.T) {
	for _, m := range modes(t) {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			i := m.begin(t, testParams(t))
			flipAll(t, i.Message(), func(msg *Message) error {
				_, err := m.authenticate(msg)
				return err
			})
			_, r := m.answered(t, i.Message())
			flipAll(t, r, func(msg *Message) error { return i.Authenticate(msg, m.responder) })
			if err := i.Authenticate(mustParse(t, r), m.responder); err != nil {
				t.Errorf("after all the forgeries the true R is refused: %v", err)
			}
		})
	}
}

// TestCutAndPaste feeds every mode the messages of every other under the same keys, and under the name of the other: the
// type octet of the header is protected too.
func TestCutAndPaste(t *testing.T) {
	all := modes(t)
	type pair struct{ i, r []byte }
	made := map[string]pair{}
	for _, m := range all {
		i := m.begin(t, testParams(t)).Message()
		_, r := m.answered(t, i)
		made[m.name] = pair{i, r}
	}
	for _, m := range all {
		own := m.begin(t, testParams(t))
		_, honest := m.answered(t, own.Message())
		for _, other := range all {
			if m.name == other.name {
				continue
			}
			foreign := made[other.name]
			if msg, err := Parse(foreign.i); err == nil && msg.Type() == mustParse(t, own.Message()).Type() {
				continue // the same mode by another key or group: its own tests
			}
			for _, b := range [][]byte{foreign.i, retyped(foreign.i, own.Message()), foreign.r, retyped(foreign.r, own.Message())} {
				if msg, err := Parse(b); err == nil {
					if _, err := m.authenticate(msg); err == nil {
						t.Errorf("%s takes an I made of a message of %s", m.name, other.name)
					}
				}
			}
			for _, b := range [][]byte{foreign.r, retyped(foreign.r, honest), foreign.i, retyped(foreign.i, honest), own.Message()} {
				if msg, err := Parse(b); err == nil && own.Authenticate(msg, m.responder) == nil {
					t.Errorf("%s takes an R made of a message of %s", m.name, other.name)
				}
			}
		}
		_, r := m.answered(t, m.begin(t, testParams(t)).Message())
		if own.Authenticate(mustParse(t, r), m.responder) == nil {
			// Same CSB, time and identities, which honest initiators never repeat: RAND alone differs. Only RSA-R's signature
			// does not depend on it; the envelope does.
			if _, err := own.Complete(); !errors.Is(err, ErrEnvelope) {
				t.Errorf("%s takes the R of another exchange (%v)", m.name, err)
			}
		}
	}
}

// retyped is b with the type octet of as.
func retyped(b, as []byte) []byte {
	b = slices.Clone(b)
	b[1] = as[1]
	return b
}

// TestDHHMACVectors verifies both messages of each pair from both sides, and the keys by the exponents given away.
func TestDHHMACVectors(t *testing.T) {
	n := 0
	for name, v := range vectors(t) {
		if v.Mode != "DHHMAC" {
			continue
		}
		n++
		t.Run(name, func(t *testing.T) {
			m := mustParse(t, v.I)
			if _, err := AuthenticateDHHMAC(m, bytes.Repeat([]byte{1}, 16)); !errors.Is(err, ErrAuth) {
				t.Errorf("another key: %v", err)
			}
			resp, err := AuthenticateDHHMAC(m, v.PSK)
			if err != nil {
				t.Fatal(err)
			}
			group, _ := GroupMODP1536.arithmetic()
			own, _ := find[dhPayload](m)
			i := &dhInitiation{m: m, group: group, own: own, x: bytes.Clone(v.XI), psk: &messageKey{PRFSHA1, bytes.Clone(v.PSK), v.CSB, v.RAND}}
			if err := i.Authenticate(mustParse(t, v.R), PeerKey{}); err != nil {
				t.Fatal(err)
			}
			c, err := i.Complete()
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(c.key, v.TGK) {
				t.Errorf("TGK is %x", c.key)
			}
			checkCS(t, c, v)
			// The responder with the vector's exponent makes the vector's R, octet for octet.
			long := *modp1536()
			long.exponent = len(v.XR)
			resp.(*dhResponse).group = &long
			c, r, err := resp.Answer(Answer{SSRC: map[uint8]uint32{2: 0x01020304}, Rand: bytes.NewReader(v.XR)})
			if err != nil {
				t.Fatal(err)
			}
			checkCS(t, c, v)
			if !bytes.Equal(r, v.R) {
				t.Errorf("R is\n%x, want\n%x", r, v.R)
			}
		})
	}
	if n != 2 {
		t.Errorf("%d vectors", n)
	}
}

// TestDHHMACNumbers: RFC 4650 numbers NULL encryption and HMAC-SHA-1 otherwise than RFC 3830. Both are read as what they
// mean, and answered alike; a NULL MAC is refused by either number.
func TestDHHMACNumbers(t *testing.T) {
	k := messageKey{PRFSHA1, testPSK, 0xC0FFEE01, bytes.Repeat([]byte{1}, 16)}
	p := testParams(t)
	x, _ := p256{}.secret(orCryptoRand(nil))
	value, err := p256{}.public(x)
	if err != nil {
		t.Fatal(err)
	}
	make4650 := func(encr, alg uint8, mac int) []byte {
		payloads := append(p.opening(k.rand, nil), dhPayload{group: GroupP256, value: value},
			kemacPayload{encr: encr, alg: alg, mac: make([]byte, mac)})
		b := assemble(p.header(TypeDHHMACInit), payloads)
		if mac == 20 {
			sum, err := k.hmac(macHMACSHA1, b[:len(b)-mac])
			if err != nil {
				t.Fatal(err)
			}
			copy(b[len(b)-mac:], sum)
		}
		return b
	}
	for _, tc := range []struct {
		name      string
		encr, alg uint8
		mac       int
		parses    bool
		want      error
	}{
		{"RFC 3830", 0, 1, 20, true, nil},
		{"RFC 4650", 2, 0, 20, true, nil},
		{"mixed", 0, 0, 20, true, nil},
		{"mixed the other way", 2, 1, 20, true, nil},
		{"AES", 1, 1, 20, true, ErrEncrAlg},
		{"NULL MAC of RFC 3830", 0, 0, 0, true, ErrMACAlg},
		{"NULL MAC of RFC 4650", 2, 1, 0, false, nil},
		{"19 octets of MAC", 2, 0, 19, false, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := make4650(tc.encr, tc.alg, tc.mac)
			m, err := Parse(b)
			if (err == nil) != tc.parses {
				t.Fatalf("parses: %v", err)
			}
			if !tc.parses {
				return
			}
			if !bytes.Equal(m.Marshal(), b) {
				t.Error("marshals to other octets")
			}
			resp, err := AuthenticateDHHMAC(m, testPSK)
			if !errors.Is(err, tc.want) {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
			if err != nil {
				return
			}
			_, r, err := resp.Answer(Answer{})
			if err != nil {
				t.Fatal(err)
			}
			got, _ := find[kemacPayload](mustParse(t, r))
			if got.encr != tc.encr || got.alg != tc.alg || k.checkDH(mustParse(t, r)) != nil {
				t.Errorf("answered with encryption %d and MAC %d", got.encr, got.alg)
			}
		})
	}
}

// TestPKEVector opens libmikey's message with bob's key, and checks V of libmikey's R.
func TestPKEVector(t *testing.T) {
	_, alice := rsaIdentity(t, "alice")
	bob, _ := rsaIdentity(t, "bob")
	alice.SHA1 = true
	v := vectors(t)["pke-1-libmikey"]
	m := mustParse(t, v.I)
	own := Decrypter{Key: decrypter(bob), Leaf: bob.Chain[0]}
	if _, err := AuthenticatePKE(m, PeerKey{Public: alice.Public}, own); !errors.Is(err, ErrAuth) {
		t.Errorf("SHA-1 without leave: %v", err)
	}
	for _, known := range []string{"sip:alice@example.com", "sip:mallory@example.com", ""} {
		resp, err := AuthenticatePKE(m, alice, own)
		if err != nil {
			t.Fatal(err)
		}
		c, r, err := resp.Answer(Answer{IDi: known, SSRC: map[uint8]uint32{2: 0x01020304}})
		if known != "sip:alice@example.com" {
			if !errors.Is(err, ErrIdentity) {
				t.Errorf("as %q: %v", known, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		checkCS(t, c, v)
		if !bytes.Equal(r, v.R) {
			t.Errorf("R is\n%x, want\n%x", r, v.R)
		}
	}
	envelope := mustHex(t, "6465666768696a6b6c6d6e6f7071727374757677")
	i := &pskInitiation{m: m, answer: TypePKEResp, psk: messageKey{PRFSHA1, envelope, v.CSB, v.RAND}, crypto: &Crypto{}}
	if err := i.Authenticate(mustParse(t, v.R), PeerKey{}); err != nil {
		t.Errorf("R: %v", err)
	}
}

// TestRSARVectors reads the pair of the RFC's shape from both sides, and of libmikey's, whose R breaks the RFC twice, what
// does not.
func TestRSARVectors(t *testing.T) {
	aliceS, alice := rsaIdentity(t, "alice")
	_, bob := rsaIdentity(t, "bob")
	alice.SHA1, bob.SHA1 = true, true
	for _, name := range []string{"rsar-1-libmikey", "rsar-2-rfc-shape"} {
		t.Run(name, func(t *testing.T) {
			v := vectors(t)[name]
			m, r := mustParse(t, v.I), mustParse(t, v.R)
			if _, err := AuthenticateRSAR(m, alice); err != nil {
				t.Fatal(err)
			}
			if _, err := AuthenticateRSAR(m, bob); !errors.Is(err, ErrAuth) {
				t.Errorf("I under another key: %v", err)
			}
			i := &rsarInitiation{m: m, own: Decrypter{Key: decrypter(aliceS)}}
			err := i.Authenticate(r, bob)
			if name == "rsar-1-libmikey" {
				if !errors.Is(err, ErrExchange) {
					t.Errorf("two RANDs: %v", err)
				}
				idr, _ := r.IDr()
				if err := bob.verify(r, idsAndTime("", idr.Data, m.Timestamp())); err != nil {
					t.Errorf("libmikey's reading of what is signed: %v", err)
				}
				i.r = r // the rest is checked past our refusal
			} else if err != nil {
				t.Fatal(err)
			}
			c, err := i.Complete()
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(c.key, v.TGK) {
				t.Errorf("TGK is %x", c.key)
			}
			checkCS(t, c, v)
		})
	}
}

// TestRSARSignedWithoutHeader: RFC 4738 can be read to leave the whole SIGN payload out of what is signed.
func TestRSARSignedWithoutHeader(t *testing.T) {
	alice, aliceK := rsaIdentity(t, "alice")
	bob, bobK := rsaIdentity(t, "bob")
	i, err := InitiateRSAR(testParams(t), alice)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := AuthenticateRSAR(mustParse(t, i.Message()), aliceK)
	if err != nil {
		t.Fatal(err)
	}
	_, b, err := resp.Answer(Answer{SSRC: testSSRC, Signer: &bob})
	if err != nil {
		t.Fatal(err)
	}
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
	if _, err := AuthenticateDH(mustParse(t, b), aliceK); !errors.Is(err, ErrAuth) {
		t.Errorf("DH: %v", err)
	}
}

// TestRSARWithoutRAND: the responder chooses it then.
func TestRSARWithoutRAND(t *testing.T) {
	alice, aliceK := rsaIdentity(t, "alice")
	bob, _ := rsaIdentity(t, "bob")
	p := testParams(t)
	sign, err := alice.signature()
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
			i, err := InitiateRSAR(testParams(t), alice)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := AuthenticateRSAR(mustParse(t, i.Message()), aliceK)
			if err != nil {
				t.Fatal(err)
			}
			_, b, err := resp.Answer(Answer{SSRC: testSSRC, Signer: &bob})
			if err != nil {
				t.Fatal(err)
			}
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
		p, err := encryptTo(bobKey, envelope)
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

// TestP256Values: points off the curve, at infinity, compressed or with a coordinate too large are no values.
func TestP256Values(t *testing.T) {
	g := p256{}
	x, err := g.secret(orCryptoRand(nil))
	if err != nil {
		t.Fatal(err)
	}
	y, err := g.public(x)
	if err != nil || len(y) != GroupP256.valueLen() || !g.inRange(y) {
		t.Fatalf("own value %x, %v", y, err)
	}
	point, _ := ecdh.P256().NewPublicKey(y)
	key, _ := ecdh.P256().NewPrivateKey(x)
	want, _ := key.ECDH(point)
	if tgk, err := g.shared(y, x); err != nil || !bytes.Equal(tgk, want) || len(tgk) != 32 {
		t.Errorf("TGK %x, %v", tgk, err)
	}
	offCurve := bytes.Clone(y)
	offCurve[64] ^= 1
	large := append([]byte{4}, bytes.Repeat([]byte{0xFF}, 64)...)
	for name, v := range map[string][]byte{
		"off the curve": offCurve, "infinity": {0}, "zeros": make([]byte, 65), "4 and zeros": append([]byte{4}, make([]byte, 64)...),
		"coordinates above p": large, "compressed": append([]byte{2}, y[1:33]...), "hybrid": append([]byte{6 | y[64]&1}, y[1:]...),
	} {
		if g.inRange(v) {
			t.Errorf("%s is taken", name)
		}
		if _, err := g.shared(v, x); !errors.Is(err, ErrDHValue) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := g.secret(bytes.NewReader(make([]byte, 256))); !errors.Is(err, ErrParams) {
		t.Errorf("a source of zeros: %v", err)
	}
	if _, err := g.secret(bytes.NewReader(bytes.Repeat([]byte{0xFF}, 256))); !errors.Is(err, ErrParams) {
		t.Errorf("a source of ones: %v", err)
	}
}

func mustHex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestModeParameters: keys and identities that a mode cannot do with.
func TestModeParameters(t *testing.T) {
	alice, _ := rsaIdentity(t, "alice")
	ec, ecK := ecdsaIdentity(t)
	bob, _ := rsaIdentity(t, "bob")
	anonymous := testParams(t)
	anonymous.IDi, anonymous.IDr = "", ""
	i, err := InitiateRSAR(testParams(t), alice)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		try  func() error
		want error
	}{
		"dhhmac short key":        {func() error { _, err := InitiateDHHMAC(testParams(t), GroupP256, testPSK[:15]); return err }, ErrParams},
		"dhhmac OAKLEY 1":         {func() error { _, err := InitiateDHHMAC(testParams(t), groupOakley1, testPSK); return err }, ErrGroup},
		"pke to no certificate":   {func() error { _, err := InitiatePKE(testParams(t), alice, []byte("leaf")); return err }, ErrCertificate},
		"pke without identity":    {func() error { _, err := InitiatePKE(anonymous, alice, bob.Chain[0]); return err }, ErrParams},
		"rsar without identity":   {func() error { _, err := InitiateRSAR(anonymous, alice); return err }, ErrParams},
		"rsar with ECDSA":         {func() error { _, err := InitiateRSAR(testParams(t), ec); return err }, ErrCertificate},
		"rsar to ECDSA":           {func() error { _, err := AuthenticateRSAR(mustParse(t, i.Message()), ecK); return err }, ErrCertificate},
		"pke without a key":       {func() error { return Decrypter{}.checkEnvelope(&Message{}) }, ErrCertificate},
		"dhhmac as another mode":  {func() error { _, err := AuthenticateDHHMAC(mustParse(t, i.Message()), testPSK); return err }, ErrExchange},
		"pke as another mode":     {func() error { _, err := AuthenticatePKE(mustParse(t, i.Message()), ecK, Decrypter{}); return err }, ErrExchange},
		"rsar complete too early": {func() error { _, err := i.Complete(); return err }, ErrExchange},
	} {
		if err := tc.try(); !errors.Is(err, tc.want) {
			t.Errorf("%s: got %v, want %v", name, err, tc.want)
		}
	}
}
