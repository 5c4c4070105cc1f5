package keying

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
)

// Kinds of certificates, as configurations and command lines name them.
const (
	CertRSA   = "rsa"
	CertECDSA = "ecdsa"
)

// ErrCertificate says that a certificate or its key cannot be used; it wraps the cause.
var ErrCertificate = errors.New("keying: certificate")

const (
	pemCertificate = "CERTIFICATE"
	pemPrivateKey  = "PRIVATE KEY"
)

// Certificate is a signing certificate of ours with its private key. It does not change once made.
type Certificate struct {
	Chain  [][]byte // DER, leaf first, the authority's own certificate left out
	Leaf   *x509.Certificate
	Signer crypto.Signer
}

// Kind is CertRSA or CertECDSA, by the leaf's public key.
func (c *Certificate) Kind() string {
	if _, ok := c.Leaf.PublicKey.(*rsa.PublicKey); ok {
		return CertRSA
	}
	return CertECDSA
}

// Fingerprint is the SHA-256 of the leaf, in hex.
func (c *Certificate) Fingerprint() string { return fingerprint(c.Leaf.Raw) }

func fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

// CertPEM returns the chain as PEM, leaf first.
func (c *Certificate) CertPEM() []byte {
	var out []byte
	for _, der := range c.Chain {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: pemCertificate, Bytes: der})...)
	}
	return out
}

// KeyPEM returns the private key as PKCS #8 PEM.
func (c *Certificate) KeyPEM() (Secret, error) {
	der, err := x509.MarshalPKCS8PrivateKey(c.Signer)
	if err != nil {
		return Secret{}, fmt.Errorf("%w: private key: %w", ErrCertificate, err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: pemPrivateKey, Bytes: der})
	clear(der)
	s := NewSecret(text)
	clear(text)
	return s, nil
}

// ParseCertificate reads a chain (PEM, leaf first) and its PKCS #8 private key (PEM) and checks that they belong together.
func ParseCertificate(certPEM, keyPEM []byte) (*Certificate, error) {
	chain, err := decodeCertificates(certPEM)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	signer, err := decodeKey(keyPEM)
	if err != nil {
		return nil, err
	}
	own, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !own.Equal(leaf.PublicKey) {
		return nil, fmt.Errorf("%w: the private key belongs to another certificate", ErrCertificate)
	}
	return &Certificate{Chain: chain, Leaf: leaf, Signer: signer}, nil
}

func decodeCertificates(text []byte) ([][]byte, error) {
	var chain [][]byte
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == pemCertificate {
			chain = append(chain, block.Bytes)
		}
	}
	if len(chain) == 0 || len(chain) > maxChain {
		return nil, fmt.Errorf("%w: want 1 to %d certificates in PEM, found %d", ErrCertificate, maxChain, len(chain))
	}
	return chain, nil
}

func decodeKey(text []byte) (crypto.Signer, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != pemPrivateKey {
		return nil, fmt.Errorf("%w: no %s in PEM", ErrCertificate, pemPrivateKey)
	}
	defer clear(block.Bytes)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		// The cause could quote the key; only its kind is told.
		return nil, fmt.Errorf("%w: the private key is not PKCS #8", ErrCertificate)
	}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		return k, nil
	case *ecdsa.PrivateKey:
		return k, nil
	}
	return nil, fmt.Errorf("%w: the private key is neither RSA nor ECDSA", ErrCertificate)
}
