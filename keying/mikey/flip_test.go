package mikey

import (
	"bytes"
	"testing"
)

// flipAll flips every bit of b, one at a time, and reports those whose message accept takes.
func flipAll(t *testing.T, b []byte, accept func(m *Message) error) {
	t.Helper()
	for i := range len(b) * 8 {
		flipped := bytes.Clone(b)
		flipped[i/8] ^= 1 << (i % 8)
		m, err := Parse(flipped)
		if err != nil {
			continue
		}
		if accept(m) == nil {
			t.Errorf("bit %d of octet %d flipped: accepted", i%8, i/8)
		}
	}
}

func TestEveryBitOfPSKCounts(t *testing.T) {
	i, err := InitiatePSK(testParams(t), testPSK)
	if err != nil {
		t.Fatal(err)
	}
	flipBoth(t, i, byPSK, Answer{SSRC: testSSRC}, PeerKey{})
}

// flipBoth flips what an initiator sends, and what is answered.
func flipBoth(t *testing.T, i Initiation, authenticate func(*Message) (Response, error), a Answer, responder PeerKey) {
	t.Helper()
	flipAll(t, i.Message(), func(m *Message) error {
		_, err := authenticate(m)
		return err
	})
	r := replied(t, mustParse(t, i.Message()), authenticate, a)
	flipAll(t, r, func(m *Message) error { return i.Authenticate(m, responder) })
	if err := i.Authenticate(mustParse(t, r), responder); err != nil {
		t.Errorf("after all the forgeries the true R is refused: %v", err)
	}
}

func TestEveryBitOfDHCounts(t *testing.T) {
	for name, identity := range map[string]func() (Signer, PeerKey){
		"rsa":   func() (Signer, PeerKey) { return rsaIdentity(t, "alice") },
		"ecdsa": func() (Signer, PeerKey) { return ecdsaIdentity(t) },
	} {
		t.Run(name, func(t *testing.T) {
			s, k := identity()
			i, err := InitiateDH(testParams(t), GroupMODP1536, s)
			if err != nil {
				t.Fatal(err)
			}
			byDH := func(m *Message) (Response, error) { return AuthenticateDH(m, k, nil) }
			flipBoth(t, i, byDH, Answer{SSRC: testSSRC, Signer: &s}, k)
		})
	}
}
