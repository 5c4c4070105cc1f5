package keying

import (
	"crypto/subtle"
	"errors"
	"log/slog"
)

// ErrSecretInText is what every attempt to write a Secret as JSON or text returns.
var ErrSecretInText = errors.New("keying: a secret is not written as text")

// secretText is all that is ever printed of a Secret.
const secretText = "[secret]"

// Secret holds octets that must not be seen: keys, salts, passwords. Copies of a Secret share the octets, so wiping one
// wipes all. The octets sit behind a pointer to a pointer because fmt, which does not call String on unexported fields,
// follows one pointer for verbs that do not suit it; this way it prints an address. The zero value is an empty secret.
type Secret struct{ box **secretBox }

type secretBox struct{ octets []byte }

// NewSecret copies b into a Secret; the caller may clear b afterwards.
func NewSecret(b []byte) Secret {
	octets := make([]byte, len(b))
	copy(octets, b)
	box := &secretBox{octets}
	return Secret{&box}
}

// Bytes returns the octets themselves, not a copy: the caller neither keeps nor changes them. It is nil once wiped.
func (s Secret) Bytes() []byte {
	if s.box == nil {
		return nil
	}
	return (*s.box).octets
}

// Len is the number of octets, 0 once wiped.
func (s Secret) Len() int { return len(s.Bytes()) }

// Wipe overwrites the octets, for every copy of the Secret.
func (s Secret) Wipe() {
	if s.box == nil {
		return
	}
	clear((*s.box).octets)
	(*s.box).octets = nil
}

// Equal compares in constant time; two empty secrets are not equal, so that a missing key never matches a missing key.
func (s Secret) Equal(other Secret) bool {
	if s.Len() == 0 {
		return false
	}
	return subtle.ConstantTimeCompare(s.Bytes(), other.Bytes()) == 1
}

// String never shows the octets.
func (s Secret) String() string { return secretText }

// GoString never shows the octets.
func (s Secret) GoString() string { return secretText }

// LogValue never shows the octets.
func (s Secret) LogValue() slog.Value { return slog.StringValue(secretText) }

// MarshalJSON refuses.
func (s Secret) MarshalJSON() ([]byte, error) { return nil, ErrSecretInText }

// MarshalText refuses.
func (s Secret) MarshalText() ([]byte, error) { return nil, ErrSecretInText }
