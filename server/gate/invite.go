package gate

import (
	"errors"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs/offer"
)

// invite admits an INVITE outside a dialog. Digest comes first, since it is cheapest; a description is parsed for
// strangers only where the policy lets the MIKEY message in it speak for its sender.
func (g *Gate) invite(r *Request) (*Admitted, *Reject) {
	if refusal := contentType(r); refusal != nil {
		return nil, refusal
	}
	account, refusal := g.digest(r)
	if refusal != nil {
		return nil, refusal
	}
	a := &Admitted{Account: account}
	if account != "" {
		a.Identity, a.Proof = g.identity(account), ProofDigest
		if r.From.identity() != a.Identity {
			return nil, g.forbid(ReasonWrongFrom, "From is not who authenticated")
		}
	}
	room, named := g.room(r.RequestURI)
	var policy *keying.Policy
	if named {
		policy = g.policy(room, Who{Account: account})
	}
	if account == "" && (policy == nil || len(r.Body) == 0 || !policy.Suffices(keying.AuthenticationMIKEY)) {
		return nil, g.challenge(r, ReasonNoProof, false, nil)
	}
	if policy == nil {
		return nil, &Reject{Status: 404, Reason: ReasonNoRoom}
	}
	a.Room = room
	if len(r.Body) == 0 {
		if !policy.Suffices(keying.AuthenticationDigest) {
			return nil, g.forbid(ReasonPolicy, "an offer with MIKEY is needed")
		}
		return a, nil
	}
	return g.offered(r, a, policy)
}

// offered admits the offer of an INVITE outside a dialog.
func (g *Gate) offered(r *Request, a *Admitted, policy *keying.Policy) (*Admitted, *Reject) {
	d, keys, err := readOffer(r.Body)
	if err != nil {
		return nil, g.unusable(err)
	}
	v, err := g.keyer.Verify(keys, keying.Call{Local: g.identity(a.Room), SDPIDs: d.SDPIDs(), Policy: policy})
	switch {
	case err == nil:
	case overloaded(err):
		return nil, busy(mikeyReason(err), err)
	case a.Proof == ProofNone:
		return nil, g.challenge(r, mikeyReason(err), false, err)
	default:
		return nil, g.refuseMIKEY(d, err)
	}
	if refusal := g.agree(r, a, v, policy); refusal != nil {
		v.Abandon()
		return nil, refusal
	}
	a.Offer, a.Verified = d, v
	return a, nil
}

// agree holds the identities of digest, MIKEY and From together, and takes the proof that the policy takes.
func (g *Gate) agree(r *Request, a *Admitted, v *keying.Verified, policy *keying.Policy) *Reject {
	account := g.account(v.Identity())
	if account == "" || a.Proof == ProofDigest && account != a.Account {
		return g.forbid(ReasonWrongIdentity, "MIKEY identity is not who authenticated")
	}
	if r.From.identity() != v.Identity() {
		return g.forbid(ReasonWrongFrom, "From is not who authenticated")
	}
	if a.Proof != ProofDigest || !policy.Suffices(keying.AuthenticationDigest) {
		if !policy.Suffices(keying.AuthenticationMIKEY) {
			return g.forbid(ReasonPolicy, "this proof is not enough")
		}
		a.Proof = ProofMIKEY
	}
	a.Account, a.Identity = account, v.Identity()
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
