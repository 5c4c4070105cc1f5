package gate

import (
	"slices"

	"github.com/conclave/conclave/keying"
)

// Reasons of refusals by the gate itself. A refusal by package keying has a prefix and one of keying.Reasons.
const (
	ReasonNoProof        = "no_proof"          // no credential that could be looked at
	ReasonBadCredentials = "bad_credentials"   // an Authorization field that is malformed or not of a supported kind
	ReasonUnknownAccount = "unknown_account"   // digest of an account that does not exist or is disabled
	ReasonBadDigest      = "bad_digest"        // wrong password, or a digest over something else
	ReasonStaleNonce     = "stale_nonce"       // right digest over a nonce that is too old or not ours
	ReasonReplayedDigest = "replayed_digest"   // right digest with a nonce count that was used before
	ReasonDigestURI      = "digest_uri"        // right digest for another request URI
	ReasonTooManyNonces  = "too_many_nonces"   // the window of nonce counts is full
	ReasonWrongFrom      = "wrong_from"        // From is not who proved to be the sender
	ReasonWrongTo        = "wrong_to"          // a registration for somebody else than its sender
	ReasonTrunk          = "trunk"             // what is for accounts alone, by a trunk
	ReasonAccountClosed  = "account_closed"    // in the dialog of an account that may not call any more
	ReasonWrongIdentity  = "wrong_identity"    // digest and MIKEY prove two identities, or not the dialog's
	ReasonPolicy         = "policy"            // proven, but by a proof that the policy does not take alone
	ReasonNoRoom         = "no_room"           // the request URI names no room of this domain
	ReasonNoDomain       = "no_domain"         // a registration at another domain
	ReasonNoDialog       = "no_dialog"         // a request that only means something inside a dialog
	ReasonMethod         = "method"            // a method that is not served
	ReasonUnknownMethod  = "unknown_method"    // a method that is not known
	ReasonContentType    = "content_type"      // a body that is no SDP
	ReasonBadSDP         = "bad_sdp"           // malformed or too large
	ReasonUnusableSDP    = "unusable_sdp"      // no audio that can be taken
	ReasonNotSecure      = "not_secure"        // plain RTP
	ReasonNoKeyMgmt      = "no_key_management" // no key management that could be read
)

// Prefixes set keying's reasons apart from the gate's: of offers with a MIKEY message, and of those with SDES or DTLS alone.
const (
	mikeyPrefix  = "mikey_"
	keyingPrefix = "keying_"
)

// Reasons lists the closed set of Reject.Reason, sorted.
func Reasons() []string {
	list := []string{
		ReasonNoProof, ReasonBadCredentials, ReasonUnknownAccount, ReasonBadDigest, ReasonStaleNonce, ReasonReplayedDigest,
		ReasonDigestURI, ReasonTooManyNonces, ReasonWrongFrom, ReasonWrongTo, ReasonTrunk, ReasonAccountClosed, ReasonWrongIdentity, ReasonPolicy, ReasonNoRoom, ReasonNoDomain,
		ReasonNoDialog, ReasonMethod, ReasonUnknownMethod, ReasonContentType, ReasonBadSDP, ReasonUnusableSDP,
		ReasonNotSecure, ReasonNoKeyMgmt,
	}
	for _, r := range keying.Reasons() {
		list = append(list, mikeyPrefix+r, keyingPrefix+r)
	}
	slices.Sort(list)
	return list
}
