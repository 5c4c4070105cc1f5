package mikey

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // HMAC-SHA-1-160 is RFC 3830's mandatory MAC
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
)

// messageKey derives the keys that protect a message from a PSK or an envelope key (RFC 3830 section 4.1.4).
type messageKey struct {
	prf   PRF
	key   []byte // owned by the caller
	csbID uint32
	rand  []byte // of the first I_MESSAGE of the CSB
}

func (k messageKey) derive(constant uint32, n int) []byte {
	return prf(k.prf, k.key, label(constant, messageCSID, k.csbID, k.rand), n)
}

// hmac computes the MAC of algorithm alg over parts. The algorithms are an allow-list: NULL is never one of them.
func (k messageKey) hmac(alg uint8, parts ...[]byte) ([]byte, error) {
	var h func() hash.Hash
	switch alg {
	case macHMACSHA1:
		h = sha1.New
	case macHMACSHA256:
		h = sha256.New
	default:
		return nil, fmt.Errorf("%w: %d", ErrMACAlg, alg)
	}
	n, _ := macLen(alg)
	key := k.derive(constMessageAuth, n)
	defer clear(key)
	mac := hmac.New(h, key)
	for _, p := range parts {
		mac.Write(p)
	}
	return mac.Sum(nil), nil
}

// verify compares a received MAC in constant time.
func (k messageKey) verify(alg uint8, got []byte, parts ...[]byte) error {
	want, err := k.hmac(alg, parts...)
	if err != nil {
		return err
	}
	if !hmac.Equal(want, got) {
		return ErrAuth
	}
	return nil
}

// crypt encrypts or decrypts KEMAC data with AES in counter mode (RFC 3830 section 4.2.3) into a new slice:
// IV = (salt xor (0x0000 || CSB ID || T)) || 0x0000. An algorithm off the list, NULL among them, is refused.
func (k messageKey) crypt(alg uint8, t Timestamp, data []byte) ([]byte, error) {
	n := 0
	switch alg {
	case kemacAESCM128:
		n = 16
	case kemacAESCM256:
		n = 32
	default:
		return nil, fmt.Errorf("%w: %d", ErrEncrAlg, alg)
	}
	key := k.derive(constMessageEncr, n)
	defer clear(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEncrAlg, err)
	}
	iv := k.iv(t)
	out := make([]byte, len(data))
	// Fewer than 2^16 octets: the block counter never leaves the 16 bits that the IV keeps for it.
	cipher.NewCTR(block, iv).XORKeyStream(out, data)
	return out, nil
}

// iv is the initial counter block, 16 octets.
func (k messageKey) iv(t Timestamp) []byte {
	iv := append(k.derive(constMessageSalt, 14), 0, 0)
	var x [14]byte
	binary.BigEndian.PutUint32(x[2:], k.csbID)
	copy(x[6:], t.eight())
	for i, b := range x {
		iv[i] ^= b
	}
	return iv
}
