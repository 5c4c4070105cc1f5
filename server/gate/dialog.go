package gate

import (
	"net/netip"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs/offer"
)

// inDialog admits a request inside a dialog: from where its proven requests came, or with a digest of its owner, or with
// a new offer that its owner's MIKEY message authenticates. Knowing the dialog's tags is no proof.
func (g *Gate) inDialog(r *Request) (*Admitted, *Reject) {
	a := &Admitted{Identity: r.DialogIdentity, Account: g.account(r.DialogIdentity), Room: r.DialogRoom}
	if sameSource(r.Source, r.DialogSource) {
		a.Proof = ProofDialog
	} else {
		account, refusal := g.digest(r)
		if refusal != nil {
			return nil, refusal
		}
		if account != "" {
			if g.identity(account) != r.DialogIdentity {
				return nil, g.forbid(ReasonWrongIdentity, "the dialog is not of who authenticated")
			}
			a.Proof = ProofDigest
		}
	}
	if a.Proof != ProofNone && r.From.identity() != r.DialogIdentity {
		return nil, g.forbid(ReasonWrongFrom, "From is not whose the dialog is")
	}
	if carriesOffer(r.Method) && len(r.Body) > 0 {
		return g.reoffered(r, a)
	}
	if a.Proof == ProofNone {
		return nil, g.challenge(r, ReasonNoProof, false, nil)
	}
	return a, nil
}

// sameSource compares address and port. For TCP and TLS that is the connection.
func sameSource(a, b netip.AddrPort) bool {
	return a.IsValid() && b.IsValid() && a.Port() == b.Port() && a.Addr().Unmap() == b.Addr().Unmap()
}

// reoffered admits the offer of a re-INVITE or UPDATE. Without key-mgmt, or with the octets of the running agreement, it
// leaves the keys as they are and is not verified again: the replay cache would refuse it. The running octets are no
// proof, since anybody who saw them can send them.
func (g *Gate) reoffered(r *Request, a *Admitted) (*Admitted, *Reject) {
	if refusal := contentType(r); refusal != nil {
		return nil, refusal
	}
	policy := g.policy(r.DialogRoom, Who{Account: a.Account, Trunk: r.DialogTrunk})
	if a.Proof == ProofNone && (policy == nil || !policy.Suffices(keying.AuthenticationMIKEY)) {
		return nil, g.challenge(r, ReasonNoProof, false, nil)
	}
	d, keys, err := readOffer(r.Body)
	if err != nil && !withoutKeys(err) {
		return nil, g.unusable(err)
	}
	a.Offer = d
	if err != nil || r.Running.Same(keys) {
		if a.Proof == ProofNone {
			return nil, g.challenge(r, ReasonNoProof, false, nil)
		}
		return a, nil
	}
	if policy == nil {
		return nil, &Reject{Status: 404, Reason: ReasonNoRoom}
	}
	return g.rekeyed(r, a, d, keys, policy)
}

// rekeyed verifies a new MIKEY message inside a dialog.
func (g *Gate) rekeyed(r *Request, a *Admitted, d *offer.Description, keys keying.Attributes, policy *keying.Policy) (*Admitted, *Reject) {
	v, err := g.keyer.Verify(keys, keying.Call{
		Local: g.identity(r.DialogRoom), Peer: r.DialogIdentity, SDPIDs: d.SDPIDs(), Policy: policy, Running: r.Running,
	})
	switch {
	case err == nil:
	case overloaded(err):
		return nil, busy(mikeyReason(err), err)
	case a.Proof == ProofNone:
		return nil, g.challenge(r, mikeyReason(err), false, err)
	default:
		return nil, g.refuseMIKEY(d, err)
	}
	a.Verified = v
	if a.Proof == ProofNone {
		a.Proof = ProofMIKEY
		if r.From.identity() != r.DialogIdentity {
			v.Abandon()
			return nil, g.forbid(ReasonWrongFrom, "From is not whose the dialog is")
		}
	}
	return a, nil
}
