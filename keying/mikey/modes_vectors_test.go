package mikey

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"
)

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
			if _, err := AuthenticateDHHMAC(m, bytes.Repeat([]byte{1}, 16), nil); !errors.Is(err, ErrAuth) {
				t.Errorf("another key: %v", err)
			}
			resp, err := AuthenticateDHHMAC(m, v.PSK, nil)
			if err != nil {
				t.Fatal(err)
			}
			group, _ := GroupMODP1536.arithmetic()
			own, _ := find[dhPayload](m)
			i := &dhInitiation{m: m, group: group, own: own, x: bytes.Clone(v.XI), psk: &messageKey{PRFSHA1, bytes.Clone(v.PSK), v.CSB, v.RAND}}
			if err := i.Authenticate(mustParse(t, v.R), PeerKey{}); err != nil {
				t.Fatal(err)
			}
			checkCompleted(t, i, v)
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
			checkCompleted(t, i, v)
		})
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
