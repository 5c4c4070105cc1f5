package keying

import (
	"context"
	"errors"

	"github.com/conclave/conclave/keying/mikey"
)

// refusal makes Errors about one message: it knows what an error message to the peer needs.
type refusal struct {
	csbID  uint32
	time   mikey.Timestamp
	policy *Policy
	auth   bool // the peer has been authenticated
	mute   bool // no error message is made: the message was no offer, and errors about answers are not sent
}

// refuse makes the Error. The error message carries our suites where it is they that the peer failed (RFC 3830 section 5.1.2).
func (r refusal) refuse(number mikey.ErrorNumber, reason Reason, err error) *Error {
	e := &Error{Number: uint8(number), Reason: reason, Err: err, BeforeAuth: !r.auth}
	if r.mute {
		return e
	}
	var ours []mikey.Policy
	if number == mikey.InvalidSP || number == mikey.InvalidSPpar {
		for i, s := range r.policy.Suites {
			ours = append(ours, s.spPolicy(uint8(i)))
		}
	}
	e.Message = mikey.NewErrorMessage(r.csbID, r.time, number, ours)
	return e
}

// mikeyReasons sorts the errors of package mikey; what it lacks of them is ReasonMalformed.
var mikeyReasons = []struct {
	err    error
	reason Reason
}{
	{mikey.ErrType, ReasonMethodRefused},
	{mikey.ErrPRF, ReasonWeakProtection},
	{mikey.ErrMACAlg, ReasonWeakProtection},
	{mikey.ErrEncrAlg, ReasonWeakProtection},
	{mikey.ErrHash, ReasonWeakProtection},
	{mikey.ErrGroup, ReasonNoCommonGroup},
	{mikey.ErrDHValue, ReasonBadPublicValue},
	{mikey.ErrIdentity, ReasonWrongIdentity},
	{mikey.ErrCertificate, ReasonBadCertificate},
	{mikey.ErrPolicy, ReasonNoCommonSuite},
	{mikey.ErrKeyData, ReasonWeakProtection},
	{mikey.ErrEnvelope, ReasonBadMAC},
	{mikey.ErrTimestamp, ReasonNotAnAnswer},
	{mikey.ErrOldTime, ReasonReplayed},
	{mikey.ErrExchange, ReasonNotAnAnswer},
	{mikey.ErrMap, ReasonMalformed},
	{mikey.ErrPeer, ReasonPeerRefused},
	{mikey.ErrParams, ReasonInternal}, // a key of ours that is too short, and the like
}

// mikey makes the Error for one of package mikey; a failed authentication gets the reason that fits the method.
func (r refusal) mikey(m Method, err error) *Error {
	if errors.Is(err, mikey.ErrSHA1) {
		return r.refuse(mikey.InvalidHA, ReasonWeakProtection, err)
	}
	if errors.Is(err, mikey.ErrAuth) {
		if m.preShared() {
			return r.refuse(mikey.AuthFailure, ReasonBadMAC, err)
		}
		return r.refuse(mikey.AuthFailure, ReasonBadSignature, err)
	}
	for _, known := range mikeyReasons {
		if errors.Is(err, known.err) {
			return r.refuse(mikey.NumberOf(err), known.reason, err)
		}
	}
	if _, theirs := errors.AsType[mikey.Error](err); !theirs {
		return r.refuse(mikey.Unspecified, ReasonInternal, err) // randomness or a signer of ours failed
	}
	return r.refuse(mikey.NumberOf(err), ReasonMalformed, err)
}

// own makes the Error for a condition of this package, or for keys of the peer that cannot be used.
func (r refusal) own(err error) *Error {
	switch {
	case errors.Is(err, ErrStale):
		return r.refuse(mikey.InvalidTS, ReasonStale, err)
	case errors.Is(err, ErrReplayed):
		return r.refuse(mikey.InvalidTS, ReasonReplayed, err)
	case errors.Is(err, ErrFull):
		return r.refuse(mikey.Unspecified, ReasonReplayCacheFull, err)
	case errors.Is(err, ErrBusy):
		return r.refuse(mikey.Unspecified, ReasonBusy, err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return r.refuse(mikey.Unspecified, ReasonCancelled, err)
	case errors.Is(err, errPanic):
		return r.refuse(mikey.Unspecified, ReasonInternal, err)
	case errors.Is(err, ErrKeyReuse):
		return r.refuse(mikey.Unspecified, ReasonKeyReuse, err)
	case errors.Is(err, ErrMKIReused):
		return r.refuse(mikey.Unspecified, ReasonMKIReused, err)
	}
	return r.mikey("", err)
}
