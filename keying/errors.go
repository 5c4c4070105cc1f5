package keying

import (
	"errors"
	"fmt"
)

// Reason says why an exchange was refused; a closed set, fit for metric labels.
type Reason = string

// The reasons.
const (
	ReasonMalformed       Reason = "malformed"         // not a MIKEY message, or not a complete one
	ReasonNotAnOffer      Reason = "not_an_offer"      // a MIKEY message that initiates nothing
	ReasonNotAnAnswer     Reason = "not_an_answer"     // a response of another kind or another exchange
	ReasonPeerRefused     Reason = "peer_refused"      // a MIKEY error message in place of a response
	ReasonMethodRefused   Reason = "method_refused"    // not in the policy, or not known
	ReasonWeakProtection  Reason = "weak_protection"   // NULL or unknown cipher, MAC or PRF of the message itself
	ReasonNoCommonSuite   Reason = "no_common_suite"   // SRTP policy outside our policy
	ReasonNoCommonGroup   Reason = "no_common_group"   // Diffie-Hellman group outside our policy
	ReasonWrongIdentity   Reason = "wrong_identity"    // IDi or IDr missing or not who they should be
	ReasonUnknownIdentity Reason = "unknown_identity"  // no such account, or no such credential of it
	ReasonBidDown         Reason = "bid_down"          // the SDP's list of methods is not the one that was protected
	ReasonStale           Reason = "stale"             // timestamp outside the window, or below the restart ceiling
	ReasonReplayed        Reason = "replayed"          // seen before
	ReasonBadMAC          Reason = "bad_mac"           // MAC does not verify
	ReasonBadSignature    Reason = "bad_signature"     // signature does not verify
	ReasonBadCertificate  Reason = "bad_certificate"   // expired, foreign, or of another identity
	ReasonBadPublicValue  Reason = "bad_public_value"  // Diffie-Hellman value out of range
	ReasonKeyReuse        Reason = "key_reuse"         // a TEK that was in use before
	ReasonBusy            Reason = "busy"              // Diffie-Hellman pool full or too slow
	ReasonCancelled       Reason = "cancelled"         // the call ended before its turn in the pool came
	ReasonReplayCacheFull Reason = "replay_cache_full" // nothing can be accepted until entries expire
	ReasonNoCredential    Reason = "no_credential"     // we lack the key that the method needs
	ReasonInternal        Reason = "internal"          // our own failure: randomness, storage

	ReasonForwardSecrecy     Reason = "forward_secrecy"     // the policy demands it, and the method lacks it
	ReasonInsecureSignalling Reason = "insecure_signalling" // keys in the clear in a description that is carried in the clear
	ReasonUnknownBundle      Reason = "unknown_bundle"      // an update of a bundle that does not run here
	ReasonAddressChanged     Reason = "address_changed"     // an update's addresses are not those of its description, or are bound no longer
	ReasonMKIReused          Reason = "mki_reused"          // new keys under the identifier of older ones
	ReasonHandshake          Reason = "handshake_failed"    // DTLS over the media path did not come to an end
)

// Reasons lists the closed set.
func Reasons() []Reason {
	return []Reason{
		ReasonMalformed, ReasonNotAnOffer, ReasonNotAnAnswer, ReasonPeerRefused, ReasonMethodRefused, ReasonWeakProtection,
		ReasonNoCommonSuite, ReasonNoCommonGroup, ReasonWrongIdentity, ReasonUnknownIdentity, ReasonBidDown, ReasonStale,
		ReasonReplayed, ReasonBadMAC, ReasonBadSignature, ReasonBadCertificate, ReasonBadPublicValue, ReasonKeyReuse,
		ReasonBusy, ReasonCancelled, ReasonReplayCacheFull, ReasonNoCredential, ReasonInternal,
		ReasonForwardSecrecy, ReasonInsecureSignalling, ReasonUnknownBundle, ReasonAddressChanged, ReasonMKIReused, ReasonHandshake,
	}
}

// Conditions that callers tell apart with errors.Is.
var (
	ErrBusy      = errors.New("keying: too many Diffie-Hellman exchanges in progress")
	ErrFull      = errors.New("keying: replay cache full")
	ErrReplayed  = errors.New("keying: message seen before")
	ErrStale     = errors.New("keying: timestamp outside the window")
	ErrKeyReuse  = errors.New("keying: TEK was in use before")
	ErrAbandoned = errors.New("keying: exchange already completed or abandoned")
	// ErrNoCredential: the method needs a key or a certificate that we do not have.
	ErrNoCredential = errors.New("keying: credential missing")

	// errOvertaken: between Verify and Respond another update was taken.
	errOvertaken = errors.New("keying: the bundle went on meanwhile")

	ErrCall   = errors.New("keying: incomplete description of the call")
	ErrConfig = errors.New("keying: configuration")
)

// Error is a refused exchange. Peers get Message at most, logs get Err, metrics get Reason.
type Error struct {
	Number     uint8  // MIKEY error number (RFC 3830 section 6.12)
	Reason     Reason // one of Reasons
	Err        error  // the cause; holds no secret
	Message    []byte // MIKEY error message to send; nil where there is none to send
	BeforeAuth bool   // the peer had not proven who it is
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("%s: %v", e.Reason, e.Err) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
