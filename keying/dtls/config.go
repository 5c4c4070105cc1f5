package dtls

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"

	pion "github.com/pion/dtls/v3"
)

// Why a handshake did not come to an end. Shake returns the last of them beside the context's error: one bad attempt ends nothing.
var (
	// ErrConfig: the configuration allows no handshake; the only error that comes at once.
	ErrConfig = errors.New("dtls: configuration")
	// ErrFingerprint: the peer proved that it has a certificate that the signalling did not promise.
	ErrFingerprint = errors.New("dtls: certificate with another fingerprint than the signalling says")
	// ErrSuite: no SRTP protection profile in common.
	ErrSuite = errors.New("dtls: no SRTP protection profile in common")
	// ErrHandshake: the handshake failed otherwise: no extended master secret, no certificate, a bad signature.
	ErrHandshake = errors.New("dtls: handshake failed")
	// ErrPath: the packet path ended.
	ErrPath = errors.New("dtls: packet path ended")
)

// Config is what one handshake is to be.
type Config struct {
	Certificate  tls.Certificate // ours, whose fingerprint our description states
	Client       bool            // we are a=setup:active and begin
	Suites       []string        // by preference, by their names in RFC 4568's registry; those without a profile are passed over
	Fingerprints []Fingerprint   // of the peer's certificate, of SHA-256 or longer hashes; any of them suffices
	Remote       netip.AddrPort  // where the peer's description says that it is
	// Hosts are further addresses from which a peer in the server's part may come, from any port: the source of the signalling,
	// for a peer behind a translator. A client talks with Remote alone.
	Hosts []netip.Addr
}

// Fingerprint is a digest of a certificate (RFC 8122 section 5).
type Fingerprint struct {
	Hash  string // "sha-256", "sha-384" or "sha-512"; others count as absent
	Value []byte
}

// matches says whether the certificate in DER has this fingerprint. It is public: no constant time is needed.
func (f Fingerprint) matches(der []byte) bool {
	switch f.Hash {
	case "sha-256":
		sum := sha256.Sum256(der)
		return bytes.Equal(f.Value, sum[:])
	case "sha-384":
		sum := sha512.Sum384(der)
		return bytes.Equal(f.Value, sum[:])
	case "sha-512":
		sum := sha512.Sum512(der)
		return bytes.Equal(f.Value, sum[:])
	}
	return false
}

// usable says whether the fingerprint can match anything at all.
func (f Fingerprint) usable() bool {
	switch f.Hash {
	case "sha-256":
		return len(f.Value) == sha256.Size
	case "sha-384":
		return len(f.Value) == sha512.Size384
	case "sha-512":
		return len(f.Value) == sha512.Size
	}
	return false
}

// profile is an SRTP protection profile with the lengths of its key and salt in octets.
type profile struct {
	suite     string
	number    pion.SRTPProtectionProfile
	key, salt int
}

// profiles are those that DTLS-SRTP registers and Conclave protects packets with (RFC 5764 section 4.1.2, RFC 7714 section 14.2).
var profiles = [...]profile{
	{"AEAD_AES_256_GCM", pion.SRTP_AEAD_AES_256_GCM, 32, 12},
	{"AEAD_AES_128_GCM", pion.SRTP_AEAD_AES_128_GCM, 16, 12},
	{"AES_CM_128_HMAC_SHA1_80", pion.SRTP_AES128_CM_HMAC_SHA1_80, 16, 14},
}

// Supports says whether DTLS-SRTP has a protection profile for the suite.
func Supports(suite string) bool {
	for _, p := range profiles {
		if p.suite == suite {
			return true
		}
	}
	return false
}

// profiles are the suites' profiles in their order.
func (c *Config) profiles() []pion.SRTPProtectionProfile {
	var list []pion.SRTPProtectionProfile
	for _, s := range c.Suites {
		for _, p := range profiles {
			if p.suite == s {
				list = append(list, p.number)
			}
		}
	}
	return list
}

// check refuses what can come to nothing.
func (c *Config) check() error {
	switch {
	case len(c.Certificate.Certificate) == 0 || c.Certificate.PrivateKey == nil:
		return fmt.Errorf("%w: no certificate of ours", ErrConfig)
	case len(c.profiles()) == 0:
		return fmt.Errorf("%w: no suite of DTLS-SRTP in %v", ErrConfig, c.Suites)
	case !c.Remote.IsValid():
		return fmt.Errorf("%w: no address of the peer", ErrConfig)
	}
	for _, f := range c.Fingerprints {
		if f.usable() {
			return nil
		}
	}
	return fmt.Errorf("%w: no usable fingerprint of the peer", ErrConfig)
}

// verify is what stands in for the validation of a chain: the leaf is the one that the signalling promised.
func (c *Config) verify(leaf []byte) error {
	for _, f := range c.Fingerprints {
		if f.matches(leaf) {
			return nil
		}
	}
	return ErrFingerprint
}

// admits says whether a peer may come from an address.
func (c *Config) admits(from netip.AddrPort) bool {
	host := from.Addr().Unmap()
	if c.Client {
		return from.Port() == c.Remote.Port() && host == c.Remote.Addr().Unmap()
	}
	if host == c.Remote.Addr().Unmap() {
		return true
	}
	for _, h := range c.Hosts {
		if host == h.Unmap() {
			return true
		}
	}
	return false
}
