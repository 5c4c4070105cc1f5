package mikey

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"hash"
	"math/big"
	"slices"
	"testing"
)

// own is one entry of own.json, as a stranger reads it.
type own struct {
	Name, Updates, Mode, Suite, PRF, Group string
	Refresh                                bool
	CSB                                    uint32
	RAND                                   hexed
	IDi                                    string `json:"idi"`
	IDr                                    string `json:"idr"`
	PSK                                    hexed
	Envelope                               hexed  `json:"envelope_key"`
	SignerI                                string `json:"signer_i"`
	SignerR                                string `json:"signer_r"`
	XI, XR                                 hexed
	TGK, MKI                               hexed
	Ext                                    hexed `json:"vendor_ext"`
	I, R                                   []byte
	CS                                     map[string]struct{ TEK, Salt hexed }
}

// What follows reads and computes by the text of RFC 3830 alone and uses nothing of the package but the primes.

// piece is a payload: its octets, from where in the message.
type piece struct {
	code  byte
	at    int
	bytes []byte
}

// pieces takes a message apart; mac and signature lengths are those of its own numbers.
func pieces(t *testing.T, b []byte) []piece {
	t.Helper()
	at := 10 + 9*int(b[8]) // HDR with an SRTP-ID map
	u16 := func(o int) int { return int(binary.BigEndian.Uint16(b[o:])) }
	macs := map[byte]int{0: 20, 1: 20, 2: 32} // 0 is RFC 4650's; NULL does not occur here
	values := map[byte]int{0: 192, 241: 256, 242: 384, 243: 65}
	var ps []piece
	for next := b[2]; ; {
		code, n := next, 0
		switch code {
		case 1: // KEMAC
			n = 4 + u16(at+2)
			n += 1 + macs[b[at+n]]
		case 2: // PKE
			n = 3 + u16(at+1)&0x3FFF
		case 3: // DH
			n = 2 + values[b[at+1]] + 1
			if b[at+n-1]&15 == 1 {
				n += 1 + int(b[at+n])
			}
		case 4: // SIGN
			n = 2 + u16(at)&0xFFF
		case 5: // T
			n = 10
		case 6, 7, 21: // ID, CERT, General Ext
			n = 4 + u16(at+2)
		case 8: // CHASH
			n = 2 + map[byte]int{0: 20, 2: 32}[b[at+1]]
		case 9: // V
			n = 2 + macs[b[at+1]]
		case 10: // SP
			n = 5 + u16(at+3)
		case 11: // RAND
			n = 2 + int(b[at+1])
		default:
			t.Fatalf("payload %d", code)
		}
		ps = append(ps, piece{code, at, b[at : at+n]})
		if at += n; code == 4 || b[at-n] == 0 {
			break
		}
		next = b[at-n]
	}
	if at != len(b) {
		t.Fatalf("%d octets of %d", at, len(b))
	}
	return ps
}

func pick(ps []piece, code byte) []piece {
	return slices.DeleteFunc(slices.Clone(ps), func(p piece) bool { return p.code != code })
}

// plainPRF is section 4.1.2.
func plainPRF(h func() hash.Hash, inkey, label []byte, n int) []byte {
	sum := func(k []byte, parts ...[]byte) []byte {
		m := hmac.New(h, k)
		m.Write(bytes.Join(parts, nil))
		return m.Sum(nil)
	}
	out := make([]byte, n)
	for s := range slices.Chunk(inkey, 32) {
		var p []byte
		for a := sum(s, label); len(p) < n; a = sum(s, a) {
			p = append(p, sum(s, a, label)...)
		}
		for i := range out {
			out[i] ^= p[i]
		}
	}
	return out
}

func (v own) prf(t *testing.T) func() hash.Hash {
	switch v.PRF {
	case "hmac-sha-1":
		return sha1.New
	case "hmac-sha-256":
		return sha256.New
	}
	t.Fatalf("PRF %q", v.PRF)
	return nil
}

// label is section 4.1.3's.
func (v own) label(constant uint32, cs byte) []byte {
	l := append(binary.BigEndian.AppendUint32(nil, constant), cs)
	return append(binary.BigEndian.AppendUint32(l, v.CSB), v.RAND...)
}

func (v own) mac(t *testing.T, parts ...[]byte) []byte {
	t.Helper()
	n := map[string]int{"hmac-sha-1": 20, "hmac-sha-256": 32}[v.PRF]
	m := hmac.New(v.prf(t), plainPRF(v.prf(t), v.key(), v.label(0x2D22AC75, 255), n))
	m.Write(bytes.Join(parts, nil))
	return m.Sum(nil)
}

// key is the PSK or the envelope key.
func (v own) key() []byte {
	if len(v.Envelope) > 0 {
		return v.Envelope
	}
	return v.PSK
}

// plain decrypts the data of a KEMAC (section 4.2.3).
func (v own) plain(t *testing.T, kemac, at []byte) []byte {
	t.Helper()
	n := map[byte]int{1: 16, 3: 32}[kemac[1]]
	block, err := aes.NewCipher(plainPRF(v.prf(t), v.key(), v.label(0x150533E1, 255), n))
	if err != nil {
		t.Fatal(err)
	}
	iv := append(plainPRF(v.prf(t), v.key(), v.label(0x29B88916, 255), 14), 0, 0)
	for i, b := range append(binary.BigEndian.AppendUint32(nil, v.CSB), at...) {
		iv[2+i] ^= b
	}
	data := bytes.Clone(kemac[4 : 4+binary.BigEndian.Uint16(kemac[2:])])
	cipher.NewCTR(block, iv).XORKeyStream(data, data)
	return data
}

// keyData is the TGK with its MKI as a key data sub-payload (section 6.13).
func (v own) keyData() []byte {
	b := append(binary.BigEndian.AppendUint16([]byte{0, 1}, uint16(len(v.TGK))), v.TGK...)
	return append(append(b, byte(len(v.MKI))), v.MKI...)
}

// identity is one of own.json.
type identity struct {
	URI         string
	Certificate []byte
	PrivateKey  []byte `json:"private_key"`
}

func (i identity) public(t *testing.T) crypto.PublicKey {
	t.Helper()
	c, err := x509.ParseCertificate(i.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	return c.PublicKey
}

// signed checks a SIGN over the message before it and what is beside.
func (i identity) signed(t *testing.T, b []byte, beside []byte) {
	t.Helper()
	ps := pieces(t, b)
	sign := ps[len(ps)-1]
	if sign.code != 4 {
		t.Fatal("no signature")
	}
	covered := slices.Concat(b[:sign.at+2], beside)
	sig := sign.bytes[2:]
	strong, weak := sha256.Sum256(covered), sha1.Sum(covered)
	switch key := i.public(t).(type) {
	case *rsa.PublicKey:
		if rsa.VerifyPKCS1v15(key, crypto.SHA256, strong[:], sig) != nil && rsa.VerifyPKCS1v15(key, crypto.SHA1, weak[:], sig) != nil {
			t.Error("the RSA signature does not hold")
		}
	case *ecdsa.PublicKey:
		if !ecdsa.Verify(key, strong[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])) {
			t.Error("the ECDSA signature does not hold")
		}
	}
}

// open decrypts an envelope.
func (i identity) open(t *testing.T, pke []byte) []byte {
	t.Helper()
	key, err := x509.ParsePKCS8PrivateKey(i.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	if pke[1]>>6 != 2 {
		t.Errorf("C is %d", pke[1]>>6)
	}
	envelope, err := rsa.DecryptPKCS1v15(nil, key.(*rsa.PrivateKey), pke[3:]) //nolint:staticcheck // the padding RFC 3830 demands
	if err != nil {
		t.Fatal(err)
	}
	return envelope
}
