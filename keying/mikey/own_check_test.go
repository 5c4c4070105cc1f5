package mikey

import (
	"bytes"
	"crypto/ecdh"
	"crypto/hmac"
	"encoding/binary"
	"math/big"
	"strconv"
	"testing"
)

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
