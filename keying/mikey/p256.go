package mikey

import (
	"crypto/ecdh"
	"fmt"
	"io"
)

const (
	p256Value    = 65 // octets of an uncompressed point: 4, x, y (SEC 1 section 2.3.3)
	p256Exponent = 32 // octets of a scalar
	// p256Draws bounds the search for a scalar below the group's order: one draw in 2^32 is not.
	p256Draws = 4
)

// p256 is the NIST curve P-256. The DH value is the uncompressed point, the TGK the x coordinate of the shared point.
type p256 struct{}

// inRange tells whether y is a point of the curve other than infinity. The curve has a prime order: a point on it is in
// the group, and one that is not (the invalid curve attack) is refused here.
func (p256) inRange(y []byte) bool {
	_, err := p256Point(y)
	return err == nil
}

// p256Point takes uncompressed points only: a value has one length.
func p256Point(y []byte) (*ecdh.PublicKey, error) {
	if len(y) != p256Value || y[0] != 4 {
		return nil, ErrDHValue
	}
	point, err := ecdh.P256().NewPublicKey(y)
	if err != nil {
		return nil, fmt.Errorf("%w: not on the curve", ErrDHValue)
	}
	return point, nil
}

func (p256) secret(r io.Reader) ([]byte, error) {
	for range p256Draws {
		x, err := draw(r, p256Exponent)
		if err != nil {
			return nil, err
		}
		if _, err := ecdh.P256().NewPrivateKey(x); err == nil {
			return x, nil
		}
	}
	return nil, fmt.Errorf("%w: the source of randomness gives no scalar", ErrParams)
}

func (p256) public(x []byte) ([]byte, error) {
	key, err := ecdh.P256().NewPrivateKey(x)
	if err != nil {
		return nil, fmt.Errorf("%w: scalar", ErrParams)
	}
	return key.PublicKey().Bytes(), nil
}

func (p256) shared(y, x []byte) ([]byte, error) {
	point, err := p256Point(y)
	if err != nil {
		return nil, err
	}
	key, err := ecdh.P256().NewPrivateKey(x)
	if err != nil {
		return nil, fmt.Errorf("%w: scalar", ErrParams)
	}
	tgk, err := key.ECDH(point)
	if err != nil {
		return nil, ErrDHValue
	}
	return tgk, nil
}
