package server

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"regexp"
)

// pin is the PIN of a room as it is kept, in memory and at rest: salt and PBKDF2 of it; nil: the room asks for none. A PIN has so few
// digits that no hash hides it from who has this, for which the store seals it; the hash keeps it out of dumps and of eyes.
type pin []byte

var pinShape = regexp.MustCompile(`^[0-9]{4,12}$`)

// newPIN keeps a PIN of 4 to 12 digits; "" is none.
func newPIN(digits string) (pin, error) {
	if digits == "" {
		return nil, nil
	}
	if !pinShape.MatchString(digits) {
		return nil, fmt.Errorf("%w: a PIN is 4 to 12 digits", ErrInvalid)
	}
	salt := randomBytes(pinSalt)
	hash, err := pbkdf2.Key(sha256.New, digits, salt, pinRounds, sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("server: keep a PIN: %w", err)
	}
	return append(salt, hash...), nil
}

// matches says whether the digits are the PIN, in a time that does not tell how many of them are right. It takes some milliseconds: call
// it outside of a room's goroutine.
func (p pin) matches(digits string) bool {
	if len(p) != pinSalt+sha256.Size {
		return false
	}
	hash, err := pbkdf2.Key(sha256.New, digits, p[:pinSalt], pinRounds, sha256.Size)
	return err == nil && subtle.ConstantTimeCompare(hash, p[pinSalt:]) == 1
}
