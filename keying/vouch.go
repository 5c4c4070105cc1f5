package keying

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"github.com/conclave/conclave/keying/mikey"
)

// sipScheme begins every identity.
const sipScheme = "sip:"

// signatory finds who signed a message in the name of an identity, by the certificates that came with it. Refusals are *Error.
func (k *Keyer) signatory(chain [][]byte, identity string, r refusal) (mikey.PeerKey, *x509.Certificate, error) {
	if !k.peerIsServer && !k.directory.Known(identity) {
		return mikey.PeerKey{}, nil, r.refuse(mikey.AuthFailure, ReasonUnknownIdentity, errors.New("no such account"))
	}
	key, leaf, err := k.vouch(chain, identity)
	if err != nil {
		return mikey.PeerKey{}, nil, r.refuse(mikey.InvalidCert, ReasonBadCertificate, err)
	}
	return key, leaf, nil
}

// vouch checks that a peer's certificates lead to our roots and stand for the identity. What costs nothing is looked at
// first: where we know which certificates were issued, a stranger's costs a hash, elsewhere one signature check a link.
func (k *Keyer) vouch(chain [][]byte, identity string) (mikey.PeerKey, *x509.Certificate, error) {
	none := mikey.PeerKey{}
	if len(chain) == 0 || len(chain) > maxChain {
		return none, nil, fmt.Errorf("%w: %d in the message", ErrCertificate, len(chain))
	}
	if k.issued != nil && !k.issued(identity, fingerprint(chain[0])) {
		return none, nil, fmt.Errorf("%w: it was not issued to the account, or is no longer the account's", ErrCertificate)
	}
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		return none, nil, fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	if err := usable(leaf); err != nil {
		return none, nil, err
	}
	if !k.speaksFor(leaf, identity) {
		return none, nil, fmt.Errorf("%w: it does not stand for the identity that sent it", ErrCertificate)
	}
	if err := k.chains(leaf, chain[1:]); err != nil {
		return none, nil, err
	}
	return mikey.PeerKey{Public: leaf.PublicKey}, leaf, nil
}

// usable says whether a leaf may sign messages, and with a key that we take.
func usable(leaf *x509.Certificate) error {
	if leaf.IsCA {
		return fmt.Errorf("%w: an authority's own", ErrCertificate)
	}
	if leaf.KeyUsage != 0 && leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		return fmt.Errorf("%w: not for signatures", ErrCertificate)
	}
	return bounded(leaf)
}

// encryptable says whether envelope keys may be encrypted to the key of a certificate.
func encryptable(leaf *x509.Certificate) error {
	if kindOf(leaf) != CertRSA {
		return fmt.Errorf("%w: an envelope is encrypted to an RSA certificate", ErrCertificate)
	}
	if leaf.KeyUsage != 0 && leaf.KeyUsage&x509.KeyUsageKeyEncipherment == 0 {
		return fmt.Errorf("%w: not for key encipherment", ErrCertificate)
	}
	return nil
}

// bounded says whether checking signatures made with the key of a certificate costs a bounded time.
func bounded(c *x509.Certificate) error {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			return fmt.Errorf("%w: RSA of %d bits", ErrCertificate, bits)
		}
		return nil
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P256() {
			return nil
		}
	}
	return fmt.Errorf("%w: neither RSA nor ECDSA on P-256", ErrCertificate)
}

// speaksFor says whether a certificate stands for an identity: an account's carries its URI (RFC 5922 section 7.1), a server's
// its domain and no user's URI, and vouches for every room of the domain.
func (k *Keyer) speaksFor(leaf *x509.Certificate, identity string) bool {
	if !k.peerIsServer {
		for _, uri := range leaf.URIs {
			if uri.String() == identity {
				return true
			}
		}
		return false
	}
	domain := domainOf(identity)
	if domain == "" {
		return false
	}
	ours := false
	for _, uri := range leaf.URIs {
		if strings.Contains(uri.Opaque, "@") || strings.Contains(uri.String(), "@") {
			return false
		}
		ours = ours || strings.EqualFold(uri.String(), sipScheme+domain)
	}
	for _, name := range leaf.DNSNames {
		ours = ours || strings.EqualFold(name, domain)
	}
	return ours
}

// chains says whether the leaf leads to our roots today.
func (k *Keyer) chains(leaf *x509.Certificate, rest [][]byte) error {
	roots := k.directory.Roots()
	if roots == nil {
		return fmt.Errorf("%w: we know no authority", ErrCertificate)
	}
	intermediates := x509.NewCertPool()
	for _, der := range rest {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrCertificate, err)
		}
		if err := bounded(c); err != nil {
			return err
		}
		intermediates.AddCert(c)
	}
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: intermediates, CurrentTime: k.now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		// The cause quotes names out of the certificate, which a stranger chose.
		return fmt.Errorf("%w: %w", ErrCertificate, plain(err))
	}
	return nil
}

var (
	errForeign = errors.New("no authority of ours vouches for it")
	errExpired = errors.New("not valid now")
)

func plain(err error) error {
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return errExpired
	}
	return errForeign
}

// domainOf is the host part of an identity "sip:USER@HOST" or "sip:HOST", "" when it is neither.
func domainOf(identity string) string {
	rest, ok := strings.CutPrefix(identity, sipScheme)
	if !ok {
		return ""
	}
	if _, host, ok := strings.Cut(rest, "@"); ok {
		rest = host
	}
	if strings.ContainsAny(rest, "@;?") {
		return ""
	}
	return rest
}

// kindOf is CertRSA or CertECDSA.
func kindOf(leaf *x509.Certificate) string {
	if _, ok := leaf.PublicKey.(*rsa.PublicKey); ok {
		return CertRSA
	}
	return CertECDSA
}

// signer returns our certificate of a kind, or whichever we have, RSA first as strangers know nothing else; nil when there
// is none.
func (k *Keyer) signer(kind string) *mikey.Signer {
	c := k.own.RSA
	if kind == CertECDSA && k.own.ECDSA != nil || c == nil {
		c = k.own.ECDSA
	}
	if c == nil {
		return nil
	}
	return &mikey.Signer{Key: c.Signer, Chain: c.Chain}
}

// signerKind is the kind of certificate that a signer of ours has.
func signerKind(s *mikey.Signer) string {
	if _, ok := s.Key.Public().(*rsa.PublicKey); ok {
		return CertRSA
	}
	return CertECDSA
}

// decrypter is our RSA key, to which peers encrypt; ok is false when we have none.
func (k *Keyer) decrypter() (d mikey.Decrypter, ok bool) {
	if k.own.RSA == nil {
		return d, false
	}
	key, ok := k.own.RSA.Signer.(crypto.Decrypter)
	return mikey.Decrypter{Key: key, Leaf: k.own.RSA.Leaf.Raw}, ok
}
