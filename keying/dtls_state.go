package keying

import (
	"bytes"
	"slices"
)

// dtlsState is what a running agreement of DTLS-SRTP keeps: what both ends said of the association. Setup of own is the part that
// we took.
type dtlsState struct{ own, theirs DTLS }

// same: the association stays while certificate and identifier do (RFC 8842 section 5.1). Who would begin a new one does not
// matter.
func (s *dtlsState) same(a Attributes) bool {
	if a.DTLS == nil {
		return false
	}
	d, err := a.DTLS.usable()
	if err != nil || d.TLSID != s.theirs.TLSID || len(d.Fingerprints) != len(s.theirs.Fingerprints) {
		return false
	}
	return s.knows(d)
}

// knows says whether all fingerprints of a description are those of the running association: its certificate, and no other beside it.
func (s *dtlsState) knows(d DTLS) bool {
	for _, f := range d.Fingerprints {
		same := func(g Fingerprint) bool { return g.Hash == f.Hash && bytes.Equal(g.Value, f.Value) }
		if !slices.ContainsFunc(s.theirs.Fingerprints, same) {
			return false
		}
	}
	return true
}

func (s *dtlsState) repeat() Attributes {
	own := s.own
	own.Setup = setupActPass
	return Attributes{DTLS: &own}
}

func (s *dtlsState) reply(a Attributes) Attributes {
	if !s.same(a) {
		return Attributes{}
	}
	own := s.own
	return Attributes{DTLS: &own}
}

// canUpdate: without identifiers a peer takes an offer with the same certificate for the association that it has.
func (s *dtlsState) canUpdate() bool { return s.own.TLSID != "" && s.theirs.TLSID != "" }

func (s *dtlsState) wipe() {}

// association is the state of a running agreement of DTLS-SRTP; nil without one.
func (r *Running) association() *dtlsState {
	s, _ := r.state().(*dtlsState)
	return s
}
