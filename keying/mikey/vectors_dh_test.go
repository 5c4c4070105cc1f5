package mikey

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// TestDHSignVectors verifies both messages of each pair, and the keys by the exponents that the vectors give away.
func TestDHSignVectors(t *testing.T) {
	_, alice := rsaIdentity(t, "alice")
	_, bob := rsaIdentity(t, "bob")
	alice.SHA1, bob.SHA1 = true, true
	for name, v := range vectors(t) {
		if v.Mode != "DH-SIGN" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			m := mustParse(t, v.I)
			if _, err := AuthenticateDH(m, PeerKey{Public: alice.Public}, nil); !errors.Is(err, ErrAuth) {
				t.Errorf("SHA-1 without leave: %v", err)
			}
			if _, err := AuthenticateDH(m, bob, nil); !errors.Is(err, ErrAuth) {
				t.Errorf("somebody else's key: %v", err)
			}
			if _, err := AuthenticateDH(m, alice, nil); err != nil {
				t.Fatal(err)
			}
			group, _ := GroupMODP1536.modp()
			own, _ := find[dhPayload](m)
			i := &dhInitiation{m: m, group: group, own: own, x: bytes.Clone(v.XI)}
			r := mustParse(t, v.R)
			if err := i.Authenticate(r, alice); !errors.Is(err, ErrAuth) {
				t.Errorf("R under another key: %v", err)
			}
			if err := i.Authenticate(r, bob); err != nil {
				t.Fatal(err)
			}
			checkCompleted(t, i, v)
		})
	}
}

// TestDHMath covers leading zeros, in the value and in the secret, with the DHHMAC vectors' numbers as well.
func TestDHMath(t *testing.T) {
	group, err := GroupMODP1536.modp()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for name, v := range vectors(t) {
		if len(v.XI) == 0 {
			continue
		}
		n++
		gi, err := group.public(v.XI)
		if err != nil {
			t.Fatal(err)
		}
		gr, err := group.public(v.XR)
		if err != nil {
			t.Fatal(err)
		}
		one, err1 := group.shared(gr, v.XI)
		two, err2 := group.shared(gi, v.XR)
		if err1 != nil || err2 != nil || len(one) != 192 || !bytes.Equal(one, two) || !bytes.Equal(one, v.TGK) {
			t.Errorf("%s: %x and %x (%v %v)", name, one, two, err1, err2)
		}
		if len(v.DHI) > 0 && !bytes.Equal(gi, v.DHI) {
			t.Errorf("%s: 2^xi is %x", name, gi)
		}
		if strings.Contains(name, "leading-zero-public") && gi[0] != 0 || strings.Contains(name, "leading-zero-secret") && one[0] != 0 {
			t.Errorf("%s has no leading zero", name)
		}
		if len(v.CS) > 0 {
			checkCS(t, &Crypto{csbID: v.CSB, rand: v.RAND, key: one}, v)
		}
	}
	if n != 6 {
		t.Errorf("%d vectors with exponents", n)
	}
}
