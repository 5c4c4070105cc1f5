package server

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// PIN is what a room asks its callers for, as it is kept: a salted, slow hash in text, "" for none. A PIN is short, so whoever has the hash
// finds it by trying; the hash keeps it from whoever only looks on, and the store is sealed besides. It prints as nothing.
type PIN string

const (
	pinScheme = "pbkdf2-sha256"
	// pinRounds make a try cost some 20 ms: little beside what a person needs to type, much beside what a table of all PINs would take.
	pinRounds    = 100_000
	maxPINRounds = 10_000_000 // of a hash that somebody else made
	pinSalt      = 16         // octets
	minPINDigits = 4
	maxPINDigits = 12
)

// NewPIN hashes digits. ErrInvalid says that they are not 4 to 12 digits.
func NewPIN(digits string) (PIN, error) {
	if !isPIN(digits) {
		return "", fmt.Errorf("%w: a PIN has %d to %d digits", ErrInvalid, minPINDigits, maxPINDigits)
	}
	var salt [pinSalt]byte
	_, _ = rand.Read(salt[:]) // crypto/rand never fails since Go 1.24
	hash, err := pbkdf2.Key(sha256.New, digits, salt[:], pinRounds, sha256.Size)
	if err != nil {
		return "", err
	}
	code := base64.RawURLEncoding
	return PIN(strings.Join([]string{pinScheme, strconv.Itoa(pinRounds), code.EncodeToString(salt[:]), code.EncodeToString(hash)}, ":")), nil
}

func isPIN(digits string) bool {
	return len(digits) >= minPINDigits && len(digits) <= maxPINDigits && strings.Trim(digits, "0123456789") == ""
}

// parse takes the text apart.
func (p PIN) parse() (rounds int, salt, hash []byte, err error) {
	parts := strings.Split(string(p), ":")
	if len(parts) != 4 || parts[0] != pinScheme {
		return 0, nil, nil, fmt.Errorf("%w: no hash of a PIN", ErrInvalid)
	}
	rounds, err = strconv.Atoi(parts[1])
	salt, errSalt := base64.RawURLEncoding.DecodeString(parts[2])
	hash, errHash := base64.RawURLEncoding.DecodeString(parts[3])
	if err != nil || errSalt != nil || errHash != nil || rounds < 1 || rounds > maxPINRounds || len(salt) < pinSalt/2 || len(hash) != sha256.Size {
		return 0, nil, nil, fmt.Errorf("%w: no hash of a PIN", ErrInvalid)
	}
	return rounds, salt, hash, nil
}

// matches says whether these digits are the PIN, in a time that tells nothing of how far they are. It computes for a while: not for a
// goroutine that others wait for.
func (p PIN) matches(digits string) bool {
	rounds, salt, hash, err := p.parse()
	if err != nil {
		return false
	}
	got, err := pbkdf2.Key(sha256.New, digits, salt, rounds, sha256.Size)
	return err == nil && subtle.ConstantTimeCompare(got, hash) == 1
}

// String keeps the hash out of logs and messages.
func (p PIN) String() string {
	if p == "" {
		return ""
	}
	return "[secret]"
}

// GoString does so for %#v.
func (p PIN) GoString() string { return p.String() }
