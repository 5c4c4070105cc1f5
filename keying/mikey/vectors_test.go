package mikey

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// hexed is an octet string written in hexadecimal in the vector files.
type hexed []byte

func (h *hexed) UnmarshalText(t []byte) (err error) {
	*h, err = hex.DecodeString(string(t))
	return err
}

// vector is one entry of testdata/vectors.json.
type vector struct {
	Name, Mode, Expect         string
	I, R                       []byte // base64
	PSK, TGK, RAND, T, Keydata hexed
	XI                         hexed `json:"xi"`
	XR                         hexed `json:"xr"`
	DHI                        hexed `json:"dhi"`
	CSB                        uint32
	IDi                        string `json:"idi"`
	IDr                        string `json:"idr"`
	Keys                       struct {
		Encr hexed `json:"encr_key"`
		Salt hexed `json:"salt_key"`
		Auth hexed `json:"auth_key"`
	}
	CS map[string]struct{ TEK, Salt hexed }
}

func readJSON(t testing.TB, name string, into any) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatal(err)
	}
}

func vectors(t testing.TB) map[string]vector {
	var file struct{ Vectors []vector }
	readJSON(t, "vectors.json", &file)
	byName := map[string]vector{}
	for _, v := range file.Vectors {
		byName[v.Name] = v
	}
	if len(byName) != 32 {
		t.Fatalf("%d vectors", len(byName))
	}
	return byName
}

// rsaIdentity reads one of the test identities.
func rsaIdentity(t testing.TB, name string) (Signer, PeerKey) {
	t.Helper()
	der := func(suffix string) []byte {
		b, err := os.ReadFile(filepath.Join("testdata", "certs", name+suffix))
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(b)
		return block.Bytes
	}
	key, err := x509.ParsePKCS8PrivateKey(der(".key"))
	if err != nil {
		t.Fatal(err)
	}
	cert := der(".pem")
	k := key.(*rsa.PrivateKey)
	return Signer{Key: k, Chain: [][]byte{cert}}, PeerKey{Public: &k.PublicKey}
}

func mustParse(t testing.TB, b []byte) *Message {
	t.Helper()
	m, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// checkCS holds keys and salts of every CS against the vector; lengths are those of the vector.
func checkCS(t *testing.T, c *Crypto, v vector) {
	t.Helper()
	if len(v.CS) == 0 {
		t.Fatal("vector without keys")
	}
	for id, want := range v.CS {
		n, err := strconv.ParseUint(id, 10, 8)
		if err != nil {
			t.Fatal(err)
		}
		key, err := c.Key(uint8(n), len(want.TEK))
		if err != nil || !bytes.Equal(key, want.TEK) {
			t.Errorf("CS %s: TEK %x, want %x (%v)", id, key, want.TEK, err)
		}
		salt, err := c.Salt(uint8(n), len(want.Salt))
		if err != nil || !bytes.Equal(salt, want.Salt) {
			t.Errorf("CS %s: salt %x, want %x (%v)", id, salt, want.Salt, err)
		}
	}
}

// checkCompleted holds what an initiator that has authenticated R has to the vector.
func checkCompleted(t *testing.T, i Initiation, v vector) {
	t.Helper()
	c, err := i.Complete()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(c.key, v.TGK) {
		t.Errorf("TGK is %x", c.key)
	}
	checkCS(t, c, v)
}

func TestPRFRows(t *testing.T) {
	var file struct {
		Rows []struct {
			InkeyLen     int `json:"inkey_len"`
			Key          string
			CSID         uint8 `json:"cs_id"`
			OutLen       int   `json:"out_len"`
			SHA1, SHA256 hexed
		}
		Third []struct {
			CSB    string
			CSID   uint8 `json:"cs_id"`
			Key    string
			OutLen int `json:"out_len"`
			SHA256 hexed
		}
		ThirdTGK  hexed `json:"third_tgk"`
		ThirdRAND hexed `json:"third_rand"`
	}
	readJSON(t, "prf.json", &file)
	constants := map[string]uint32{
		"TEK": constTEK, "SALT": constSalt, "AUTH": 0x1B5C7973, "ENCR": 0x15798CEF,
		"mENCR": constMessageEncr, "mAUTH": constMessageAuth, "mSALT": constMessageSalt,
	}
	rand, _ := hex.DecodeString("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")
	if len(file.Rows) != 54 || len(file.Third) != 6 {
		t.Fatalf("%d and %d rows", len(file.Rows), len(file.Third))
	}
	for _, row := range file.Rows {
		inkey := make([]byte, row.InkeyLen)
		for i := range inkey {
			inkey[i] = byte(7*i + 3)
		}
		l := label(constants[row.Key], row.CSID, 0x12345678, rand)
		if got := prf(PRFSHA1, inkey, l, row.OutLen); !bytes.Equal(got, row.SHA1) {
			t.Errorf("SHA-1 %d %s %d: %x", row.InkeyLen, row.Key, row.OutLen, got)
		}
		if got := prf(PRFSHA256, inkey, l, row.OutLen); !bytes.Equal(got, row.SHA256) {
			t.Errorf("SHA-256 %d %s %d: %x", row.InkeyLen, row.Key, row.OutLen, got)
		}
	}
	for _, row := range file.Third {
		csb, err := strconv.ParseUint(row.CSB, 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		l := label(constants[row.Key], row.CSID, uint32(csb), file.ThirdRAND)
		if got := prf(PRFSHA256, file.ThirdTGK, l, row.OutLen); !bytes.Equal(got, row.SHA256) {
			t.Errorf("third party %s %d %s: %x", row.CSB, row.CSID, row.Key, got)
		}
	}
}

// TestEveryVectorMarshalsToItself covers all modes, those without an exchange here included.
func TestEveryVectorMarshalsToItself(t *testing.T) {
	n := 0
	for name, v := range vectors(t) {
		if name == "neg-4-trailing" || name == "neg-5-truncated" || name == "neg-6-version2" {
			continue // tested to be refused
		}
		for _, b := range [][]byte{v.I, v.R} {
			if len(b) == 0 {
				continue
			}
			n++
			m, err := Parse(b)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if !bytes.Equal(m.Marshal(), b) {
				t.Errorf("%s: marshals to other octets", name)
			}
		}
	}
	if n != 39 {
		t.Errorf("%d messages", n)
	}
}

func TestForeignMessagesMarshalToThemselves(t *testing.T) {
	var file struct {
		RFC4567       []string `json:"rfc4567"`
		NullProtected []string `json:"null_protected"`
	}
	readJSON(t, "foreign.json", &file)
	for _, s := range append(file.RFC4567, file.NullProtected...) {
		b, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		m, err := Parse(b)
		if err != nil {
			t.Errorf("%s: %v", s, err)
			continue
		}
		if !bytes.Equal(m.Marshal(), b) {
			t.Errorf("%s marshals to other octets", s)
		}
	}
	for _, s := range file.NullProtected {
		b, _ := base64.StdEncoding.DecodeString(s)
		if _, err := AuthenticatePSK(mustParse(t, b), make([]byte, 16), nil); !errors.Is(err, ErrEncrAlg) && !errors.Is(err, ErrExchange) {
			t.Errorf("a NULL protected message gave %v", err)
		}
	}
	i := mustParse(t, mustBase64(t, file.RFC4567[0]))
	if id, _ := i.IDi(); id.Data != "donald@duck.com" || id.Type != IDTypeNAI || !i.V() || i.CSBID() != 0xcd177e50 {
		t.Errorf("RFC 4567 example reads as %v %v %x", id, i.V(), i.CSBID())
	}
	r := mustParse(t, mustBase64(t, file.RFC4567[1]))
	if err := checkResponse(i, r, TypePSKResp, nil); err != nil {
		t.Errorf("RFC 4567's R does not fit its I: %v", err)
	}
}

func mustBase64(t testing.TB, s string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestErrorVectors(t *testing.T) {
	vs := vectors(t)
	v := vs["err-1-invalid-sppar"]
	m := mustParse(t, v.I)
	if n := m.ErrorNumbers(); len(n) != 1 || n[0] != InvalidSPpar || len(m.Policies()) != 1 {
		t.Errorf("err-1 reads as %v", n)
	}
	if got := NewErrorMessage(m.CSBID(), m.Timestamp(), InvalidSPpar, m.Policies()); !bytes.Equal(got, v.I) {
		t.Errorf("made %x, want %x", got, v.I)
	}
	v = vs["err-2-auth-failure"]
	m = mustParse(t, v.I)
	if got := NewErrorMessage(m.CSBID(), m.Timestamp(), AuthFailure, nil); !bytes.Equal(got, v.I) {
		t.Errorf("made %x, want %x", got, v.I)
	}
	v = vs["err-3-authenticated-mac-over-msg-only"]
	m = mustParse(t, v.I)
	p, _ := find[vPayload](m)
	k := messageKey{PRFSHA1, v.PSK, m.CSBID(), v.RAND}
	if err := k.verify(p.alg, p.mac, m.covered()); err != nil {
		t.Errorf("err-3: %v", err)
	}
}
