package keying

import (
	"testing"

	"github.com/conclave/conclave/keying/mikey"
)

func TestSuiteRoundTrip(t *testing.T) {
	for n, s := range Suites() {
		p := s.spPolicy(uint8(n))
		if got, err := suiteOfPolicy(p); err != nil || got != s || p.Number != uint8(n) {
			t.Errorf("%s came back as %s, %v", s, got, err)
		}
		if parsed, err := ParseSuite(string(s)); err != nil || parsed != s {
			t.Errorf("%s: %v", s, err)
		}
	}
}

// TestSuiteParameters holds what each parameter may say beside those that choose the suite.
func TestSuiteParameters(t *testing.T) {
	cm := func(extra ...mikey.Param) mikey.Policy { return mikey.Policy{Params: extra} }
	gcm := func(extra ...mikey.Param) mikey.Policy {
		return mikey.Policy{Params: append([]mikey.Param{
			{Type: mikey.ParamEncrAlg, Value: []byte{mikey.EncrAESGCM}}, {Type: mikey.ParamEncrKeyLen, Value: []byte{32}},
		}, extra...)}
	}
	one := func(typ uint8, value ...byte) mikey.Param { return mikey.Param{Type: typ, Value: value} }
	cases := []struct {
		name   string
		policy mikey.Policy
		want   Suite // "" is a refusal
	}{
		{"nothing said", cm(), AESCM128SHA1x80},
		{"AES-CM 256", cm(one(mikey.ParamEncrKeyLen, 32)), AESCM256SHA1x80},
		{"AES-CM 192", cm(one(mikey.ParamEncrKeyLen, 24)), ""},
		{"NULL cipher", cm(one(mikey.ParamEncrAlg, mikey.EncrNULL)), ""},
		{"F8", cm(one(mikey.ParamEncrAlg, 2)), ""},
		{"NULL authentication", cm(one(mikey.ParamAuthAlg, mikey.AuthNULL)), ""},
		{"32-bit tag", cm(one(mikey.ParamAuthTagLen, 4)), ""},
		{"tag length in place of key length", cm(one(mikey.ParamAuthKeyLen, 10)), ""},
		{"salt of 12 octets", cm(one(mikey.ParamSaltLen, 12)), ""},
		{"AEAD tag without AEAD", cm(one(mikey.ParamAEADTagLen, 16)), ""},
		{"key derivation rate 0", cm(one(mikey.ParamKDR, 0, 0)), AESCM128SHA1x80},
		{"key derivation rate 256", cm(one(mikey.ParamKDR, 1, 0)), ""},
		{"key derivation rate of nine octets", cm(one(mikey.ParamKDR, 0, 0, 0, 0, 0, 0, 0, 0, 0)), ""},
		{"SRTP not encrypted", cm(one(mikey.ParamSRTPEncr, 0)), ""},
		{"SRTCP not encrypted", cm(one(mikey.ParamSRTCPEncr, 0)), ""},
		{"SRTP not authenticated", cm(one(mikey.ParamSRTPAuth, 0)), ""},
		{"prefix", cm(one(mikey.ParamPrefixLen, 4)), ""},
		{"roll-over counter in packets", cm(one(mikey.ParamROCRate, 0, 1)), ""},
		{"another PRF", cm(one(mikey.ParamPRF, 2)), ""},
		{"GCM", gcm(), AEADAES256GCM},
		{"GCM 192", mikey.Policy{Params: []mikey.Param{one(mikey.ParamEncrAlg, 6), one(mikey.ParamEncrKeyLen, 24)}}, ""},
		{"GCM with meaningless HMAC", gcm(one(mikey.ParamAuthAlg, 1), one(mikey.ParamAuthKeyLen, 20), one(mikey.ParamAuthTagLen, 10)), AEADAES256GCM},
		{"GCM without authentication", gcm(one(mikey.ParamSRTPAuth, 0)), ""},
		{"GCM with a salt of 14 octets", gcm(one(mikey.ParamSaltLen, 14)), ""},
		{"GCM with a short tag", gcm(one(mikey.ParamAEADTagLen, 8)), ""},
		{"another protocol", mikey.Policy{Protocol: 1}, ""},
	}
	for _, c := range cases {
		got, err := suiteOfPolicy(c.policy)
		if got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%s: %q, %v", c.name, got, err)
		}
	}
}

func TestNames(t *testing.T) {
	for _, m := range Methods() {
		if got, err := ParseMethod(string(m)); err != nil || got != m {
			t.Errorf("%s: %v", m, err)
		}
	}
	for _, g := range Groups() {
		if got, err := ParseGroup(string(g)); err != nil || got != g {
			t.Errorf("%s: %v", g, err)
		}
	}
	if _, err := ParseMethod("mikey"); err == nil {
		t.Error("method mikey")
	}
	if _, err := ParseSuite("aead_aes_128_gcm"); err == nil {
		t.Error("suites are spelt exactly")
	}
	if _, err := ParseGroup(""); err == nil {
		t.Error("group without a name")
	}
	if Suite("x").KeyLen() != 0 || Suite("x").SaltLen() != 0 {
		t.Error("lengths of no suite")
	}
}

func TestPolicyValidate(t *testing.T) {
	if err := StandardPolicy().Validate(); err != nil {
		t.Error(err)
	}
	bad := &Policy{
		Name: "bad", Methods: []Method{MIKEYPSK, "x"}, Suites: []Suite{"y"}, Groups: []Group{"z"}, ForwardSecrecy: "required",
		Authentication: []string{"none"}, MaxKeyAge: -1, MoveTGK: "never",
	}
	err := bad.Validate()
	if err == nil {
		t.Fatal("valid")
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) != 7 {
		t.Errorf("want 7 problems: %v", err)
	}
	if err := new(Policy).Validate(); err == nil {
		t.Error("an empty policy is valid")
	}
	if err := (&Policy{Methods: []Method{MIKEYPSK}, Suites: Suites(), ForwardSecrecy: "maybe"}).Validate(); err == nil {
		t.Error("forward secrecy maybe")
	}
}

func TestPolicyAllows(t *testing.T) {
	p := &Policy{Methods: []Method{MIKEYPSK, MIKEYDH}, Suites: []Suite{AEADAES128GCM}, Authentication: []string{AuthenticationDigest}}
	if !p.AllowsMethod(MIKEYPSK) || p.AllowsMethod(SDES) || !p.AllowsGroup(MODP3072) || p.AllowsSuite(AEADAES256GCM) {
		t.Error("allowed wrongly")
	}
	if p.Suffices(AuthenticationMIKEY) || !p.Suffices(AuthenticationDigest) || !new(Policy).Suffices(AuthenticationMIKEY) {
		t.Error("suffices wrongly")
	}
	p.ForwardSecrecy = ForwardSecrecyRequired
	if p.AllowsMethod(MIKEYPSK) || !p.AllowsMethod(MIKEYDH) {
		t.Error("forward secrecy is required")
	}
}
