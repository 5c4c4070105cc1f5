package gate

import (
	"github.com/conclave/conclave/keying"
)

// inDialog admits a request inside a dialog: from where its proven requests came; in an account's dialog with a digest of its
// owner, or with a new offer that its owner's MIKEY message authenticates; in a trunk's from that trunk again. Knowing the
// dialog's tags is no proof. New keys may need more (mayRekey), as do keys of the keypad, and a move does (mayRefer).
func (g *Gate) inDialog(r *Request) (*Admitted, *Reject) {
	a := &Admitted{Identity: r.DialogIdentity, Trunk: r.DialogTrunk, Room: r.DialogRoom}
	if a.Trunk == "" {
		a.Account = g.account(r.DialogIdentity)
	}
	if refusal := g.proveDialog(r, a); refusal != nil {
		return nil, refusal
	}
	if r.Method == "REFER" {
		if refusal := g.mayRefer(r, a); refusal != nil {
			return nil, refusal
		}
	}
	if r.Method == "INFO" && len(r.Body) > 0 { // keys: whoever reads UDP could have somebody heard who is muted, or open a room
		if refusal := g.beyondSource(r, a); refusal != nil {
			return nil, refusal
		}
	}
	if a.Proof != ProofNone && r.From.identity() != r.DialogIdentity {
		return nil, g.forbid(ReasonWrongFrom, "From is not whose the dialog is")
	}
	// Its calls are being ended; till then they do no more than end.
	if a.Proof != ProofNone && a.Trunk == "" && r.Method != "BYE" && !g.enabled(a.Account) {
		return nil, g.forbid(ReasonAccountClosed, "the account is closed")
	}
	if a.Proof != ProofNone && showsKeys(r) && !g.secured(r, a) {
		return nil, &Reject{
			Status: 488, Reason: keyingPrefix + keying.ReasonInsecureSignalling,
			Warning: g.warning(306, keying.Words(keying.ReasonInsecureSignalling)),
		}
	}
	if carriesOffer(r.Method) && len(r.Body) > 0 {
		return g.reoffered(r, a)
	}
	if a.Proof == ProofNone {
		return nil, g.challenge(r, ReasonNoProof, false, nil)
	}
	return a, nil
}

// proveDialog looks for a proof beside the body. A digest means nothing in a trunk's dialog: an account that bears the name of
// its caller by now, or by chance, is somebody else.
func (g *Gate) proveDialog(r *Request, a *Admitted) *Reject {
	if r.fromDialog() {
		a.Proof = ProofDialog
		return nil
	}
	if a.Trunk != "" {
		if g.stillFits(a.Trunk, r) {
			a.Proof = ProofTrunk
		}
		return nil
	}
	return g.proveOwner(r, a)
}

// proveOwner looks for a digest of the dialog's owner; none is no refusal.
func (g *Gate) proveOwner(r *Request, a *Admitted) *Reject {
	account, refusal := g.digest(r)
	if refusal != nil || account == "" {
		return refusal
	}
	if g.identity(account) != r.DialogIdentity {
		return g.forbid(ReasonWrongIdentity, "the dialog is not of who authenticated")
	}
	a.Proof = ProofDigest
	return nil
}

// showsKeys tells whether our answer would bear a key in the clear: in a call of SDES the answer to an offer does, and so does the
// offer that a re-INVITE without one asks for.
func showsKeys(r *Request) bool {
	return r.Running.Method() == keying.SDES && (r.Method == "INVITE" || carriesOffer(r.Method) && len(r.Body) > 0)
}

// fromDialog compares transport, address and port with those of the dialog. For TCP and TLS that is the connection; a datagram
// with the address of a connection is not of it.
func (r *Request) fromDialog() bool {
	a, b := r.Source, r.DialogSource
	return r.Transport == r.DialogTransport && a.IsValid() && b.IsValid() && a.Port() == b.Port() && a.Addr().Unmap() == b.Addr().Unmap()
}

// reoffered admits the offer of a re-INVITE or UPDATE. One that brings the running key management again leaves the keys as they
// are and is not verified again: the replay cache would refuse it. What runs is no proof, since anybody who saw it can send it.
func (g *Gate) reoffered(r *Request, a *Admitted) (*Admitted, *Reject) {
	if refusal := contentType(r); refusal != nil {
		return nil, refusal
	}
	d, keys, err := readOffer(r.Body)
	if err != nil && !withoutKeys(err) {
		return nil, g.unusable(err)
	}
	a.Offer = d
	policy := g.policy(r.DialogRoom, a.who())
	leaves := leavesKeys(r.Running, keys)
	switch {
	case a.Proof == ProofNone && (leaves || a.Trunk != "" || !maySpeak(keys, policy)):
		return nil, g.challenge(r, ReasonNoProof, false, nil)
	case leaves:
		return a, nil
	case err != nil:
		return nil, g.unusable(err)
	case policy == nil:
		return nil, &Reject{Status: 404, Reason: ReasonNoRoom}
	}
	return g.rekeyed(r, a, keys, policy)
}

// leavesKeys tells whether an offer leaves the running keys. MIKEY alone lets it say nothing of them (RFC 4567 section 3.1.3);
// SDES and DTLS repeat what runs. Where nothing runs yet the leg has to say.
func leavesKeys(running *keying.Running, keys keying.Attributes) bool {
	if running == nil {
		return keys.Empty()
	}
	return running.Same(keys)
}

// rekeyed verifies new key management inside a dialog.
func (g *Gate) rekeyed(r *Request, a *Admitted, keys keying.Attributes, policy *keying.Policy) (*Admitted, *Reject) {
	v, err := g.keyer.Verify(keys, keying.Call{
		Local: g.identity(r.DialogRoom), Peer: r.DialogIdentity, SDPIDs: a.Offer.SDPIDs(), Policy: policy, Running: r.Running,
		Secured: g.secured(r, a),
	})
	if err != nil {
		return nil, g.unverified(r, a, keys, policy, err)
	}
	if refusal := g.mayRekey(r, a, v, policy); refusal != nil {
		v.Abandon()
		return nil, refusal
	}
	a.Verified = v
	return a, nil
}

// mayRekey takes the proof that new key management needs inside a dialog. That of MIKEY is its own. SDES and DTLS prove nobody, and
// whoever reads the signalling can write a packet with its source address: so that he does not put keys of his own in the place
// of those that run, an address counts for them where it is that of a TLS connection or of a trunk. Otherwise they need a digest.
func (g *Gate) mayRekey(r *Request, a *Admitted, v *keying.Verified, policy *keying.Policy) *Reject {
	if v.Authenticates() {
		if a.Proof != ProofNone {
			return nil
		}
		if r.From.identity() != r.DialogIdentity {
			return g.forbid(ReasonWrongFrom, "From is not whose the dialog is")
		}
		a.Proof = ProofMIKEY
		return nil
	}
	if refusal := g.beyondSource(r, a); refusal != nil {
		return refusal
	}
	if a.Proof == ProofNone {
		return g.challenge(r, ReasonNoProof, false, nil)
	}
	return g.sufficient(policy)
}

// beyondSource looks for a better proof where all there is is the source address of an account's dialog, in the clear.
func (g *Gate) beyondSource(r *Request, a *Admitted) *Reject {
	if a.Proof != ProofDialog || a.Trunk != "" || r.Transport == transportTLS {
		return nil
	}
	a.Proof = ProofNone
	return g.proveOwner(r, a)
}
