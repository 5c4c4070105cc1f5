package mikey

import (
	"bytes"
	"fmt"
	"slices"
)

// checkPolicies holds SP payloads and map against each other: numbers once, SRTP only, and every CS names a policy
// that is there. No SP at all means SRTP's defaults for every CS.
func checkPolicies(ps []Policy, ss []Session) error {
	var there [256]bool
	for _, p := range ps {
		if p.Protocol != ProtocolSRTP || there[p.Number] {
			return fmt.Errorf("%w: policy %d of protocol %d", ErrPolicy, p.Number, p.Protocol)
		}
		there[p.Number] = true
	}
	for i, s := range ss {
		if len(ps) > 0 && !there[s.Policy] {
			return fmt.Errorf("%w: CS %d names policy %d", ErrPolicy, i+1, s.Policy)
		}
	}
	return nil
}

// checkInit holds an I_MESSAGE against what every exchange here needs. prior is the CSB an update continues, or nil.
func (m *Message) checkInit(want Type, prior *CSB) error {
	switch {
	case m.header.typ != want:
		return fmt.Errorf("%w: message type %d", ErrExchange, m.header.typ)
	case !m.header.prf.known():
		return fmt.Errorf("%w: %d", ErrPRF, m.header.prf)
	case m.header.mapType != MapSRTP:
		return fmt.Errorf("%w: type %d", ErrMap, m.header.mapType)
	case want == TypeRSARInit && m.RAND() == nil:
		return nil // RFC 4738 section 3.4: the responder may be left to choose it
	case prior == nil && len(m.RAND()) < minRAND:
		return fmt.Errorf("%w: RAND of %d octets", ErrExchange, len(m.RAND()))
	case prior != nil:
		return prior.checkUpdate(m)
	}
	return nil
}

// checkUpdate tells whether m is an update of this bundle. RFC 3830 section 4.5: the first RAND stays in every label.
func (c *CSB) checkUpdate(m *Message) error {
	if m.RAND() != nil || m.header.csbID != c.id || m.header.prf != c.prf || m.header.typ != c.update {
		return fmt.Errorf("%w: not an update of this CSB", ErrExchange)
	}
	if err := c.checkMap(m.header.sessions); err != nil {
		return err
	}
	return c.clock.check(m.Timestamp())
}

// checkPolicies holds the policies of an I_MESSAGE against its map.
func (m *Message) checkPolicies(prior *CSB) error {
	if prior != nil {
		return prior.checkPolicies(m.Policies(), m.header.sessions, m.keyless())
	}
	return checkPolicies(m.Policies(), m.header.sessions)
}

// checkResponse holds R against the I_MESSAGE it answers, before its authentication is looked at. prior is the bundle that the
// exchange updates, or nil.
func checkResponse(i, r *Message, want Type, prior *CSB) error {
	if r.header.typ == want && r.Timestamp() != i.Timestamp() {
		return ErrTimestamp
	}
	return checkAnswer(i, r, want, prior)
}

// checkAnswer is checkResponse for an R whose time stamp may be its own.
func checkAnswer(i, r *Message, want Type, prior *CSB) error {
	switch {
	case r.header.csbID != i.header.csbID:
		return fmt.Errorf("%w: another CSB", ErrExchange)
	case r.header.typ == TypeError:
		return fmt.Errorf("%w: numbers %v", ErrPeer, r.ErrorNumbers())
	case r.header.typ != want:
		return fmt.Errorf("%w: message type %d", ErrExchange, r.header.typ)
	case r.header.prf != i.header.prf:
		return fmt.Errorf("%w: answered with PRF %d", ErrPRF, r.header.prf)
	}
	if err := checkMap(i.header, r.header); err != nil {
		return err
	}
	if prior != nil {
		if err := prior.checkMap(r.header.sessions); err != nil {
			return err
		}
	}
	return checkIdentities(i, r)
}

// checkMap: R repeats the map and fills in the SSRCs that the initiator left open, and nothing else. An RSA-R responder may
// also choose among the policies offered; that it chose one of them is checked with R's policies.
func checkMap(i, r header) error {
	if r.mapType != i.mapType || len(r.sessions) != len(i.sessions) {
		return fmt.Errorf("%w: %d sessions answered with %d", ErrMap, len(i.sessions), len(r.sessions))
	}
	for n, s := range i.sessions {
		got := r.sessions[n]
		if r.typ == TypeRSARResp {
			got.Policy = s.Policy
		}
		if got.Policy != s.Policy || s.SSRC != 0 && got != s {
			return fmt.Errorf("%w: CS %d was changed", ErrMap, n+1)
		}
	}
	return nil
}

// checkIdentities: R repeats IDi where its type has one, without which a signature would not say to whom the responder
// speaks, and names no other responder than the one asked for.
func checkIdentities(i, r *Message) error {
	iWant, rWant, haveI, haveR := i.identities()
	iGot, rGot, gotI, gotR := r.identities()
	if (r.header.typ == TypeDHResp || r.header.typ == TypeDHHMACResp) && haveI && !gotI {
		return fmt.Errorf("%w: no IDi", ErrIdentity)
	}
	if gotI && haveI && iGot != iWant || gotR && haveR && rGot != rWant {
		return fmt.Errorf("%w: another identity", ErrIdentity)
	}
	return nil
}

// fill puts the responder's SSRCs where the initiator left 0. These streams are the responder's, and it knows their counters.
func (a Answer) fill(sessions []Session) []Session {
	out := slices.Clone(sessions)
	for i := range out {
		if own, ours := a.SSRC[uint8(i+1)]; ours && out[i].SSRC == 0 {
			out[i].SSRC, out[i].ROC = own, a.ROC[uint8(i+1)]
		}
	}
	return out
}

// check refuses an answer that does not fit the wire format.
func (a Answer) check() error {
	if len(a.VendorExt) > MaxVendorExt || len(a.MKI) > maxMKI {
		return fmt.Errorf("%w: extension or MKI too long", ErrParams)
	}
	return nil
}

// equal compares two DH payloads octet for octet.
func (p dhPayload) equal(q dhPayload) bool {
	return bytes.Equal(p.append(nil, 0), q.append(nil, 0))
}
