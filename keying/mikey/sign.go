package mikey

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // RFC 3830's mandatory signature hash; off unless the caller asks for it
	"crypto/sha256"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
)

// ecdsaOctets is the length of an ECDSA signature here: r and s of 32 octets each. The length stands inside the signed
// octets, so it has to be known before signing, which ASN.1's is not.
const ecdsaOctets = 64

// signature makes the SIGN payload of s with zeros in place of the signature. Only the messages of an update may go without the
// certificates, which the peer has from the first exchange.
func (s *Signer) signature(update bool) (signPayload, error) {
	if s == nil || s.Key == nil {
		return signPayload{}, fmt.Errorf("%w: no key to sign with", ErrCertificate)
	}
	if len(s.Chain) == 0 && !update || len(s.Chain) > MaxChain {
		return signPayload{}, fmt.Errorf("%w: chain of %d certificates", ErrCertificate, len(s.Chain))
	}
	switch k := s.Key.Public().(type) {
	case *rsa.PublicKey:
		if err := checkRSA(k); err != nil {
			return signPayload{}, err
		}
		return signPayload{signRSA, make([]byte, k.Size())}, nil
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() {
			return signPayload{}, fmt.Errorf("%w: curve", ErrCertificate)
		}
		return signPayload{signECDSAP256, make([]byte, ecdsaOctets)}, nil
	}
	return signPayload{}, fmt.Errorf("%w: key type", ErrCertificate)
}

// seal signs b, which was assembled with a zero signature of n octets at its end, and reads the message back.
func (s *Signer) seal(b []byte, n int) (*Message, error) { return s.sealBeside(b, n, nil) }

// sealBeside is seal with further octets that are signed and not sent.
func (s *Signer) sealBeside(b []byte, n int, beside []byte) (*Message, error) {
	covered := slices.Concat(b[:len(b)-n], beside)
	var sig []byte
	var err error
	if _, isRSA := s.Key.Public().(*rsa.PublicKey); isRSA {
		sig, err = s.signRSA(covered)
	} else {
		sig, err = s.signECDSA(covered)
	}
	if err != nil {
		return nil, fmt.Errorf("mikey: sign: %w", err)
	}
	if len(sig) != n {
		return nil, fmt.Errorf("%w: signature of %d octets", ErrCertificate, len(sig))
	}
	copy(b[len(b)-n:], sig)
	return Parse(b)
}

func (s *Signer) signRSA(covered []byte) ([]byte, error) {
	if s.SHA1 {
		digest := sha1.Sum(covered) //nolint:gosec // the caller asked for it, for an old peer
		return s.Key.Sign(rand.Reader, digest[:], crypto.SHA1)
	}
	digest := sha256.Sum256(covered)
	return s.Key.Sign(rand.Reader, digest[:], crypto.SHA256)
}

// signECDSA gives r || s with s in the lower half of the order, so that nobody can make a second signature out of one
// and slip a replay past a cache of messages.
func (s *Signer) signECDSA(covered []byte) ([]byte, error) {
	digest := sha256.Sum256(covered)
	der, err := s.Key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return nil, err
	}
	var sig struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(der, &sig); err != nil || len(rest) != 0 {
		return nil, fmt.Errorf("%w: signature is not ASN.1", ErrCertificate)
	}
	order := elliptic.P256().Params().N
	if sig.S.Cmp(new(big.Int).Rsh(order, 1)) > 0 {
		sig.S.Sub(order, sig.S)
	}
	out := make([]byte, ecdsaOctets)
	sig.R.FillBytes(out[:ecdsaOctets/2])
	sig.S.FillBytes(out[ecdsaOctets/2:])
	return out, nil
}

func checkRSA(k *rsa.PublicKey) error {
	if bits := k.N.BitLen(); bits < minRSA || bits > maxRSA {
		return fmt.Errorf("%w: RSA key of %d bits", ErrCertificate, bits)
	}
	return nil
}

// signHeader is the octets of SIGN before the signature.
const signHeader = 2

// verify checks the SIGN payload of m, and of what was signed beside it. RFC 3830 section 5.2 leaves the signature itself out of
// what is signed, RFC 4738 section 3.6 the whole payload: of an RSA-R answer either reading is taken.
func (k PeerKey) verify(m *Message, beside []byte) error {
	_, err := k.verifyHash(m, beside)
	return err
}

// verifyHash is verify, and tells whether the signature is over SHA-1.
func (k PeerKey) verifyHash(m *Message, beside []byte) (old bool, err error) {
	p, ok := find[signPayload](m)
	if !ok {
		return false, ErrAuth
	}
	covered := m.covered()
	old, err = k.verifySignature(p, slices.Concat(covered, beside))
	if m.header.typ == TypeRSARResp && errors.Is(err, ErrAuth) {
		old, err = k.verifySignature(p, slices.Concat(covered[:len(covered)-signHeader], beside))
	}
	return old, err
}

// verifySignature checks one signature. The key says what algorithm it has to be; the message's word must agree.
func (k PeerKey) verifySignature(p signPayload, covered []byte) (old bool, err error) {
	switch key := k.Public.(type) {
	case *rsa.PublicKey:
		if p.typ != signRSA {
			return false, fmt.Errorf("%w: signature type %d with an RSA key", ErrCertificate, p.typ)
		}
		if err := checkRSA(key); err != nil {
			return false, err
		}
		return k.verifyRSA(key, covered, p.data)
	case *ecdsa.PublicKey:
		if p.typ != signECDSAP256 || key.Curve != elliptic.P256() {
			return false, fmt.Errorf("%w: signature type %d with an ECDSA key", ErrCertificate, p.typ)
		}
		return false, verifyECDSA(key, covered, p.data)
	}
	return false, fmt.Errorf("%w: key type", ErrCertificate)
}

// verifyRSA also finds out what a signature would be worth that is not allowed, so that people can be told.
func (k PeerKey) verifyRSA(key *rsa.PublicKey, covered, sig []byte) (old bool, err error) {
	digest := sha256.Sum256(covered)
	if rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], sig) == nil {
		return false, nil
	}
	weak := sha1.Sum(covered) //nolint:gosec // accepted only where the caller allows it, for an old peer
	if rsa.VerifyPKCS1v15(key, crypto.SHA1, weak[:], sig) != nil {
		return false, ErrAuth
	}
	if !k.SHA1 {
		return true, fmt.Errorf("%w: %w", ErrSHA1, ErrAuth)
	}
	return true, nil
}

func verifyECDSA(key *ecdsa.PublicKey, covered, sig []byte) error {
	if len(sig) != ecdsaOctets {
		return ErrAuth
	}
	digest := sha256.Sum256(covered)
	r, s := new(big.Int).SetBytes(sig[:ecdsaOctets/2]), new(big.Int).SetBytes(sig[ecdsaOctets/2:])
	if s.Cmp(new(big.Int).Rsh(key.Params().N, 1)) > 0 || !ecdsa.Verify(key, digest[:], r, s) {
		return ErrAuth
	}
	return nil
}
