package mikey

import (
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
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
			authenticate: func(m *Message) (Response, error) { return AuthenticateDH(m, aliceK, nil) },
			answer:       Answer{SSRC: testSSRC, Signer: &bobS}, responder: bobK,
		}, mode{
			name:         "dh ecdsa " + g.String(),
			initiate:     func(p Params) (Initiation, error) { return InitiateDH(p, g, ecS) },
			authenticate: func(m *Message) (Response, error) { return AuthenticateDH(m, ecK, nil) },
			answer:       Answer{SSRC: testSSRC, Signer: &ecS}, responder: ecK,
		}, mode{
			name:         "dhhmac " + g.String(),
			initiate:     func(p Params) (Initiation, error) { return InitiateDHHMAC(p, g, testPSK) },
			authenticate: func(m *Message) (Response, error) { return AuthenticateDHHMAC(m, testPSK, nil) },
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

// TestModeParameters: keys and identities that a mode cannot do with.
func TestModeParameters(t *testing.T) {
	alice, _ := rsaIdentity(t, "alice")
	ec, ecK := ecdsaIdentity(t)
	bob, _ := rsaIdentity(t, "bob")
	anonymous := testParams(t)
	anonymous.IDi, anonymous.IDr = "", ""
	unnamed := testParams(t)
	unnamed.Anonymous = true
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
		"rsar anonymous":          {func() error { _, err := InitiateRSAR(unnamed, alice); return err }, ErrParams},
		"rsar with ECDSA":         {func() error { _, err := InitiateRSAR(testParams(t), ec); return err }, ErrCertificate},
		"rsar to ECDSA":           {func() error { _, err := AuthenticateRSAR(mustParse(t, i.Message()), ecK); return err }, ErrCertificate},
		"pke without a key":       {func() error { return Decrypter{}.checkEnvelope(&Message{}) }, ErrCertificate},
		"dhhmac as another mode":  {func() error { _, err := AuthenticateDHHMAC(mustParse(t, i.Message()), testPSK, nil); return err }, ErrExchange},
		"pke as another mode":     {func() error { _, err := AuthenticatePKE(mustParse(t, i.Message()), ecK, Decrypter{}); return err }, ErrExchange},
		"rsar complete too early": {func() error { _, err := i.Complete(); return err }, ErrExchange},
	} {
		if err := tc.try(); !errors.Is(err, tc.want) {
			t.Errorf("%s: got %v, want %v", name, err, tc.want)
		}
	}
}

// TestModesKeepSecrets: nothing that holds keys prints or marshals, and Wipe leaves none.
func TestModesKeepSecrets(t *testing.T) {
	bob, _ := rsaIdentity(t, "bob")
	for _, m := range modes(t) {
		i := m.begin(t, testParams(t))
		resp, err := m.authenticate(mustParse(t, i.Message()))
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range []any{i, resp, Decrypter{Key: decrypter(bob)}} {
			if got := fmt.Sprintf("%+v", v); got != "[secret]" {
				t.Errorf("%s: %T prints as %.80s", m.name, v, got)
			}
			if _, err := json.Marshal(v); err == nil {
				t.Errorf("%s: %T marshals", m.name, v)
			}
		}
		i.Wipe()
		resp.Wipe()
		if _, err := i.Complete(); err == nil {
			t.Errorf("%s: completed after Wipe", m.name)
		}
		if _, _, err := resp.Answer(m.answer); err == nil {
			t.Errorf("%s: answered after Wipe", m.name)
		}
		for _, k := range held(i, resp) {
			if slices.ContainsFunc(k, func(b byte) bool { return b != 0 }) {
				t.Errorf("%s: a key is left", m.name)
			}
		}
	}
}

// held are the long-lived secrets within both ends of an exchange.
func held(i Initiation, r Response) [][]byte {
	var keys [][]byte
	switch i := i.(type) {
	case *dhInitiation:
		keys = append(keys, i.x)
		if i.psk != nil {
			keys = append(keys, i.psk.key)
		}
	case *pskInitiation:
		keys = append(keys, i.psk.key)
	}
	switch r := r.(type) {
	case *dhResponse:
		if r.psk != nil {
			keys = append(keys, r.psk.key)
		}
	case *pskResponse:
		keys = append(keys, r.psk.key)
	}
	return keys
}
