package gate

// A request outside a call that begins none: REGISTER names a device of an account, REFER asks that a seat of an account moves, SUBSCRIBE
// asks who is in a room. All say something about who is reached by whom, or hear of it, so that an account alone may send them, and proves
// itself by a digest or, over TLS, by a certificate of its own; in a subscription each time anew.

// alone admits such a request. A trunk's callers have no devices here.
func (g *Gate) alone(r *Request) (*Admitted, *Reject) {
	if g.trunkOf(r) != nil {
		return nil, g.forbid(ReasonTrunk, "for accounts only")
	}
	account, refusal := g.digest(r)
	if refusal != nil {
		return nil, refusal
	}
	a := &Admitted{Account: account, Proof: ProofDigest}
	if account == "" {
		if a.Account = g.certified(r, r.From.identity()); a.Account == "" {
			return nil, g.challenge(r, ReasonNoProof, false, nil)
		}
		a.Proof = ProofCertificate
	}
	a.Identity = g.identity(a.Account)
	if r.From.identity() != a.Identity {
		return nil, g.forbid(ReasonWrongFrom, "From is not who authenticated")
	}
	if r.Method == "REGISTER" {
		return g.registers(r, a)
	}
	return g.refers(r, a)
}

// certified is the account with that identity where the TLS client has shown a certificate that was issued to it; "" otherwise. Who
// issued it need not be asked: the account's certificates are known one by one.
func (g *Gate) certified(r *Request, identity string) string {
	if r.Transport != transportTLS || len(r.PeerCertificates) == 0 {
		return ""
	}
	leaf, now := r.PeerCertificates[0], g.now()
	if now.Before(leaf.NotBefore) || now.After(leaf.NotAfter) || !g.issued(identity, r.fingerprint()) {
		return ""
	}
	return g.account(identity)
}

// registers admits a registration: of oneself, at our domain (RFC 3261 section 10.3).
func (g *Gate) registers(r *Request, a *Admitted) (*Admitted, *Reject) {
	switch {
	case !g.ours(r.RequestURI):
		return nil, &Reject{Status: 404, Reason: ReasonNoDomain}
	case r.To.identity() != a.Identity:
		return nil, g.forbid(ReasonWrongTo, "To is not who authenticated")
	}
	return a, nil
}

// refers admits a REFER outside a dialog (RFC 4538), or a SUBSCRIBE: to a room that there is. Which of its dialogs it means, and who may
// watch it, is call control's to find. Within a subscription the room is that which the subscription is to.
func (g *Gate) refers(r *Request, a *Admitted) (*Admitted, *Reject) {
	room, named := r.DialogRoom, r.DialogRoom != ""
	if !named {
		room, named = g.room(r.RequestURI)
	}
	if !named || g.policy(room, a.who()) == nil {
		return nil, &Reject{Status: 404, Reason: ReasonNoRoom}
	}
	a.Room = room
	return a, nil
}

// mayRefer takes the proof that a move needs inside a dialog (RFC 3515). It takes the seat to another device, so that it needs more than
// a hold does: whoever reads UDP can write the dialog's address. Callers of trunks have no other device.
func (g *Gate) mayRefer(r *Request, a *Admitted) *Reject {
	if refusal := g.beyondSource(r, a); refusal != nil {
		return refusal
	}
	if a.Proof == ProofNone && a.Trunk == "" && g.certified(r, r.DialogIdentity) != "" {
		a.Proof = ProofCertificate
	}
	switch {
	case a.Proof == ProofNone:
		return g.challenge(r, ReasonNoProof, false, nil)
	case a.Trunk != "":
		return g.forbid(ReasonTrunk, "for accounts only")
	}
	return nil
}
