package keying

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"math/big"
	"net/url"
	"testing"
)

func rsaOf(bits uint) *rsa.PublicKey {
	return &rsa.PublicKey{N: new(big.Int).SetBit(new(big.Int), int(bits)-1, 1), E: 65537}
}

func TestUsable(t *testing.T) {
	p256 := &ecdsa.PublicKey{Curve: elliptic.P256()}
	cases := []struct {
		name string
		leaf x509.Certificate
		want bool
	}{
		{"RSA 2048", x509.Certificate{PublicKey: rsaOf(2048)}, true},
		{"RSA 4096", x509.Certificate{PublicKey: rsaOf(4096)}, true},
		{"RSA 1024", x509.Certificate{PublicKey: rsaOf(1024)}, false},
		{"RSA 16384", x509.Certificate{PublicKey: rsaOf(16384)}, false},
		{"P-256", x509.Certificate{PublicKey: p256}, true},
		{"P-256 for signatures", x509.Certificate{PublicKey: p256, KeyUsage: x509.KeyUsageDigitalSignature}, true},
		{"P-256 for key agreement", x509.Certificate{PublicKey: p256, KeyUsage: x509.KeyUsageKeyAgreement}, false},
		{"P-521", x509.Certificate{PublicKey: &ecdsa.PublicKey{Curve: elliptic.P521()}}, false},
		{"Ed25519", x509.Certificate{PublicKey: ed25519.PublicKey{}}, false},
		{"authority", x509.Certificate{PublicKey: p256, IsCA: true}, false},
	}
	for _, c := range cases {
		if err := usable(&c.leaf); (err == nil) != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestSpeaksFor(t *testing.T) {
	uris := func(all ...string) []*url.URL {
		var out []*url.URL
		for _, text := range all {
			u, err := url.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, u)
		}
		return out
	}
	server := x509.Certificate{URIs: uris("sip:" + testDomain), DNSNames: []string{testDomain}}
	account := x509.Certificate{URIs: uris(alice)}
	cases := []struct {
		name         string
		leaf         x509.Certificate
		peerIsServer bool
		identity     string
		want         bool
	}{
		{"server for a room", server, true, room, true},
		{"server by URI alone", x509.Certificate{URIs: uris("sip:" + testDomain)}, true, room, true},
		{"server by DNS name alone", x509.Certificate{DNSNames: []string{testDomain}}, true, room, true},
		{"server in capitals", x509.Certificate{DNSNames: []string{"CONF.example.com"}}, true, room, true},
		{"server for another domain", server, true, "sip:blue@elsewhere.example", false},
		{"server for a subdomain", server, true, "sip:blue@x." + testDomain, false},
		{"server for no URI", server, true, "tel:1", false},
		{"server for an odd URI", server, true, room + ";x=@" + testDomain, false},
		{"server for an account, asked by a server", server, false, alice, false},
		{"account for itself", account, false, alice, true},
		{"account for another", account, false, bob, false},
		{"account for a room", account, true, room, false},
		{"account for itself, as a room", account, true, alice, false},
		{"account with a DNS name", x509.Certificate{URIs: uris(alice), DNSNames: []string{testDomain}}, true, room, false},
		{"account with a slashed URI", x509.Certificate{URIs: uris("sip://alice@x"), DNSNames: []string{testDomain}}, true, room, false},
		{"nobody", x509.Certificate{}, true, room, false},
	}
	for _, c := range cases {
		k := &Keyer{peerIsServer: c.peerIsServer}
		if got := k.speaksFor(&c.leaf, c.identity); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
