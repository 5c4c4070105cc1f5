package store

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
)

// sealLabel binds the derived key to its use, so that store.key may serve other uses under other labels.
const sealLabel = "conclave store: sealing of records, AES-256-GCM, version 1"

// sealer seals values under their place in the database. Set once; any goroutine.
type sealer struct{ aead cipher.AEAD }

// newSealer derives the sealing key from the key file's key, which the caller wipes. The nonce is random: 96 bits are good
// for 2^32 writes under one key (SP 800-38D 8.3), some ten thousand years of the busiest server.
func newSealer(key []byte) (*sealer, error) {
	sub, err := hkdf.Key(sha256.New, key, nil, sealLabel, keyOctets)
	if err != nil {
		return nil, fmt.Errorf("store: derive the sealing key: %w", err)
	}
	defer clear(sub)
	block, err := aes.NewCipher(sub)
	if err != nil {
		return nil, fmt.Errorf("store: sealing key: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("store: sealing key: %w", err)
	}
	return &sealer{aead}, nil
}

// seal gives nonce, ciphertext and tag of the value of that name in that bucket.
func (s *sealer) seal(bucket []byte, name string, value []byte) []byte {
	return s.aead.Seal(nil, nil, value, place(bucket, name))
}

// open gives the value back, or ErrTampered with its place.
func (s *sealer) open(bucket []byte, name string, sealed []byte) ([]byte, error) {
	value, err := s.aead.Open(nil, nil, sealed, place(bucket, name))
	if err != nil {
		return nil, fmt.Errorf("%w: %s/%s", ErrTampered, bucket, name)
	}
	return value, nil
}

// place is the associated data of a record. Neither a bucket nor a name holds a slash, so no two places read alike.
func place(bucket []byte, name string) []byte {
	return fmt.Appendf(nil, "%s/%s", bucket, name)
}
