package keying

import (
	"bytes"
	"slices"

	"github.com/conclave/conclave/keying/mikey"
)

// csbState is what a running agreement of MIKEY keeps. Its bundle holds the envelope key of MIKEYPKE and MIKEYRSAR;
// the TGK is there only where the policy lets it go to another device.
type csbState struct {
	csb     *mikey.CSB
	role    Role     // ours in the exchange that the keys are of
	offers  [][]byte // the I_MESSAGE that the keys are of, and that of the newest refresh
	parties parties
	streams streams  // as of the first exchange, whoever asks for updates
	posture Posture  // as of the keys
	mkis    [][]byte // of the newest keys first, at least one and at most keptMKIs
	bound   []byte   // the addresses that the peer has bound last; nil: none
	fresh   bool     // renewed by whole exchanges: the peer's profile
	tgk     Secret   // of the keys, where the policy says MoveRunning; guarded by Running.mu
	begin   bool     // we have what a whole exchange of the method takes
	leaf    peerLeaf
	cert    string // kind of the certificate that we showed
}

// parties are the two identities of a leg.
type parties struct{ local, peer string }

// same: no key management in an offer leaves the keys as well (RFC 4567 section 3.1). But only an update moves addresses that were
// bound: anybody on the way could have taken it out.
func (s *csbState) same(a Attributes) bool {
	if !stands(s.bound, a.Addresses) {
		return false
	}
	return a.Empty() || slices.ContainsFunc(s.offers, func(offer []byte) bool { return bytes.Equal(offer, a.MIKEY) })
}

func (s *csbState) repeat() Attributes {
	if s.role != Initiator {
		return Attributes{}
	}
	return Attributes{MIKEY: s.offers[0]}
}

func (s *csbState) reply(Attributes) Attributes { return Attributes{} }

// canUpdate: what the bundle cannot, a whole new exchange can, if we have what it takes.
func (s *csbState) canUpdate() bool { return s.updates() || s.begin }

// updates says whether keys are renewed by updates of the bundle.
func (s *csbState) updates() bool { return !s.fresh && s.csb.CanUpdate() }

// enveloped says whether updates are under an envelope key; nil is no bundle.
func (s *csbState) enveloped() bool { return s != nil && s.csb.Enveloped() }

// usedMKIs are those that new keys must not have; nil is no bundle.
func (s *csbState) usedMKIs() [][]byte {
	if s == nil {
		return nil
	}
	return s.mkis
}

func (s *csbState) wipe() {
	s.csb.Wipe()
	s.tgk.Wipe()
}

// bundle is the state of a running agreement of MIKEY; nil without one.
func (r *Running) bundle() *csbState {
	s, _ := r.state().(*csbState)
	return s
}
