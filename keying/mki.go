package keying

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
)

// ErrMKIReused says that new keys came under the identifier of keys that may still be in use: packets would be taken for either's.
var ErrMKIReused = errors.New("keying: master key identifier was in use before")

const (
	// mkiLen is the length of our master key identifiers in octets: drawn at random, four seldom meet.
	mkiLen = 4
	// keptMKIs is how many generations of keys a stream keeps at most, and so how many identifiers must differ.
	keptMKIs = 3
)

// newMKI draws an identifier of n octets that is none of used and not all zero; n of 0 gives none.
func (k *Keyer) newMKI(n int, used [][]byte) ([]byte, error) {
	if n == 0 {
		return nil, nil
	}
	mki := make([]byte, n)
	for range 64 {
		if _, err := io.ReadFull(k.rand, mki); err != nil {
			return nil, fmt.Errorf("randomness: %w", err)
		}
		if !knownMKI(mki, used) && !bytes.Equal(mki, make([]byte, n)) {
			return mki, nil
		}
	}
	return nil, fmt.Errorf("%w: no other of %d octets came up", ErrMKIReused, n)
}

func knownMKI(mki []byte, used [][]byte) bool {
	return slices.ContainsFunc(used, func(u []byte) bool { return bytes.Equal(u, mki) })
}
