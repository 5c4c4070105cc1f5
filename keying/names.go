package keying

import (
	"errors"
	"fmt"
	"slices"
)

// Errors about names in configurations and on command lines.
var (
	ErrUnknownMethod     = errors.New("keying: unknown method")
	ErrUnknownSuite      = errors.New("keying: unknown suite")
	ErrUnknownGroup      = errors.New("keying: unknown Diffie-Hellman group")
	ErrUnsupportedMethod = errors.New("keying: method not supported by this build")
)

// Method names a way to agree on keys.
type Method string

// The methods.
const (
	MIKEYPSK    Method = "mikey-psk"    // RFC 3830 section 3.1: TGK from the initiator under a pre-shared key
	MIKEYDH     Method = "mikey-dh"     // RFC 3830 section 3.3: signed Diffie-Hellman
	MIKEYDHHMAC Method = "mikey-dhhmac" // RFC 4650: Diffie-Hellman under a pre-shared key
	MIKEYPKE    Method = "mikey-pke"    // RFC 3830 section 3.2: TGK from the initiator under the responder's RSA key
	MIKEYRSAR   Method = "mikey-rsar"   // RFC 4738: TGK from the responder under the initiator's RSA key
	DTLSSRTP    Method = "dtls-srtp"    // RFC 5764
	SDES        Method = "sdes"         // RFC 4568
)

// Methods lists every name that a configuration may use.
func Methods() []Method {
	return []Method{MIKEYPSK, MIKEYDH, MIKEYDHHMAC, MIKEYPKE, MIKEYRSAR, DTLSSRTP, SDES}
}

// ParseMethod returns the method of that name, or ErrUnknownMethod.
func ParseMethod(name string) (Method, error) { return byName(name, Methods(), ErrUnknownMethod) }

// byName finds a name among those that there are.
func byName[N ~string](name string, all []N, unknown error) (N, error) {
	if n := N(name); slices.Contains(all, n) {
		return n, nil
	}
	return "", fmt.Errorf("%w %q; there are %v", unknown, name, all)
}

// Implemented says whether this build can run the method.
func (m Method) Implemented() bool { return slices.Contains(Methods(), m) }

// Authenticates says whether the method itself proves who is there. The others need another proof: digest, a trunk, or the
// dialog that they are part of.
func (m Method) Authenticates() bool { return m.mikey() }

// mikey says whether the method is one of MIKEY's.
func (m Method) mikey() bool { return m.preShared() || m.Certified() }

// preShared says whether the method authenticates by a pre-shared key.
func (m Method) preShared() bool { return m == MIKEYPSK || m == MIKEYDHHMAC }

// Certified says whether the method authenticates both sides by certificates; then neither can do without one.
func (m Method) Certified() bool { return m == MIKEYDH || m == MIKEYPKE || m == MIKEYRSAR }

// agreesGroup says whether the method computes in a Diffie-Hellman group that MIKEY names.
func (m Method) agreesGroup() bool { return m == MIKEYDH || m == MIKEYDHHMAC }

// ForwardSecret says whether recorded calls stay closed when the long-term key is lost later.
func (m Method) ForwardSecret() bool { return m == MIKEYDH || m == MIKEYDHHMAC || m == DTLSSRTP }

// Suite names an SRTP protection profile by its registered name.
type Suite string

// The suites.
const (
	AEADAES256GCM   Suite = "AEAD_AES_256_GCM"        // RFC 7714
	AEADAES128GCM   Suite = "AEAD_AES_128_GCM"        // RFC 7714
	AESCM128SHA1x80 Suite = "AES_CM_128_HMAC_SHA1_80" // RFC 3711
	AESCM256SHA1x80 Suite = "AES_256_CM_HMAC_SHA1_80" // RFC 6188
)

// Suites lists every suite, strongest first.
func Suites() []Suite { return []Suite{AEADAES256GCM, AEADAES128GCM, AESCM256SHA1x80, AESCM128SHA1x80} }

// ParseSuite returns the suite of that name, or ErrUnknownSuite.
func ParseSuite(name string) (Suite, error) { return byName(name, Suites(), ErrUnknownSuite) }

// KeyLen is the length of the SRTP master key in octets, 0 for an unknown suite.
func (s Suite) KeyLen() int {
	switch s {
	case AEADAES256GCM, AESCM256SHA1x80:
		return 32
	case AEADAES128GCM, AESCM128SHA1x80:
		return 16
	}
	return 0
}

// SaltLen is the length of the SRTP master salt in octets (RFC 7714 section 8: 12; RFC 3711 section 4: 14), 0 for an unknown suite.
func (s Suite) SaltLen() int {
	switch s {
	case AEADAES256GCM, AEADAES128GCM:
		return 12
	case AESCM128SHA1x80, AESCM256SHA1x80:
		return 14
	}
	return 0
}

// AEAD says whether the suite is one of RFC 7714.
func (s Suite) AEAD() bool { return s == AEADAES256GCM || s == AEADAES128GCM }

// Group names a Diffie-Hellman group.
type Group string

// The groups. Only MODP1536 has a registered MIKEY number; the others use private numbers between our own.
const (
	MODP1536 Group = "modp1536" // OAKLEY 5, RFC 3526 section 2, MIKEY number 0
	MODP2048 Group = "modp2048" // RFC 3526 section 3, private number 241
	MODP3072 Group = "modp3072" // RFC 3526 section 4, private number 242
	P256     Group = "p256"     // NIST P-256 (FIPS 186), private number 243
)

// Groups lists every group, the one that strangers know first.
func Groups() []Group { return []Group{MODP1536, MODP2048, MODP3072, P256} }

// ParseGroup returns the group of that name, or ErrUnknownGroup.
func ParseGroup(name string) (Group, error) { return byName(name, Groups(), ErrUnknownGroup) }

// Strength is about how many bits of work breaking the group takes (NIST SP 800-57 part 1), 0 for an unknown one.
func (g Group) Strength() int {
	switch g {
	case MODP1536:
		return 90
	case MODP2048:
		return 112
	case MODP3072, P256:
		return 128
	}
	return 0
}
