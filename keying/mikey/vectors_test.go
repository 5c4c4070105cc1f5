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
	"strings"
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

// TestPSKVectors runs every vector of the PSK mode as responder: MAC, KEMAC and all keys.
func TestPSKVectors(t *testing.T) {
	for name, v := range vectors(t) {
		if v.Mode != "PSK" || v.Expect != "" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			m := mustParse(t, v.I)
			resp, err := AuthenticatePSK(m, v.PSK, nil)
			if err != nil {
				t.Fatal(err)
			}
			c, r, err := resp.Answer(Answer{SSRC: map[uint8]uint32{2: 0x01020304}})
			if err != nil {
				t.Fatal(err)
			}
			if m.V() != (r != nil) {
				t.Errorf("V is %v, R has %d octets", m.V(), len(r))
			}
			if len(v.R) > 0 && !bytes.Equal(r, v.R) {
				t.Errorf("R is\n%x, want\n%x", r, v.R)
			}
			checkCS(t, c, v)
			k := messageKey{m.PRF(), v.PSK, m.CSBID(), m.RAND()}
			if want := v.Keys.Encr; len(want) > 0 && !bytes.Equal(k.derive(constMessageEncr, len(want)), want) {
				t.Error("encr_key")
			}
			if want := v.Keys.Salt; len(want) > 0 && !bytes.Equal(k.derive(constMessageSalt, len(want)), want) {
				t.Error("salt_key")
			}
			if want := v.Keys.Auth; len(want) > 0 && !bytes.Equal(k.derive(constMessageAuth, len(want)), want) {
				t.Error("auth_key")
			}
		})
	}
}

// TestPSKUpdateVectors continues the CSB of psk-2: the first RAND stays, and a KEMAC without a key keeps the TGK.
func TestPSKUpdateVectors(t *testing.T) {
	vs := vectors(t)
	for _, name := range []string{"psk-9-rekey", "psk-10-update-no-tgk"} {
		t.Run(name, func(t *testing.T) {
			first := vs["psk-2-ids-sdpids"]
			resp, err := AuthenticatePSK(mustParse(t, first.I), first.PSK, nil)
			if err != nil {
				t.Fatal(err)
			}
			running, _, err := resp.Answer(Answer{})
			if err != nil {
				t.Fatal(err)
			}
			prior := running.CSB()
			v := vs[name]
			m := mustParse(t, v.I)
			if _, err := AuthenticatePSK(m, v.PSK, nil); !errors.Is(err, ErrExchange) {
				t.Errorf("an update without its CSB: %v", err)
			}
			resp, err = AuthenticatePSK(m, v.PSK, prior)
			if err != nil {
				t.Fatal(err)
			}
			c, r, err := resp.Answer(Answer{})
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(r, v.R) {
				t.Errorf("R is\n%x, want\n%x", r, v.R)
			}
			if c.Refresh() != (name == "psk-10-update-no-tgk") || m.Refresh() != c.Refresh() || !m.Update() {
				t.Errorf("refresh: %v, %v", c.Refresh(), m.Refresh())
			}
			if c.Refresh() {
				if _, err := c.Key(1, 16); !errors.Is(err, ErrParams) {
					t.Errorf("a key out of a refresh: %v", err)
				}
				checkCS(t, running, v)
			} else {
				checkCS(t, c, v)
			}
			if len(c.Policies()) != 1 {
				t.Error("the policy of the first message is gone")
			}
			if _, err := AuthenticatePSK(mustParse(t, first.I), first.PSK, prior); !errors.Is(err, ErrExchange) {
				t.Errorf("an update with a RAND: %v", err)
			}
		})
	}
}

// TestPSK2Made makes the worked example octet for octet, and checks its R as initiator.
func TestPSK2Made(t *testing.T) {
	v := vectors(t)["psk-2-ids-sdpids"]
	m := mustParse(t, v.I)
	at, ok := m.Timestamp().Time(ntpTime(t, "2025-01-01T00:00:00Z"))
	if !ok || at.Nanosecond() != 500_000_000 || at.Unix() != 1735689600 {
		t.Fatalf("T is %v", at)
	}
	i, err := initiatePSK(Params{
		CSBID: v.CSB, Time: at, RAND: v.RAND, IDi: v.IDi, IDr: v.IDr, SDPIDs: "mikey", V: true,
		Sessions: []Session{{SSRC: 0xaabbccdd}, {}}, Policies: m.Policies(),
	}, v.PSK, keyData{typ: KeyTGK, key: bytes.Clone(v.TGK)})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(i.Message(), v.I) {
		t.Fatalf("made\n%x, want\n%x", i.Message(), v.I)
	}
	if _, err := i.Complete(); !errors.Is(err, ErrExchange) {
		t.Errorf("completed without R: %v", err)
	}
	if err := i.Authenticate(mustParse(t, v.R), PeerKey{}); err != nil {
		t.Fatal(err)
	}
	c, err := i.Complete()
	if err != nil {
		t.Fatal(err)
	}
	checkCS(t, c, v)
	if ss := c.Sessions(); len(ss) != 2 || ss[0].SSRC != 0xaabbccdd || ss[1].SSRC != 0x01020304 {
		t.Errorf("map is %v", ss)
	}
	k := messageKey{PRFSHA1, v.PSK, v.CSB, v.RAND}
	if iv := hex.EncodeToString(k.iv(m.Timestamp())); iv != "de7b0a9d0e9188bc10f8dba77eae0000" {
		t.Errorf("IV is %s", iv)
	}
}

// TestPSK11Made sends a given TGK to another device octet for octet: that of the worked example, in a bundle of its own.
func TestPSK11Made(t *testing.T) {
	v := vectors(t)["psk-11-same-tgk-new-csb"]
	m := mustParse(t, v.I)
	at, _ := m.Timestamp().Time(ntpTime(t, "2025-01-01T00:00:00Z"))
	idi, _ := m.IDi()
	idr, _ := m.IDr()
	p := Params{
		CSBID: v.CSB, Time: at, RAND: v.RAND, TGK: v.TGK, IDi: idi.Data, IDr: idr.Data, SDPIDs: "mikey", V: m.V(),
		Sessions: m.Sessions(), Policies: m.Policies(),
	}
	i, err := InitiatePSK(p, v.PSK)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(i.Message(), v.I) {
		t.Fatalf("made\n%x, want\n%x", i.Message(), v.I)
	}
	i.Wipe()
	if i, err = InitiatePSK(p, v.PSK); err != nil { // the key given is the caller's still
		t.Fatal(err)
	}
	resp, err := AuthenticatePSK(m, v.PSK, nil)
	if err != nil {
		t.Fatal(err)
	}
	theirs, r, err := resp.Answer(Answer{IDr: idr.Data})
	if err != nil {
		t.Fatal(err)
	}
	checkCS(t, theirs, v)
	if err := i.Authenticate(mustParse(t, r), PeerKey{}); err != nil {
		t.Fatal(err)
	}
	c, err := i.Complete()
	if err != nil {
		t.Fatal(err)
	}
	checkCS(t, c, v)
	if tgk := c.TGK(); !bytes.Equal(tgk, v.TGK) {
		t.Errorf("TGK %x", tgk)
	}
	// Under the bundle of the example that had it first its keys are others, of every crypto session.
	for id, first := range vectors(t)["psk-2-ids-sdpids"].CS {
		for other, now := range v.CS {
			if bytes.Equal(first.TEK, now.TEK) {
				t.Errorf("CS %s and CS %s share a TEK", id, other)
			}
		}
	}
	for name, change := range map[string]func(*Params){
		"too short": func(p *Params) { p.TGK = make([]byte, minTGK-1) },
		"empty":     func(p *Params) { p.TGK = []byte{} },
		"an update": func(p *Params) { p.Prior = c.CSB() },
	} {
		bad := p
		change(&bad)
		if _, err := InitiatePSK(bad, v.PSK); !errors.Is(err, ErrParams) {
			t.Errorf("%s: %v", name, err)
		}
	}
	c.Wipe()
	if len(c.TGK()) != 0 {
		t.Error("a TGK after Wipe")
	}
}

// TestInitiatorChecksEveryR lets the initiator of every PSK pair check V.
func TestInitiatorChecksEveryR(t *testing.T) {
	for name, v := range vectors(t) {
		if v.Mode != "PSK" && v.Mode != "PSK update" || len(v.R) == 0 {
			continue
		}
		i, r := mustParse(t, v.I), mustParse(t, v.R)
		if err := checkResponse(i, r, TypePSKResp, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		k := messageKey{i.PRF(), v.PSK, i.CSBID(), v.RAND}
		if err := k.checkV(i, r, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNegativeVectors(t *testing.T) {
	vs := vectors(t)
	for _, name := range []string{"neg-4-trailing", "neg-5-truncated", "neg-6-version2"} {
		if _, err := Parse(vs[name].I); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	v := vs["neg-1-bitflip"]
	if _, err := AuthenticatePSK(mustParse(t, v.I), v.PSK, nil); !errors.Is(err, ErrAuth) || NumberOf(err) != AuthFailure {
		t.Errorf("bit flip: %v", err)
	}
	v = vs["neg-2-null-mac"]
	if _, err := AuthenticatePSK(mustParse(t, v.I), v.PSK, nil); !errors.Is(err, ErrEncrAlg) && !errors.Is(err, ErrMACAlg) {
		t.Errorf("NULL MAC: %v", err)
	}
	v = vs["neg-3-sdpids-mismatch"]
	m := mustParse(t, v.I)
	if _, err := AuthenticatePSK(m, v.PSK, nil); err != nil {
		t.Errorf("SDP IDs: %v", err)
	}
	if ids, ok := m.SDPIDs(); !ok || ids != "mikey;keyp1" {
		t.Errorf("SDP IDs are %q", ids)
	}
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

// TestDHSignVectors verifies both messages of each pair, and the keys by the exponents that the vectors give away.
func TestDHSignVectors(t *testing.T) {
	_, alice := rsaIdentity(t, "alice")
	_, bob := rsaIdentity(t, "bob")
	alice.SHA1, bob.SHA1 = true, true
	for name, v := range vectors(t) {
		if v.Mode != "DH-SIGN" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			m := mustParse(t, v.I)
			if _, err := AuthenticateDH(m, PeerKey{Public: alice.Public}, nil); !errors.Is(err, ErrAuth) {
				t.Errorf("SHA-1 without leave: %v", err)
			}
			if _, err := AuthenticateDH(m, bob, nil); !errors.Is(err, ErrAuth) {
				t.Errorf("somebody else's key: %v", err)
			}
			if _, err := AuthenticateDH(m, alice, nil); err != nil {
				t.Fatal(err)
			}
			group, _ := GroupMODP1536.modp()
			own, _ := find[dhPayload](m)
			i := &dhInitiation{m: m, group: group, own: own, x: bytes.Clone(v.XI)}
			r := mustParse(t, v.R)
			if err := i.Authenticate(r, alice); !errors.Is(err, ErrAuth) {
				t.Errorf("R under another key: %v", err)
			}
			if err := i.Authenticate(r, bob); err != nil {
				t.Fatal(err)
			}
			c, err := i.Complete()
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(c.key, v.TGK) {
				t.Errorf("TGK is %x", c.key)
			}
			checkCS(t, c, v)
		})
	}
}

// TestDHMath covers leading zeros, in the value and in the secret, with the DHHMAC vectors' numbers as well.
func TestDHMath(t *testing.T) {
	group, err := GroupMODP1536.modp()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for name, v := range vectors(t) {
		if len(v.XI) == 0 {
			continue
		}
		n++
		gi, err := group.public(v.XI)
		if err != nil {
			t.Fatal(err)
		}
		gr, err := group.public(v.XR)
		if err != nil {
			t.Fatal(err)
		}
		one, err1 := group.shared(gr, v.XI)
		two, err2 := group.shared(gi, v.XR)
		if err1 != nil || err2 != nil || len(one) != 192 || !bytes.Equal(one, two) || !bytes.Equal(one, v.TGK) {
			t.Errorf("%s: %x and %x (%v %v)", name, one, two, err1, err2)
		}
		if len(v.DHI) > 0 && !bytes.Equal(gi, v.DHI) {
			t.Errorf("%s: 2^xi is %x", name, gi)
		}
		if strings.Contains(name, "leading-zero-public") && gi[0] != 0 || strings.Contains(name, "leading-zero-secret") && one[0] != 0 {
			t.Errorf("%s has no leading zero", name)
		}
		if len(v.CS) > 0 {
			checkCS(t, &Crypto{csbID: v.CSB, rand: v.RAND, key: one}, v)
		}
	}
	if n != 6 {
		t.Errorf("%d vectors with exponents", n)
	}
}
