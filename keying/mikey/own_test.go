package mikey

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"flag"
	"hash"
	"math/big"
	"os"
	"slices"
	"strconv"
	"testing"
)

var writeOwn = flag.Bool("write", false, "write testdata/own.json anew")

const ownFile = "testdata/own.json"

// TestOwnVectorsAreReproduced: the generator makes the committed file, octet for octet.
func TestOwnVectorsAreReproduced(t *testing.T) {
	var made bytes.Buffer
	if err := WriteVectors(&made); err != nil {
		t.Fatal(err)
	}
	if *writeOwn {
		if err := os.WriteFile(ownFile, made.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(ownFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(made.Bytes(), want) {
		t.Error("other vectors than those committed: go test -run Own -write, if that is meant")
	}
}

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

// ownVectorFile is own.json.
type ownVectorFile struct {
	Identities map[string]identity
	Vectors    []own
}

func readOwn(t testing.TB) (file ownVectorFile) {
	t.Helper()
	readJSON(t, "own.json", &file)
	if len(file.Vectors) != 95 {
		t.Fatalf("%d vectors", len(file.Vectors))
	}
	return file
}

func ownVectors(t testing.TB) []own { return readOwn(t).Vectors }

// TestOwnVectors recomputes every exchange of the committed file.
func TestOwnVectors(t *testing.T) {
	file := readOwn(t)
	first := map[string]own{}
	for _, v := range file.Vectors {
		t.Run(v.Name, func(t *testing.T) {
			i, r := pieces(t, v.I), pieces(t, v.R)
			at := pick(i, 5)[0].bytes[2:]
			if !bytes.Equal(pick(r, 5)[0].bytes[2:], at) {
				t.Error("R has another T")
			}
			v.checkBundle(t, first, i, at)
			for _, ps := range [][]piece{i, r} {
				exts := slices.DeleteFunc(pick(ps, 21), func(p piece) bool { return p.bytes[1] != 241 })
				if len(exts) != min(1, len(v.Ext)) || len(exts) == 1 && !bytes.Equal(exts[0].bytes[4:], v.Ext) {
					t.Errorf("%d vendor extensions", len(exts))
				}
			}
			v.checkKeys(t)
			beside := slices.Concat([]byte(v.IDi), []byte(v.IDr), at)
			if len(pick(i, 6)) == 0 {
				beside = at
			}
			switch v.Mode {
			case "psk-i":
				v.checkPSK(t, i, at)
				v.checkV(t, r, beside)
			case "pke-i":
				v.checkEnvelope(t, i, at, v.IDi, file.Identities[v.SignerR])
				file.Identities[v.SignerI].signed(t, v.I, nil)
				v.checkV(t, r, beside)
			case "rsar-i":
				file.Identities[v.SignerI].signed(t, v.I, nil)
				v.checkEnvelope(t, r, at, v.IDr, file.Identities[v.SignerI])
				file.Identities[v.SignerR].signed(t, v.R, beside)
			case "dh-i":
				v.checkValues(t, i, r)
				file.Identities[v.SignerI].signed(t, v.I, nil)
				file.Identities[v.SignerR].signed(t, v.R, nil)
			case "dhhmac-i":
				v.checkValues(t, i, r)
				for _, b := range [][]byte{v.I, v.R} {
					n := len(v.mac(t))
					if !hmac.Equal(b[len(b)-n:], v.mac(t, b[:len(b)-n])) {
						t.Error("a MAC does not hold")
					}
				}
			default:
				t.Errorf("mode %q", v.Mode)
			}
		})
	}
}

// checkBundle: an update has the CSB ID of the first exchange, a later T and no RAND.
func (v own) checkBundle(t *testing.T, first map[string]own, i []piece, at []byte) {
	t.Helper()
	rand := pick(i, 11)
	if v.Updates == "" {
		first[v.Name] = v
		if len(rand) != 1 || !bytes.Equal(rand[0].bytes[2:], v.RAND) {
			t.Error("RAND")
		}
	} else {
		was := first[v.Updates]
		earlier := pick(pieces(t, was.I), 5)[0].bytes[2:]
		if len(rand) != 0 || !bytes.Equal(was.RAND, v.RAND) || was.CSB != v.CSB || bytes.Compare(at, earlier) <= 0 || !bytes.Equal(was.key(), v.key()) {
			t.Error("not an update of its bundle")
		}
	}
	if binary.BigEndian.Uint32(v.I[4:]) != v.CSB || binary.BigEndian.Uint32(v.R[4:]) != v.CSB {
		t.Error("CSB ID")
	}
}

// checkKeys derives TEKs and salts.
func (v own) checkKeys(t *testing.T) {
	t.Helper()
	if v.Refresh != (len(v.TGK) == 0) || v.Refresh != (len(v.CS) == 0) {
		t.Fatal("keys in a refresh, or none elsewhere")
	}
	for id, want := range v.CS {
		cs, err := strconv.ParseUint(id, 10, 8)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(want.TEK, plainPRF(v.prf(t), v.TGK, v.label(0x2AD01C64, byte(cs)), len(want.TEK))) ||
			!bytes.Equal(want.Salt, plainPRF(v.prf(t), v.TGK, v.label(0x39A2C14B, byte(cs)), len(want.Salt))) {
			t.Errorf("keys of CS %d", cs)
		}
		if lengths := map[string][2]int{"AES_CM_128_HMAC_SHA1_80": {16, 14}, "AEAD_AES_256_GCM": {32, 12}}[v.Suite]; lengths != [2]int{len(want.TEK), len(want.Salt)} {
			t.Errorf("%s with %d and %d octets", v.Suite, len(want.TEK), len(want.Salt))
		}
	}
}

// checkPSK: the MAC covers the message, the KEMAC holds the key or nothing.
func (v own) checkPSK(t *testing.T, i []piece, at []byte) {
	t.Helper()
	kemac := pick(i, 1)[0].bytes
	if n := len(v.mac(t)); !hmac.Equal(v.I[len(v.I)-n:], v.mac(t, v.I[:len(v.I)-n])) {
		t.Error("the MAC does not hold")
	}
	switch plain := v.plain(t, kemac, at); {
	case v.Refresh && len(plain) != 0:
		t.Error("a key in a refresh")
	case !v.Refresh && !bytes.Equal(plain, v.keyData()):
		t.Errorf("key data is %x", plain)
	}
}

// checkV is R's verification message.
func (v own) checkV(t *testing.T, r []piece, beside []byte) {
	t.Helper()
	mac := pick(r, 9)[0].bytes[2:]
	if !hmac.Equal(mac, v.mac(t, v.R[:len(v.R)-len(mac)], beside)) {
		t.Error("V does not hold")
	}
}

// checkEnvelope opens PKE and KEMAC.
func (v own) checkEnvelope(t *testing.T, ps []piece, at []byte, id string, to identity) {
	t.Helper()
	if !bytes.Equal(to.open(t, pick(ps, 2)[0].bytes), v.Envelope) {
		t.Error("envelope key")
	}
	kemac := bytes.Clone(pick(ps, 1)[0].bytes)
	kemac[0] = 0 // section 6.2: the MAC is over the KEMAC alone
	n := len(v.mac(t))
	if !hmac.Equal(kemac[len(kemac)-n:], v.mac(t, kemac[:len(kemac)-n])) {
		t.Error("the MAC does not hold")
	}
	want := append(append([]byte{20, 1}, 0, byte(len(id))), id...)
	if plain := v.plain(t, kemac, at); !bytes.Equal(plain, append(want, v.keyData()...)) {
		t.Errorf("key data is %x", plain)
	}
}

// checkValues computes the DH values and the TGK from the exponents.
func (v own) checkValues(t *testing.T, i, r []piece) {
	t.Helper()
	inI, inR := pick(i, 3), pick(r, 3)
	if v.Refresh {
		if len(inI)+len(inR) != 0 {
			t.Error("DH values in a refresh")
		}
		return
	}
	values := func(p piece) []byte { return p.bytes[2 : len(p.bytes)-2-len(v.MKI)] }
	if len(inI) != 1 || len(inR) != 2 || !bytes.Equal(inI[0].bytes[1:], inR[1].bytes[1:]) || !bytes.HasSuffix(inI[0].bytes, v.MKI) {
		t.Fatal("DHi is not repeated, or bears no MKI")
	}
	var gi, gr, tgk []byte
	if v.Group == "p256" {
		xi, err1 := ecdh.P256().NewPrivateKey(v.XI)
		xr, err2 := ecdh.P256().NewPrivateKey(v.XR)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		gi, gr = xi.PublicKey().Bytes(), xr.PublicKey().Bytes()
		tgk, _ = xi.ECDH(xr.PublicKey())
	} else {
		p, _ := new(big.Int).SetString(map[string]string{"modp1536": modp1536Hex, "modp2048": modp2048Hex, "modp3072": modp3072Hex}[v.Group], 16)
		pow := func(g, x []byte) []byte {
			return new(big.Int).Exp(new(big.Int).SetBytes(g), new(big.Int).SetBytes(x), p).FillBytes(make([]byte, p.BitLen()/8))
		}
		gi, gr = pow([]byte{2}, v.XI), pow([]byte{2}, v.XR)
		tgk = pow(gr, v.XI)
	}
	if !bytes.Equal(gi, values(inI[0])) || !bytes.Equal(gr, values(inR[0])) || !bytes.Equal(tgk, v.TGK) {
		t.Error("DH values or TGK")
	}
}
