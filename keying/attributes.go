package keying

import "log/slog"

// Attributes are what key management puts into a session description, or finds in one. A description of ours holds one kind;
// a peer's may hold several beside each other, as alternatives.
type Attributes struct {
	MIKEY  []byte   // octets of the message of a=key-mgmt:mikey (RFC 4567); nil: none
	Crypto []Crypto // a=crypto lines (RFC 4568) in order; nil: none
	DTLS   *DTLS    // what an m= line of UDP/TLS/RTP/SAVP says of its handshake (RFC 5763); nil: none

	// Addresses are where the description of a peer wants its media, in canonical octets: MIKEY updates bind them. nil: not told,
	// and not checked; so in what this package gives.
	Addresses []byte
}

// Empty says that there is no key management at all.
func (a Attributes) Empty() bool { return a.MIKEY == nil && len(a.Crypto) == 0 && a.DTLS == nil }

// Crypto is the value of one a=crypto attribute (RFC 4568 section 9.1): "tag suite inline:...". It holds a master key in
// clear, so it does not print.
type Crypto struct{ line Secret }

// NewCrypto takes the value of an attribute.
func NewCrypto(line string) Crypto { return Crypto{NewSecret([]byte(line))} }

// Line is the value of the attribute, key included; "" once wiped.
func (c Crypto) Line() string { return string(c.line.Bytes()) }

// Wipe overwrites the attribute.
func (c Crypto) Wipe() { c.line.Wipe() }

// String hides the key.
func (Crypto) String() string { return secretText }

// GoString hides the key from %#v.
func (Crypto) GoString() string { return secretText }

// LogValue hides the key from slog.
func (Crypto) LogValue() slog.Value { return slog.StringValue(secretText) }

// MarshalJSON refuses: a key does not go into JSON.
func (Crypto) MarshalJSON() ([]byte, error) { return nil, ErrSecretInText }

// DTLS is what a description says of a DTLS-SRTP handshake.
type DTLS struct {
	Fingerprints []Fingerprint // of the certificate that the sender will show (RFC 8122); any of them suffices
	Setup        string        // actpass, active or passive (RFC 4145)
	TLSID        string        // names the association (RFC 8842); "" where the peer does not state one
}

// Fingerprint is one a=fingerprint attribute (RFC 8122 section 5).
type Fingerprint struct {
	Hash  string // lower case, "sha-256"
	Value []byte // octets of the digest
}
