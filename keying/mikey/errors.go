package mikey

import "errors"

// ErrorNumber is the number in an ERR payload (RFC 3830 table 6.12, RFC 4738).
type ErrorNumber uint8

// The error numbers a responder may state.
const (
	AuthFailure     ErrorNumber = 0
	InvalidTS       ErrorNumber = 1
	InvalidPRF      ErrorNumber = 2
	InvalidMAC      ErrorNumber = 3 // algorithm not supported; a MAC that does not hold is AuthFailure
	InvalidEA       ErrorNumber = 4
	InvalidHA       ErrorNumber = 5
	InvalidDH       ErrorNumber = 6
	InvalidID       ErrorNumber = 7
	InvalidCert     ErrorNumber = 8
	InvalidSP       ErrorNumber = 9
	InvalidSPpar    ErrorNumber = 10
	InvalidDT       ErrorNumber = 11
	Unspecified     ErrorNumber = 12
	UnsupportedType ErrorNumber = 13
)

// Error is a refusal of this package: comparable, so that errors.Is finds each sentinel below, and self-classifying,
// so that errors.As gives the number for a MIKEY error message.
type Error struct {
	Number ErrorNumber // what a peer may be told
	text   string
}

// Error says what failed, without any octet of the message.
func (e Error) Error() string { return "mikey: " + e.text }

// The refusals. Each is wrapped with its detail where there is one.
var (
	ErrMalformed   error = Error{Unspecified, "malformed message"}
	ErrType        error = Error{UnsupportedType, "message type not supported"}
	ErrPRF         error = Error{InvalidPRF, "PRF not supported"}
	ErrMACAlg      error = Error{InvalidMAC, "MAC algorithm not supported"}
	ErrEncrAlg     error = Error{InvalidEA, "key encryption algorithm not supported"}
	ErrHash        error = Error{InvalidHA, "hash not supported"}
	ErrGroup       error = Error{InvalidDH, "DH group not supported"}
	ErrDHValue     error = Error{InvalidDH, "DH value out of range or not echoed"}
	ErrIdentity    error = Error{InvalidID, "identities missing or not those of the exchange"}
	ErrCertificate error = Error{InvalidCert, "key or signature type not supported"}
	ErrPolicy      error = Error{InvalidSP, "security policies missing, twice or not SRTP"}
	ErrKeyData     error = Error{InvalidDT, "key data not supported"}
	ErrTimestamp   error = Error{InvalidTS, "time stamp is not that of the exchange"}
	ErrOldTime     error = Error{InvalidTS, "time stamp does not rise within its crypto session bundle"}
	ErrAuth        error = Error{AuthFailure, "authentication failed"}
	ErrSHA1        error = Error{InvalidHA, "signature over SHA-1"} // an ErrAuth too
	ErrEnvelope    error = Error{AuthFailure, "envelope does not open"}
	ErrMap         error = Error{Unspecified, "CS ID map not supported or not that of the exchange"}
	ErrExchange    error = Error{Unspecified, "message does not belong to this exchange or step"}
	ErrParams      error = Error{Unspecified, "parameters out of bounds"}
	ErrPeer        error = Error{Unspecified, "peer answered with a MIKEY error"}
)

// NumberOf is the number to put into the error message for err; Unspecified when err is not of this package.
func NumberOf(err error) ErrorNumber {
	if e, ok := errors.AsType[Error](err); ok {
		return e.Number
	}
	return Unspecified
}
