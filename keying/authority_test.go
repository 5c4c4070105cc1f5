package keying

import (
	"crypto/x509"
	"errors"
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
