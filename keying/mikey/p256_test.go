package mikey

import (
	"bytes"
	"crypto/ecdh"
	"errors"
	"testing"
)

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
