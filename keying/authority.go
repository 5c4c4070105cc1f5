package keying

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"strings"
	"time"
)

// ErrAuthority says that the certificate authority could not do what it was asked; it wraps the cause.
var ErrAuthority = errors.New("keying: authority")

// Authority is the certificate authority that a server makes for itself on first start. It names accounts by a SAN URI and
// nothing else, so that no account's certificate can pass for the server's. Any goroutine may use it.
type Authority struct {
	domain string
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
	now    func() time.Time
}

// NewAuthority makes an authority for a domain. now may be nil.
func NewAuthority(domain string, now func() time.Time) (*Authority, error) {
	a := &Authority{domain: domain, now: clock(now)}
	if domain == "" || strings.ContainsAny(domain, "@:;?/ ") {
		return nil, fmt.Errorf("%w: %q is no domain", ErrAuthority, domain)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAuthority, err)
	}
	template, err := a.template("Conclave authority of "+domain, authorityLife)
	if err != nil {
		return nil, err
	}
	template.IsCA, template.BasicConstraintsValid, template.MaxPathLenZero = true, true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAuthority, err)
	}
	a.key = key
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAuthority, err)
	}
	return a, nil
}

// Marshal returns certificate and private key as PEM; the caller seals it.
func (a *Authority) Marshal() (Secret, error) {
	c := &Certificate{Chain: [][]byte{a.cert.Raw}, Leaf: a.cert, Signer: a.key}
	key, err := c.KeyPEM()
	if err != nil {
		return Secret{}, err
	}
	defer key.Wipe()
	both := append(c.CertPEM(), key.Bytes()...)
	defer clear(both)
	return NewSecret(both), nil
}

// LoadAuthority reads what Marshal wrote. now may be nil.
func LoadAuthority(domain string, text []byte, now func() time.Time) (*Authority, error) {
	block, rest := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%w: no PEM", ErrAuthority)
	}
	c, err := ParseCertificate(pem.EncodeToMemory(block), rest)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAuthority, err)
	}
	key, ok := c.Signer.(*ecdsa.PrivateKey)
	if !ok || !c.Leaf.IsCA {
		return nil, fmt.Errorf("%w: the certificate is not an authority's", ErrAuthority)
	}
	return &Authority{domain: domain, cert: c.Leaf, key: key, now: clock(now)}, nil
}

func clock(now func() time.Time) func() time.Time {
	if now == nil {
		return time.Now
	}
	return now
}

// Roots returns a pool that holds the authority alone.
func (a *Authority) Roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// CertPEM returns the authority's certificate.
func (a *Authority) CertPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: pemCertificate, Bytes: a.cert.Raw})
}

// IssueServer issues the server's signing certificates of both kinds: DNS name and SAN URI of the domain.
func (a *Authority) IssueServer() (Identity, error) {
	var own Identity
	var err error
	if own.RSA, err = a.issueServer(CertRSA); err != nil {
		return Identity{}, err
	}
	if own.ECDSA, err = a.issueServer(CertECDSA); err != nil {
		return Identity{}, err
	}
	return own, nil
}

func (a *Authority) issueServer(kind string) (*Certificate, error) {
	template, err := a.template(a.domain, serverLife)
	if err != nil {
		return nil, err
	}
	a.nameServer(template)
	return a.issue(template, kind)
}

// nameServer gives a certificate the names of the server: the domain as DNS name or address, and as SAN URI.
func (a *Authority) nameServer(template *x509.Certificate, hosts ...string) {
	for _, host := range append([]string{a.domain}, hosts...) {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else if host != "" {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	template.URIs = []*url.URL{{Scheme: "sip", Opaque: a.domain}}
}

// IssueAccount issues a certificate of a kind (CertRSA or CertECDSA) for an account of the domain, by its URI.
func (a *Authority) IssueAccount(uri, kind string) (*Certificate, error) {
	user, host, ok := strings.Cut(strings.TrimPrefix(uri, sipScheme), "@")
	if !strings.HasPrefix(uri, sipScheme) || !ok || user == "" || host != a.domain || strings.ContainsAny(user, ":;?/ ") {
		return nil, fmt.Errorf("%w: %q is no account of %s", ErrAuthority, uri, a.domain)
	}
	template, err := a.template(user, accountLife)
	if err != nil {
		return nil, err
	}
	template.URIs = []*url.URL{{Scheme: "sip", Opaque: user + "@" + host}}
	return a.issue(template, kind)
}

// IssueTLS issues a certificate for the TLS listener, with further host names and addresses beside the domain.
func (a *Authority) IssueTLS(hosts ...string) (tls.Certificate, error) {
	template, err := a.template(a.domain, serverLife)
	if err != nil {
		return tls.Certificate{}, err
	}
	a.nameServer(template, hosts...)
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	c, err := a.issue(template, CertECDSA)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: append(c.Chain, a.cert.Raw), PrivateKey: c.Signer, Leaf: c.Leaf}, nil
}

// template is what all certificates have in common.
func (a *Authority) template(name string, life time.Duration) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAuthority, err)
	}
	begin := a.now().Add(-backdate)
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    begin,
		NotAfter:     begin.Add(life),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}, nil
}

func (a *Authority) issue(template *x509.Certificate, kind string) (*Certificate, error) {
	var key crypto.Signer
	var err error
	switch kind {
	case CertRSA:
		template.KeyUsage |= x509.KeyUsageKeyEncipherment // mikey-pke and mikey-rsar encrypt envelope keys to it
		key, err = rsa.GenerateKey(rand.Reader, rsaBits)
	case CertECDSA:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	default:
		return nil, fmt.Errorf("%w: %q is neither %s nor %s", ErrAuthority, kind, CertRSA, CertECDSA)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAuthority, err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAuthority, err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAuthority, err)
	}
	return &Certificate{Chain: [][]byte{der}, Leaf: leaf, Signer: key}, nil
}
