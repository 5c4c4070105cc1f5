package server

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/server/store"
)

// Names of the blobs that hold keys in the store; the store seals them.
const (
	blobAuthority = "authority"
	blobServer    = "server-" // + kind
	blobCeiling   = "replay-ceiling"
)

// renewBefore is how long before its end a certificate of the server's own is issued afresh at a start.
const renewBefore = 30 * 24 * time.Hour

// keyring is what the server proves itself with.
type keyring struct {
	authority *keying.Authority
	own       keying.Identity
	tls       tls.Certificate
}

// loadKeys reads the authority and the server's certificates from the store, or makes them on the first start.
func loadKeys(st store.Store, domain string, hosts []string) (*keyring, error) {
	authority, err := loadAuthority(st, domain)
	if err != nil {
		return nil, err
	}
	k := &keyring{authority: authority}
	if k.own, err = loadIdentity(st, authority, domain); err != nil {
		return nil, err
	}
	if k.tls, err = authority.IssueTLS(hosts...); err != nil {
		return nil, err
	}
	return k, nil
}

func loadAuthority(st store.Store, domain string) (*keying.Authority, error) {
	text, err := st.Blob(blobAuthority)
	if err == nil {
		defer clear(text)
		a, err := keying.LoadAuthority(domain, text, nil)
		if err != nil {
			return nil, fmt.Errorf("the certificate authority in the data directory cannot be used for %s: %w", domain, err)
		}
		return a, nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	a, err := keying.NewAuthority(domain, nil)
	if err != nil {
		return nil, err
	}
	secret, err := a.Marshal()
	if err != nil {
		return nil, err
	}
	defer secret.Wipe()
	return a, st.PutBlob(blobAuthority, secret.Bytes())
}

// loadIdentity reads the server's signing certificates, so that a restart does not change its fingerprint, and issues them
// afresh when they are missing, of another domain or near their end.
func loadIdentity(st store.Store, a *keying.Authority, domain string) (keying.Identity, error) {
	own := keying.Identity{RSA: readCertificate(st, a, domain, keying.CertRSA), ECDSA: readCertificate(st, a, domain, keying.CertECDSA)}
	if own.RSA != nil && own.ECDSA != nil {
		return own, nil
	}
	own, err := a.IssueServer()
	if err != nil {
		return own, err
	}
	for _, c := range []*keying.Certificate{own.RSA, own.ECDSA} {
		key, err := c.KeyPEM()
		if err != nil {
			return own, err
		}
		err = st.PutBlob(blobServer+c.Kind(), append(c.CertPEM(), key.Bytes()...))
		key.Wipe()
		if err != nil {
			return own, err
		}
	}
	return own, nil
}

// readCertificate returns a stored certificate that is still good, or nil.
func readCertificate(st store.Store, a *keying.Authority, domain, kind string) *keying.Certificate {
	text, err := st.Blob(blobServer + kind)
	if err != nil {
		return nil
	}
	defer clear(text)
	block, rest := pem.Decode(text)
	if block == nil {
		return nil
	}
	c, err := keying.ParseCertificate(pem.EncodeToMemory(block), rest)
	if err != nil {
		return nil
	}
	_, err = c.Leaf.Verify(x509.VerifyOptions{
		Roots: a.Roots(), DNSName: domain, CurrentTime: time.Now().Add(renewBefore), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return nil
	}
	if kind == keying.CertRSA && c.Leaf.KeyUsage&x509.KeyUsageKeyEncipherment == 0 {
		return nil // issued before envelopes were sent to it (RFC 3830 section 3.2)
	}
	return c
}

// ceiling keeps the restart ceiling of the replay cache in the store (keying.Ceiling).
type ceiling struct{ store store.Store }

// LoadCeiling implements keying.Ceiling.
func (c ceiling) LoadCeiling() (uint64, bool, error) {
	b, err := c.store.Blob(blobCeiling)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return 0, false, nil
	case err != nil:
		return 0, false, err
	case len(b) != 8:
		return 0, false, fmt.Errorf("%w: replay ceiling of %d octets", store.ErrCorrupt, len(b))
	}
	return binary.BigEndian.Uint64(b), true, nil
}

// StoreCeiling implements keying.Ceiling.
func (c ceiling) StoreCeiling(v uint64) error {
	return c.store.PutBlob(blobCeiling, binary.BigEndian.AppendUint64(nil, v))
}
