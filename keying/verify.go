package keying

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/conclave/conclave/keying/mikey"
	"github.com/conclave/conclave/keying/sdes"
)

// Verified is an offer that our policy accepts, and whose sender has proven who it is where the method does that (Authenticates).
// It has changed no state; Respond uses it, once. Whoever drops it without responding calls Abandon.
type Verified struct {
	method Method
	local  string
	suite  Suite // of DTLS ""
	used   atomic.Bool

	// Of MIKEY:
	message     *mikey.Message
	response    mikey.Response
	offer       []byte
	identity    string
	choice      *uint8 // number of the offered policy that we choose for all sessions; nil: the initiator's map stands
	group       Group
	certificate string // kind of the peer's certificate, "" without one
	leaf        peerLeaf
	sha1        bool // signed over SHA-1
	stamp       stamp
	prior       *csbState // the bundle that the offer updates; nil: it opens one
	refresh     bool      // with prior: it brings no keys
	bound       []byte    // with prior: what it binds of its description; nil: nothing

	line sdes.Line // of SDES: the peer's
	dtls DTLS      // of DTLS-SRTP: the peer's
}

// Identity is who sent the offer, a URI; "" where the method does not prove it.
func (v *Verified) Identity() string { return v.identity }

// Method is the method of the offer.
func (v *Verified) Method() Method { return v.method }

// Authenticates says whether the offer itself has proven who sent it; otherwise who calls must be proven by digest, trunk or
// dialog.
func (v *Verified) Authenticates() bool { return v.method.Authenticates() }

// Update says whether the offer updates the running bundle (RFC 3830 section 4.5).
func (v *Verified) Update() bool { return v.prior != nil }

// Refresh says whether the offer is an update that brings no keys.
func (v *Verified) Refresh() bool { return v.refresh }

// Suite is the suite of the offer, "" where a handshake will settle it.
func (v *Verified) Suite() Suite { return v.suite }

// Group is the Diffie-Hellman group of the offer, "" when the method has none.
func (v *Verified) Group() Group { return v.group }

// CSBID is the crypto session bundle of the offer, 0 where the method has none.
func (v *Verified) CSBID() uint32 { return v.stamp.csb }

// Fingerprint is the SHA-256 of the peer's certificate in hex, "" where none is known yet.
func (v *Verified) Fingerprint() string { return v.leaf.fingerprint }

// Offer returns the octets of a MIKEY offer; they must not be changed.
func (v *Verified) Offer() []byte { return v.offer }

// refusal makes Errors about the offer once it was verified.
func (v *Verified) refusal(p *Policy) refusal {
	r := refusal{policy: p, auth: v.Authenticates(), mute: v.message == nil}
	if v.message != nil {
		r.csbID, r.time = v.message.CSBID(), v.message.Timestamp()
	}
	return r
}

// Abandon wipes what the offer's verification left in memory.
func (v *Verified) Abandon() {
	if v != nil && !v.used.Swap(true) {
		v.wipe()
	}
}

func (v *Verified) wipe() {
	if v.response != nil {
		v.response.Wipe()
	}
	v.line.Wipe()
}

// Verify checks an offer as far as can be without Diffie-Hellman and without changing state. Where it brings several methods, the
// policy chooses one, which is then taken or refused. c.Peer may be empty; otherwise the offer must come from that identity.
// Refusals are *Error.
func (k *Keyer) Verify(a Attributes, c Call) (*Verified, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	v := &Verified{local: c.Local}
	r, err := v.choose(a, c)
	if err != nil {
		return nil, err
	}
	switch v.method {
	case SDES:
		err = v.verifySDES(a, c, r)
	case DTLSSRTP:
		err = v.verifyDTLS(a, c, r)
	default:
		err = k.verifyMIKEY(v, a, c, r)
	}
	if err != nil {
		return nil, err
	}
	return v, nil
}

// choose picks the method of an offer.
func (v *Verified) choose(a Attributes, c Call) (refusal, error) {
	r := refusal{policy: c.Policy, mute: true}
	var offered []Method
	if a.MIKEY != nil {
		m, of, err := parse(a.MIKEY, c.Policy)
		if alone := len(a.Crypto) == 0 && a.DTLS == nil; err != nil && (alone || !errors.Is(err, mikey.ErrType)) {
			return of, err
		}
		if err == nil {
			method, offer := methodOf(m, c.Running.bundle())
			if !offer {
				return r, r.refuse(mikey.InvalidDT, ReasonNotAnOffer, fmt.Errorf("message type %d", m.Type()))
			}
			v.message, v.offer, r = m, slices.Clone(a.MIKEY), of
			offered = append(offered, method)
		}
	}
	if a.DTLS != nil {
		offered = append(offered, DTLSSRTP)
	}
	if len(a.Crypto) > 0 {
		offered = append(offered, SDES)
	}
	return v.prefer(offered, c, r)
}

// prefer takes the policy's first. Keys in the clear do not count where the description travels in the clear.
func (v *Verified) prefer(offered []Method, c Call, r refusal) (refusal, error) {
	if len(offered) == 0 {
		return r, r.refuse(mikey.Unspecified, ReasonMalformed, errors.New("no key management"))
	}
	usable := slices.DeleteFunc(slices.Clone(offered), func(m Method) bool { return m == SDES && !c.Secured })
	if v.method = c.Policy.Choose(usable); v.method != "" {
		if !v.method.mikey() {
			v.message, v.offer = nil, nil
			r = refusal{policy: c.Policy, mute: true}
		}
		return r, nil
	}
	if c.Policy.Choose(offered) == SDES {
		return r, r.insecure()
	}
	reason := ReasonMethodRefused
	if slices.ContainsFunc(offered, c.Policy.lacksForwardSecrecy) {
		reason = ReasonForwardSecrecy
	}
	return r, r.refuse(mikey.UnsupportedType, reason, fmt.Errorf("%w: policy %q allows none of %v", ErrPolicy, c.Policy.Name, offered))
}

// parse reads an offer.
func parse(message []byte, policy *Policy) (*mikey.Message, refusal, error) {
	m, err := mikey.Parse(message)
	if err != nil {
		csbID, at, ok := mikey.Peek(message)
		r := refusal{csbID: csbID, time: at, policy: policy, mute: !ok}
		return nil, r, r.mikey("", err)
	}
	return m, refusal{csbID: m.CSBID(), time: m.Timestamp(), policy: policy}, nil
}

// methodOf says which method a message is of, and whether it is an offer. Updates of a bundle that an envelope opened look like
// those under a pre-shared key.
func methodOf(m *mikey.Message, running *csbState) (Method, bool) {
	switch m.Type() {
	case mikey.TypePSKInit:
		if m.Update() && running.enveloped() {
			return running.posture.Method, true
		}
		return MIKEYPSK, true
	case mikey.TypeDHInit:
		return MIKEYDH, true
	case mikey.TypeDHHMACInit:
		return MIKEYDHHMAC, true
	case mikey.TypePKEInit:
		return MIKEYPKE, true
	case mikey.TypeRSARInit:
		return MIKEYRSAR, true
	}
	return "", false
}
