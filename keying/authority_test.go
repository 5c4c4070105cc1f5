package keying

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestAuthorityRoundTrip(t *testing.T) {
	p, err := issued()
	if err != nil {
		t.Fatal(err)
	}
	text, err := p.authority.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := LoadAuthority(testDomain, text.Bytes(), func() time.Time { return began })
	if err != nil {
		t.Fatal(err)
	}
	c, err := loaded.IssueAccount(bob, CertECDSA)
	if err != nil {
		t.Fatal(err)
	}
	opts := x509.VerifyOptions{Roots: p.authority.Roots(), CurrentTime: began, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
	if _, err := c.Leaf.Verify(opts); err != nil {
		t.Error(err)
	}
}

// TestAuthorityNames holds that accounts carry their URI alone, and the server its domain.
func TestAuthorityNames(t *testing.T) {
	p, err := issued()
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{CertRSA, CertECDSA} {
		c := p.accounts[alice+kind]
		if len(c.Leaf.URIs) != 1 || c.Leaf.URIs[0].String() != alice || len(c.Leaf.DNSNames)+len(c.Leaf.IPAddresses) != 0 || c.Leaf.IsCA {
			t.Errorf("%s account: %v %v", kind, c.Leaf.URIs, c.Leaf.DNSNames)
		}
		if c.Kind() != kind {
			t.Errorf("%s is %s", kind, c.Kind())
		}
	}
	for _, c := range []*Certificate{p.server.RSA, p.server.ECDSA} {
		if c.Leaf.URIs[0].String() != "sip:"+testDomain || c.Leaf.DNSNames[0] != testDomain {
			t.Errorf("server: %v %v", c.Leaf.URIs, c.Leaf.DNSNames)
		}
	}
	tls, err := p.authority.IssueTLS("localhost", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{testDomain, "localhost", "127.0.0.1"} {
		opts := x509.VerifyOptions{Roots: p.authority.Roots(), CurrentTime: began, DNSName: name}
		if _, err := tls.Leaf.Verify(opts); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAuthorityRefuses(t *testing.T) {
	p, err := issued()
	if err != nil {
		t.Fatal(err)
	}
	for _, uri := range []string{
		"", "alice", "sip:" + testDomain, "sip:@" + testDomain, "sip:alice@elsewhere.example", "sip:a@b@" + testDomain,
		"sips:alice@" + testDomain, "sip:alice;x@" + testDomain, "sip:a b@" + testDomain, "sip:alice@" + testDomain + ";x",
	} {
		if _, err := p.authority.IssueAccount(uri, CertECDSA); !errors.Is(err, ErrAuthority) {
			t.Errorf("%q: %v", uri, err)
		}
	}
	if _, err := p.authority.IssueAccount(alice, "dsa"); !errors.Is(err, ErrAuthority) {
		t.Error(err)
	}
	for _, domain := range []string{"", "a@b", "sip:x"} {
		if _, err := NewAuthority(domain, nil); !errors.Is(err, ErrAuthority) {
			t.Errorf("%q: %v", domain, err)
		}
	}
	account := p.accounts[alice+CertECDSA]
	key, err := account.KeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{
		"nothing": nil, "text": []byte("text"), "no key": p.authority.CertPEM(), "an account": append(account.CertPEM(), key.Bytes()...),
	} {
		if _, err := LoadAuthority(testDomain, text, nil); !errors.Is(err, ErrAuthority) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParseCertificateRefuses(t *testing.T) {
	p, err := issued()
	if err != nil {
		t.Fatal(err)
	}
	a, b := p.accounts[alice+CertECDSA], p.accounts[bob+CertRSA]
	aKey, _ := a.KeyPEM()
	bKey, _ := b.KeyPEM()
	cases := map[string][2][]byte{
		"another's key":  {a.CertPEM(), bKey.Bytes()},
		"no certificate": {nil, aKey.Bytes()},
		"no key":         {a.CertPEM(), nil},
		"bad key":        {a.CertPEM(), []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")},
		"chain too long": {[]byte(strings.Repeat(string(a.CertPEM()), maxChain+1)), aKey.Bytes()},
	}
	for name, c := range cases {
		if _, err := ParseCertificate(c[0], c[1]); !errors.Is(err, ErrCertificate) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if back, err := ParseCertificate(b.CertPEM(), bKey.Bytes()); err != nil || back.Fingerprint() != b.Fingerprint() {
		t.Error(err)
	}
}

func TestBundleFile(t *testing.T) {
	w := newWorld(t)
	b := w.bundle(alice, CertRSA)
	b.Servers = []ServerAddress{{"udp", "127.0.0.1:5060"}, {"tls", "127.0.0.1:5061"}}
	b.Digest = DigestCredential{"alice", testDomain, NewSecret([]byte("correct horse"))}
	path := filepath.Join(t.TempDir(), "alice.json")
	for range 2 {
		if err := b.WriteFile(path); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	back, err := ReadBundle(path)
	if err != nil {
		t.Fatal(err)
	}
	if !back.PSK.Equal(b.PSK) || !back.KeyPEM.Equal(b.KeyPEM) || !back.Digest.Password.Equal(b.Digest.Password) ||
		back.CertPEM != b.CertPEM || back.CAPEM != b.CAPEM || !reflect.DeepEqual(back.Servers, b.Servers) || back.URI != b.URI {
		t.Error("did not come back")
	}
	w.offer(w.callerWith(back), MIKEYDH, dialled(alice))
	if back.Roots() == nil {
		t.Error("no roots")
	}
}

// TestBundleShape holds the names that other programs read.
func TestBundleShape(t *testing.T) {
	b := newWorld(t).bundle(alice, CertECDSA)
	b.Servers = []ServerAddress{{"udp", "127.0.0.1:5060"}}
	text, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	var shape map[string]any
	if err := json.Unmarshal(text, &shape); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"account", "uri", "servers", "digest", "psk", "cert", "key", "ca"} {
		if shape[name] == nil {
			t.Errorf("no %q", name)
		}
	}
}

func TestBundleRefuses(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, path := range []string{
		filepath.Join(dir, "missing"), write("empty", ""), write("text", "{"), write("uri", `{"uri":"alice"}`),
		write("psk", `{"uri":"sip:a@b","psk":"%"}`), write("long", strings.Repeat(" ", maxBundle+1)),
	} {
		if _, err := ReadBundle(path); !errors.Is(err, ErrBundle) {
			t.Errorf("%s: %v", filepath.Base(path), err)
		}
	}
	w := newWorld(t)
	for name, change := range map[string]func(*Bundle){
		"certificate without key": func(b *Bundle) { b.KeyPEM = Secret{} },
		"no PEM in ca":            func(b *Bundle) { b.CAPEM = "x" },
	} {
		b := w.bundle(alice, CertECDSA)
		change(b)
		if _, err := NewBundleKeyer(b, BundleConfig{}); !errors.Is(err, ErrBundle) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := w.bundle(alice, CertECDSA).WriteFile(filepath.Join(dir, "no", "such", "folder")); !errors.Is(err, ErrBundle) {
		t.Error(err)
	}
}
