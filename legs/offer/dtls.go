package offer

import (
	"encoding/hex"
	"slices"
	"strings"

	"github.com/pion/sdp/v3"

	"github.com/conclave/conclave/keying"
)

// Values of a=setup (RFC 4145 section 4). The fourth, holdconn, means nothing to DTLS-SRTP (RFC 8842 section 5.2) and is refused.
const (
	setupActpass = "actpass"
	setupActive  = "active"
	setupPassive = "passive"
)

// digestLengths are the hash functions of RFC 8122 section 5 with the octets of their digests. Which of them suffice is for
// package keying to say.
var digestLengths = map[string]int{
	"md2": 16, "md5": 16, "sha-1": 20, "sha-224": 28, "sha-256": 32, "sha-384": 48, "sha-512": 64,
}

// handshake is what one level of a description says of the DTLS handshake.
type handshake struct {
	fingerprints []keying.Fingerprint
	setup, tlsID string
}

// parseHandshake reads the attributes of one level.
func parseHandshake(attributes []sdp.Attribute) (handshake, error) {
	var h handshake
	for _, a := range attributes {
		switch a.Key {
		case "fingerprint":
			f, err := parseFingerprint(a.Value)
			if err != nil {
				return h, err
			}
			if len(h.fingerprints) == maxFingerprints {
				return h, ErrTooLarge
			}
			h.fingerprints = append(h.fingerprints, f)
		case "setup":
			if h.setup != "" && h.setup != a.Value || !validSetup(a.Value) {
				return h, ErrSetup
			}
			h.setup = a.Value
		case "tls-id":
			if h.tlsID != "" && h.tlsID != a.Value || !validTLSID(a.Value) {
				return h, ErrTLSID
			}
			h.tlsID = a.Value
		}
	}
	return h, nil
}

// handshake fills a medium from its own attributes and, where it has none of a kind, from those of the session. A fingerprint
// of its own hides all of the session's (RFC 8122 section 5); tls-id stands at a medium alone (RFC 8842 section 4).
func (m *Media) handshake(session, own []sdp.Attribute) error {
	above, err := parseHandshake(session)
	if err != nil {
		return err
	}
	h, err := parseHandshake(own)
	if err != nil {
		return err
	}
	if len(h.fingerprints) == 0 {
		h.fingerprints = above.fingerprints
	}
	if h.setup == "" {
		h.setup = above.setup
	}
	m.Fingerprints, m.Setup, m.TLSID = h.fingerprints, h.setup, h.tlsID
	return nil
}

// dtls is what a medium says of the handshake; both a certificate and a role are required (RFC 5763 section 5).
func (m *Media) dtls() (*keying.DTLS, error) {
	switch {
	case len(m.Fingerprints) == 0:
		return nil, ErrFingerprint
	case m.Setup == "":
		return nil, ErrSetup
	}
	return &keying.DTLS{Fingerprints: m.Fingerprints, Setup: m.Setup, TLSID: m.TLSID}, nil
}

// parseFingerprint reads "hash-func SP 2HEX *(":" 2HEX)". Lower-case digits are taken too: some peers write them.
func parseFingerprint(value string) (keying.Fingerprint, error) {
	name, text, ok := strings.Cut(value, " ")
	name = strings.ToLower(name)
	if !ok || name == "" || len(name) > maxHashName || len(text)%3 != 2 || len(text) > 3*maxDigest {
		return keying.Fingerprint{}, ErrFingerprint
	}
	digits := make([]byte, 0, len(text)/3*2+2)
	for i := range len(text) {
		if i%3 == 2 {
			if text[i] != ':' {
				return keying.Fingerprint{}, ErrFingerprint
			}
			continue
		}
		digits = append(digits, text[i])
	}
	digest, err := hex.DecodeString(string(digits))
	if err != nil {
		return keying.Fingerprint{}, ErrFingerprint
	}
	if want, known := digestLengths[name]; known && len(digest) != want {
		return keying.Fingerprint{}, ErrFingerprint
	}
	return keying.Fingerprint{Hash: name, Value: digest}, nil
}

// formatFingerprint writes the value of the attribute.
func formatFingerprint(f keying.Fingerprint) string {
	const digits = "0123456789ABCDEF"
	b := append([]byte(f.Hash), ' ')
	for i, octet := range f.Value {
		if i > 0 {
			b = append(b, ':')
		}
		b = append(b, digits[octet>>4], digits[octet&15])
	}
	return string(b)
}

func validSetup(s string) bool { return s == setupActpass || s == setupActive || s == setupPassive }

// validTLSID holds a tls-id to RFC 8842 section 4: 20 to 255 of a few characters.
func validTLSID(s string) bool {
	return len(s) >= 20 && len(s) <= 255 && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("+/-_", r)
	})
}

// fits tells whether an answered role goes with an offered one (RFC 4145 section 4.1); actpass is no answer.
func fits(offered, answered string) bool {
	switch offered {
	case setupActpass:
		return answered == setupActive || answered == setupPassive
	case setupActive:
		return answered == setupPassive
	default:
		return answered == setupActive
	}
}

// usable tells whether what we are to write of a handshake is complete.
func usable(d *keying.DTLS) bool {
	return len(d.Fingerprints) > 0 && len(d.Fingerprints) <= maxFingerprints && validSetup(d.Setup) &&
		(d.TLSID == "" || validTLSID(d.TLSID)) &&
		!slices.ContainsFunc(d.Fingerprints, func(f keying.Fingerprint) bool {
			return digestLengths[f.Hash] == 0 || len(f.Value) != digestLengths[f.Hash]
		})
}
