package keying

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/conclave/conclave/keying/mikey"
)

// Initiation is an exchange that we began. It belongs to one leg; Complete or Abandon ends it.
type Initiation struct {
	keyer      *Keyer
	half       half
	attributes Attributes
	call       Call
	method     Method
	suite      Suite // of SDES the first of those offered, of DTLS ""
	group      Group
	csbID      uint32
	handsOver  bool // the TGK is that of another leg
	ended      atomic.Bool
}

// half is one method's half of an exchange that we began.
type half interface {
	// begin makes the offer.
	begin(ctx context.Context, i *Initiation, r refusal) error
	// check looks at an answer. One that is refused changes nothing: anybody may have sent it.
	check(i *Initiation, answer Attributes, r refusal) error
	// conclude makes the agreement out of the answer that was checked.
	conclude(ctx context.Context, i *Initiation, r refusal) (*Agreement, error)
	// wipe may come at any time.
	wipe()
}

// Attributes are what the offer says; they must not be changed. Those of SDES are gone once the exchange has ended.
func (i *Initiation) Attributes() Attributes { return i.attributes }

// CSBID is the crypto session bundle of the offer, 0 where the method has none; an error message about it bears the same (ReadHint).
func (i *Initiation) CSBID() uint32 { return i.csbID }

// HandsOver says that the offer brings the TGK of the leg that Call.Handover names.
func (i *Initiation) HandsOver() bool { return i.handsOver }

// Method is the method of the offer.
func (i *Initiation) Method() Method { return i.method }

// Abandon wipes the exchange; it may be called at any time, also after Complete.
func (i *Initiation) Abandon() {
	if i != nil && !i.ended.Swap(true) {
		i.half.wipe()
	}
}

// Initiate makes an offer to c.Peer. With c.Running the offer renews its keys: by an update of its bundle where method and peer
// allow that, by a whole new exchange otherwise. Diffie-Hellman and signatures run in the Pool. Refusals are *Error without
// Message.
func (k *Keyer) Initiate(ctx context.Context, m Method, c Call) (*Initiation, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if c.Peer == "" {
		return nil, fmt.Errorf("%w: no peer", ErrCall)
	}
	if c.Refresh && (c.Running.bundle() == nil || c.Running.Method() != m) {
		return nil, fmt.Errorf("%w: nothing runs that a refresh by %s could prove", ErrCall, m)
	}
	if err := c.checkHandover(); err != nil {
		return nil, err
	}
	i := &Initiation{keyer: k, call: c, method: m}
	r := refusal{policy: c.Policy, mute: true}
	if err := i.choose(r); err != nil {
		return nil, err
	}
	switch {
	case m == SDES:
		i.half = &sdesOffer{}
	case m == DTLSSRTP:
		i.half = &dtlsOffer{}
	default:
		i.half = newMIKEYOffer(c, m)
	}
	if err := i.half.begin(ctx, i, r); err != nil {
		i.half.wipe()
		return nil, err
	}
	return i, nil
}

// choose settles method, suite and group within the policy.
func (i *Initiation) choose(r refusal) error {
	p := i.call.Policy
	if s := p.refusesMethod(i.method); s != nil {
		return r.refuse(s.number, s.reason, s.err)
	}
	i.suite = i.call.Suite
	if i.suite == "" && len(p.Suites) > 0 {
		i.suite = p.Suites[0]
	}
	if !p.AllowsSuite(i.suite) || i.suite.KeyLen() == 0 {
		return r.refuse(mikey.InvalidSPpar, ReasonNoCommonSuite, fmt.Errorf("%w: %q", ErrUnknownSuite, i.suite))
	}
	if !i.method.agreesGroup() {
		return nil
	}
	i.group = i.call.Group
	if i.group == "" {
		i.group = p.group()
	}
	if _, known := i.group.mikeyGroup(); !known || !p.AllowsGroup(i.group) {
		return r.refuse(mikey.InvalidDH, ReasonNoCommonGroup, fmt.Errorf("%w: %q", ErrUnknownGroup, i.group))
	}
	return nil
}

// Complete checks the peer's answer, runs our half of the Diffie-Hellman or the RSA decryption in the Pool and returns the
// agreement. A refused answer leaves the exchange open: anybody may have sent it. Refusals are *Error without Message.
func (i *Initiation) Complete(ctx context.Context, answer Attributes) (*Agreement, error) {
	r := refusal{policy: i.call.Policy, mute: true}
	if i.ended.Load() {
		return nil, r.refuse(mikey.Unspecified, ReasonNotAnAnswer, ErrAbandoned)
	}
	if err := i.half.check(i, answer, r); err != nil {
		return nil, err
	}
	r.auth = i.method.Authenticates()
	if i.ended.Swap(true) {
		return nil, r.refuse(mikey.Unspecified, ReasonNotAnAnswer, ErrAbandoned)
	}
	defer i.half.wipe()
	return i.half.conclude(ctx, i, r)
}
