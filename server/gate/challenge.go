package gate

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs/offer"
)

// challenge makes a 401 with a fresh nonce. It is the same for everybody whose proof failed; stale is only said to those
// whose digest was right. The Date helps callers whose clock made their MIKEY message too old. No state is kept.
func (g *Gate) challenge(r *Request, reason string, stale bool, cause error) *Reject {
	nonce, err := g.newNonce(r.Source.Addr())
	if err != nil {
		return &Reject{Status: 500, Reason: reason, Err: errors.Join(cause, err)}
	}
	refusal := &Reject{Status: 401, Reason: reason, Err: cause}
	value := fmt.Sprintf(`Digest realm="%s", qop="auth,auth-int", algorithm=%s, nonce="%s"`, g.realm, g.algorithm(r.From), nonce)
	if stale {
		value += ", stale=true"
	}
	refusal.Header = []Field{{"WWW-Authenticate", value}, g.date()}
	return refusal
}

// algorithm is that of a challenge to who claims to be from. Phones that know MD5 alone give up when they read SHA-256
// anywhere in a 401 (libre 1.1 does), so that those whose account allows MD5 are asked for nothing else. A stranger can
// thereby tell such an account from all others: the price of allowing it.
func (g *Gate) algorithm(from URI) string {
	ha1, old := g.accounts.HA1MD5(g.account(from.identity()))
	clear(ha1)
	if old {
		return algorithmMD5
	}
	return algorithmSHA256
}

// date is the Date field (RFC 3261 section 20.17).
func (g *Gate) date() Field { return Field{"Date", g.now().UTC().Format(http.TimeFormat)} }

// warning is a Warning value with the domain as its agent (RFC 3261 section 20.43).
func (g *Gate) warning(code int, text string) string {
	return fmt.Sprintf(`%d %s "%s"`, code, g.domain, text)
}

// forbid makes a 403 for somebody who has proven who he is.
func (g *Gate) forbid(reason, text string) *Reject {
	return &Reject{Status: 403, Reason: reason, Warning: g.warning(399, text)}
}

// busy makes a 503.
func busy(reason string, cause error) *Reject {
	after := strconv.Itoa(retryMin + rand.IntN(retrySpread)) //nolint:gosec // spreads callers in time, guards nothing
	return &Reject{Status: 503, Reason: reason, Err: cause, Header: []Field{{"Retry-After", after}}}
}

// unusable makes the refusal of a description, before any proof: it depends on nothing but the description.
func (g *Gate) unusable(err error) *Reject {
	code, text := offer.Warning(err)
	reason := ReasonUnusableSDP
	switch {
	case errors.Is(err, offer.ErrSyntax), errors.Is(err, offer.ErrTooLarge):
		reason = ReasonBadSDP
	case errors.Is(err, offer.ErrNotSecure):
		reason = ReasonNotSecure
	case code == 306:
		reason = ReasonNoKeyMgmt
	}
	return &Reject{Status: 488, Warning: g.warning(code, text), Reason: reason, Err: err}
}

// keyingReason is the reason of a failed Verify of an offer with those keys.
func keyingReason(keys keying.Attributes, err error) string {
	prefix := keyingPrefix
	if keys.MIKEY != nil {
		prefix = mikeyPrefix
	}
	var e *keying.Error
	if errors.As(err, &e) {
		return prefix + e.Reason
	}
	return prefix + keying.ReasonInternal
}

// unverified makes the refusal of an offer whose Verify failed: strangers hear nothing of it.
func (g *Gate) unverified(r *Request, a *Admitted, keys keying.Attributes, policy *keying.Policy, err error) *Reject {
	switch {
	case overloaded(err):
		return busy(keyingReason(keys, err), err)
	case a.Proof == ProofNone:
		return g.challenge(r, keyingReason(keys, err), false, err)
	default:
		return g.refuseKeys(a.Offer, keys, policy, err)
	}
}

// overloaded tells whether Verify failed for lack of room, which is no fault of the peer's.
func overloaded(err error) bool {
	return errors.Is(err, keying.ErrFull) || errors.Is(err, keying.ErrBusy)
}

// refuseKeys tells somebody who has proven who he is why his key management fails: 488, a Warning in words, and where it was
// MIKEY the error message in the place of the offer's (RFC 4567 section 4.1.2).
func (g *Gate) refuseKeys(d *offer.Description, keys keying.Attributes, policy *keying.Policy, err error) *Reject {
	reason := keyingReason(keys, err)
	var e *keying.Error
	if !errors.As(err, &e) {
		return &Reject{Status: 500, Reason: reason, Err: err}
	}
	refusal := &Reject{
		Status: 488, Reason: reason, Err: err, Warning: g.warning(306, missing(policy, e.Reason)), Header: []Field{g.date()},
	}
	if body, err := offer.Refusal(d, g.address, e.Message); err == nil && len(e.Message) > 0 {
		refusal.Body, refusal.ContentType = body, offer.ContentType
	}
	return refusal
}
