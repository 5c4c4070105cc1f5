package mikey

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // RFC 3830's mandatory PRF is HMAC-SHA-1, which the collisions do not touch
	"crypto/sha256"
	"encoding/binary"
	"hash"
)

// Constants of the labels (RFC 3830 sections 4.1.3 and 4.1.4).
const (
	constTEK  uint32 = 0x2AD01C64 // from a TGK, per CS
	constSalt uint32 = 0x39A2C14B

	constMessageEncr uint32 = 0x150533E1 // from a PSK or envelope key, with CS ID 0xFF
	constMessageAuth uint32 = 0x2D22AC75
	constMessageSalt uint32 = 0x29B88916

	messageCSID uint8 = 0xFF
	prfBlock    int   = 32 // octets of the input key per inner PRF, for both hashes
)

// label is constant || cs_id || CSB ID || RAND.
func label(constant uint32, csID uint8, csbID uint32, rand []byte) []byte {
	l := make([]byte, 0, 9+len(rand))
	l = binary.BigEndian.AppendUint32(l, constant)
	l = append(l, csID)
	l = binary.BigEndian.AppendUint32(l, csbID)
	return append(l, rand...)
}

// hash is the hash function of the PRF.
func (p PRF) hash() func() hash.Hash {
	if p == PRFSHA256 {
		return sha256.New
	}
	return sha1.New
}

// known tells whether the PRF is one of ours.
func (p PRF) known() bool { return p == PRFSHA1 || p == PRFSHA256 }

// prf is the PRF of RFC 3830 section 4.1.2: the input key is split in blocks of 256 bits, of which only the last may be
// shorter (never empty), and the P functions of all blocks are XORed.
func prf(f PRF, key, label []byte, n int) []byte {
	out := make([]byte, n)
	for len(key) > 0 {
		block := key[:min(prfBlock, len(key))]
		key = key[len(block):]
		xorP(f.hash(), block, label, out)
	}
	return out
}

// xorP XORs P(s, label) into out: A_0 = label, A_i = H(s, A_i-1), and the output is H(s, A_1 || label) || ...
func xorP(h func() hash.Hash, s, label, out []byte) {
	mac := hmac.New(h, s)
	a := label
	for len(out) > 0 {
		mac.Reset()
		mac.Write(a)
		a = mac.Sum(nil)
		mac.Reset()
		mac.Write(a)
		mac.Write(label)
		block := mac.Sum(nil)
		n := min(len(block), len(out))
		for i := range n {
			out[i] ^= block[i]
		}
		out = out[n:]
	}
}
