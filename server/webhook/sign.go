package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Header is the field with the signature: "t=SECONDS,id=EVENT,v1=HEX".
const Header = "Conclave-Signature"

// Why a signature is not taken.
var (
	ErrSignature = errors.New("webhook: the signature does not match")
	ErrExpired   = errors.New("webhook: the signature is too old, or from the future")
)

// sign makes the field of an event that is sent now.
func sign(secret []byte, id uint64, body []byte, now time.Time) string {
	at := strconv.FormatInt(now.Unix(), 10)
	return fmt.Sprintf("t=%s,id=%d,v1=%s", at, id, hex.EncodeToString(code(secret, at, body)))
}

// code is the HMAC-SHA256 of "SECONDS.BODY".
func code(secret []byte, at string, body []byte) []byte {
	m := hmac.New(sha256.New, secret)
	m.Write([]byte(at))
	m.Write([]byte{'.'})
	m.Write(body)
	return m.Sum(nil)
}

// Verify checks a request that claims to be ours: field is its Header, body what it carries, octet by octet, now the receiver's time. It
// returns the ID of the event, which a receiver keeps for ten minutes to tell an event that is sent again: the ID is the same at every
// attempt, the time is that of the attempt.
func Verify(secret []byte, field string, body []byte, now time.Time) (id uint64, err error) {
	var at, named, given string
	for part := range strings.SplitSeq(field, ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch key {
		case "t":
			at = value
		case "id":
			named = value
		case "v1":
			given = value
		}
	}
	mac, err := hex.DecodeString(given)
	if err != nil || !hmac.Equal(mac, code(secret, at, body)) {
		return 0, ErrSignature
	}
	seconds, err := strconv.ParseInt(at, 10, 64)
	if err != nil || now.Sub(time.Unix(seconds, 0)).Abs() > window {
		return 0, ErrExpired
	}
	var signed struct {
		ID uint64 `json:"id"`
	}
	if id, err = strconv.ParseUint(named, 10, 64); err != nil || json.Unmarshal(body, &signed) != nil || id != signed.ID {
		return 0, ErrSignature // the field's own is not signed: under another an event that was recorded would be taken anew
	}
	return id, nil
}
