package gate

import (
	"errors"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs/offer"
)

// invite admits an INVITE outside a dialog. Digest and trunk come first, since they are cheapest. For strangers a description is
// read, and its MIKEY message verified, since that may speak for its sender; whether a description can be read at all is told to
// anybody, because it depends on nothing else.
func (g *Gate) invite(r *Request) (*Admitted, *Reject) {
	if refusal := contentType(r); refusal != nil {
		return nil, refusal
	}
	a, refusal := g.caller(r)
	if refusal != nil {
		return nil, refusal
	}
	var keys keying.Attributes
	if len(r.Body) > 0 {
		var err error
		if a.Offer, keys, err = readOffer(r.Body); err != nil {
			return nil, g.unusable(err)
		}
	}
	room, named := g.room(r.RequestURI)
	var policy *keying.Policy
	if named {
		policy = g.policy(room, a.who())
	}
	if a.Proof == ProofNone && !maySpeak(keys, policy) {
		return nil, g.challenge(r, ReasonNoProof, false, nil)
	}
	if policy == nil {
		return nil, &Reject{Status: 404, Reason: ReasonNoRoom}
	}
	a.Room = room
	if a.Offer == nil {
		if refusal := g.sufficient(policy); refusal != nil {
			return nil, refusal
		}
		return a, nil
	}
	return g.offered(r, a, keys, policy)
}

// caller settles who an INVITE is from, as far as that can be told without its body: a trunk's caller, or the account of a
// digest. Nobody so far is no refusal.
func (g *Gate) caller(r *Request) (*Admitted, *Reject) {
	if t := g.trunkOf(r); t != nil {
		if !r.From.vouched() {
			return nil, g.forbid(ReasonWrongFrom, "From is no SIP URI of a caller")
		}
		return &Admitted{Identity: r.From.identity(), Trunk: t.Name, Proof: ProofTrunk}, nil
	}
	account, refusal := g.digest(r)
	if refusal != nil {
		return nil, refusal
	}
	if account == "" {
		return &Admitted{}, nil
	}
	a := &Admitted{Account: account, Identity: g.identity(account), Proof: ProofDigest}
	if r.From.identity() != a.Identity {
		return nil, g.forbid(ReasonWrongFrom, "From is not who authenticated")
	}
	return a, nil
}

// maySpeak tells whether an offer may speak for its sender under a policy.
func maySpeak(keys keying.Attributes, policy *keying.Policy) bool {
	return policy != nil && keys.MIKEY != nil && policy.Suffices(keying.AuthenticationMIKEY)
}

// sufficient refuses where digest alone is not enough. What a trunk vouches for counts as a digest does.
func (g *Gate) sufficient(policy *keying.Policy) *Reject {
	if policy.Suffices(keying.AuthenticationDigest) {
		return nil
	}
	return g.forbid(ReasonPolicy, "an offer with MIKEY is needed here")
}

// offered admits the offer of an INVITE outside a dialog.
func (g *Gate) offered(r *Request, a *Admitted, keys keying.Attributes, policy *keying.Policy) (*Admitted, *Reject) {
	v, err := g.keyer.Verify(keys, keying.Call{
		Local: g.identity(a.Room), Peer: a.Identity, SDPIDs: a.Offer.SDPIDs(), Policy: policy,
		Secured: g.secured(r, a),
	})
	if err != nil {
		return nil, g.unverified(r, a, keys, policy, err)
	}
	if refusal := g.agree(r, a, v, keys, policy); refusal != nil {
		v.Abandon()
		return nil, refusal
	}
	a.Verified = v
	return a, nil
}

// secured tells whether keys may stand in the clear in a description: it came over TLS, or from a trunk, whose transports the
// configuration names.
func (g *Gate) secured(r *Request, a *Admitted) bool {
	return r.Transport == transportTLS || a.Trunk != "" && g.stillFits(a.Trunk, r)
}

// agree holds the identities of digest or trunk, of MIKEY and of From together, takes the proof that the policy takes, and asks
// the policy of an account that the MIKEY message alone has proven.
func (g *Gate) agree(r *Request, a *Admitted, v *keying.Verified, keys keying.Attributes, policy *keying.Policy) *Reject {
	if !v.Authenticates() {
		if a.Proof == ProofNone {
			return g.challenge(r, ReasonNoProof, false, nil)
		}
		return g.sufficient(policy)
	}
	if a.Proof != ProofNone && v.Identity() != a.Identity || a.Trunk == "" && g.account(v.Identity()) == "" {
		return g.forbid(ReasonWrongIdentity, "MIKEY identity is not who authenticated")
	}
	if r.From.identity() != v.Identity() {
		return g.forbid(ReasonWrongFrom, "From is not who authenticated")
	}
	if a.Proof == ProofNone {
		a.Account, a.Identity = g.account(v.Identity()), v.Identity()
		if policy = g.policy(a.Room, a.who()); policy == nil {
			return &Reject{Status: 404, Reason: ReasonNoRoom}
		}
		if err := policy.Permits(v); err != nil {
			return g.refuseKeys(a.Offer, keys, policy, err)
		}
	}
	digest := policy.Suffices(keying.AuthenticationDigest)
	switch {
	case a.Proof != ProofNone && digest:
	case policy.Suffices(keying.AuthenticationMIKEY):
		a.Proof = ProofMIKEY
	case digest: // the account's policy wants one beside the message, which may come again with it
		return g.challenge(r, ReasonNoProof, false, nil)
	default:
		return g.forbid(ReasonPolicy, "this proof is not enough here")
	}
	return nil
}

// contentType refuses bodies that are no SDP (RFC 3261 section 8.2.3).
func contentType(r *Request) *Reject {
	if len(r.Body) == 0 || r.ContentType == offer.ContentType {
		return nil
	}
	return &Reject{Status: 415, Reason: ReasonContentType, Header: []Field{{"Accept", offer.ContentType}}}
}

// readOffer parses a description and takes out the key management that applies.
func readOffer(body []byte) (*offer.Description, keying.Attributes, error) {
	d, err := offer.Parse(body)
	if err != nil {
		return nil, keying.Attributes{}, err
	}
	keys, err := d.Attributes()
	return d, keys, err
}

// withoutKeys tells whether a description can be used but brings no key management: a re-INVITE that leaves the keys.
func withoutKeys(err error) bool { return errors.Is(err, offer.ErrNoKeyMgmt) }
