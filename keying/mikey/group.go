package mikey

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"sync"

	"filippo.io/bigmod"
)

// valueLen is the length in octets of a DH value, which the payload does not state; 0 for an unknown group.
func (g Group) valueLen() int {
	switch g {
	case groupOakley1:
		return 768 / 8
	case groupOakley2:
		return 1024 / 8
	case GroupMODP1536:
		return 1536 / 8
	case GroupMODP2048:
		return 2048 / 8
	case GroupMODP3072:
		return 3072 / 8
	case GroupP256:
		return p256Value
	}
	return 0
}

// dhGroup is a group we compute in. Values have the length of valueLen, secrets are the caller's to wipe.
type dhGroup interface {
	// inRange tells whether a peer's value is one to compute with; it costs no group operation.
	inRange(y []byte) bool
	// secret draws an exponent.
	secret(r io.Reader) ([]byte, error)
	// public is our value.
	public(x []byte) ([]byte, error)
	// shared is the TGK.
	shared(y, x []byte) ([]byte, error)
}

// arithmetic finds the group; the short ones and the unknown ones are refused.
func (g Group) arithmetic() (dhGroup, error) {
	if g == GroupP256 {
		return p256{}, nil
	}
	return g.modp()
}

// modp is a group of integers modulo a safe prime.
type modp struct {
	p        *bigmod.Modulus
	minusOne []byte // p - 1
	exponent int    // octets of a secret exponent
}

// The exponents are at least twice as long as the group's strength, so that guessing them is no easier than the discrete
// logarithm: RFC 3526 section 8 estimates 90, 110 and 130 bits (NIST SP 800-57 says 112 and 128 for the last two). Never
// under 256 bits. These are compiled tables, filled once on first use.
var (
	modp1536 = sync.OnceValue(func() *modp { return newMODP(modp1536Hex, 32) })
	modp2048 = sync.OnceValue(func() *modp { return newMODP(modp2048Hex, 32) })
	modp3072 = sync.OnceValue(func() *modp { return newMODP(modp3072Hex, 36) })
)

// newMODP reads a prime from the table; a test holds that each of them reads.
func newMODP(prime string, exponent int) *modp {
	octets, err := hex.DecodeString(prime)
	if err != nil {
		return nil
	}
	p, err := bigmod.NewModulus(octets)
	if err != nil {
		return nil
	}
	octets[len(octets)-1]-- // p is odd
	return &modp{p, octets, exponent}
}

// modp finds the groups of integers.
func (g Group) modp() (*modp, error) {
	var m *modp
	switch g {
	case GroupMODP1536:
		m = modp1536()
	case GroupMODP2048:
		m = modp2048()
	case GroupMODP3072:
		m = modp3072()
	}
	if m == nil {
		return nil, fmt.Errorf("%w: %d", ErrGroup, g)
	}
	return m, nil
}

// inRange tells whether 2 <= y <= p-2, y having the length of p: the values that do not fix the secret whatever the
// exponent is. p being a safe prime, no other small subgroup exists.
func (m *modp) inRange(y []byte) bool {
	if len(y) != len(m.minusOne) || bytes.Compare(y, m.minusOne) >= 0 {
		return false
	}
	one := make([]byte, len(y))
	one[len(one)-1] = 1
	return bytes.Compare(y, one) > 0
}

// secret draws an exponent.
func (m *modp) secret(r io.Reader) ([]byte, error) { return draw(r, m.exponent) }

// public is 2^x, as long as p with zeros in front: the only choice under which a DH payload has a length.
func (m *modp) public(x []byte) ([]byte, error) {
	two := make([]byte, len(m.minusOne))
	two[len(two)-1] = 2
	return m.exp(two, x)
}

// shared is y^x, as long as p with zeros in front: the TGK.
func (m *modp) shared(y, x []byte) ([]byte, error) {
	if !m.inRange(y) {
		return nil, ErrDHValue
	}
	return m.exp(y, x)
}

// exp is y^x mod p in time that depends on the lengths of p and x only. A result of 0 or ±1 is refused.
func (m *modp) exp(y, x []byte) ([]byte, error) {
	base, err := bigmod.NewNat().SetBytes(y, m.p)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDHValue, err)
	}
	out := bigmod.NewNat().Exp(base, x, m.p).Bytes(m.p)
	if !m.inRange(out) {
		return nil, ErrDHValue
	}
	return out, nil
}

// Supported tells whether the exchanges compute in the group.
func (g Group) Supported() bool {
	_, err := g.arithmetic()
	return err == nil
}
