package legs

import (
	"context"
	"errors"
	"fmt"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs/dialog"
	"github.com/conclave/conclave/legs/offer"
)

// sdpIDs lists the key management protocols that our own offers name (RFC 4567 section 4.1.2).
const sdpIDs = "mikey"

// Outgoing is a call to place.
type Outgoing struct {
	Invitation dialog.Invitation // URI, From, transport, destination and digest credentials; the body is ours to make
	Local      string            // identity of the caller
	Peer       string            // identity of the callee: the room
	Policy     *keying.Policy
	Methods    []keying.Method // in order of preference: a later one is tried, in a new call, where the peer refused the one before with 488
	Suite      keying.Suite // "" = the policy's first
	Group      keying.Group // "" = the policy's first
	Cert       string       // "rsa", "ecdsa" or "" = what there is
	LateOffer  bool         // send the INVITE without an offer and answer the one in the 200

	// OnFallback is told before another method is tried: a weaker call is never placed silently. nil: nobody is told.
	OnFallback func(from, to keying.Method, why *Refused)
}

// Call places a call and waits for its final answer. On success the ACK is sent, the agreement stands and the leg's goroutine
// runs; the owner is not told Confirmed, since Call's return says it. A refusal by the peer is a *Refused.
func (line *Line) Call(ctx context.Context, ep *dialog.Endpoint, o Outgoing, owner Owner) (*Leg, error) {
	l, err := line.newLeg(keying.Call{
		Local: o.Local, Peer: o.Peer, Policy: o.Policy, SDPIDs: sdpIDs, Suite: o.Suite, Group: o.Group, Cert: o.Cert,
	}, owner)
	if err != nil {
		return nil, err
	}
	inv := o.Invitation
	if !o.LateOffer {
		if inv.Body, err = l.makeOffer(ctx, o.Methods[0]); err != nil {
			l.Release()
			return nil, err
		}
		inv.ContentType = offer.ContentType
	}
	var failed error
	inv.Ack = func(resp *dialog.Response) (string, []byte, error) {
		body, err := l.answered(ctx, o, resp.Body)
		failed = err
		if err != nil || body == nil {
			return "", nil, err
		}
		return offer.ContentType, body, nil
	}
	d, resp, err := ep.Invite(ctx, inv)
	switch {
	case failed != nil:
		err = fmt.Errorf("legs: the answer cannot be used: %w", failed)
	case err == nil && d == nil:
		err = refused(resp)
	}
	if err != nil {
		l.Release()
		return nil, err
	}
	l.dlg = d
	l.settle()
	owner.Accepted(l)
	go l.run() //nolint:gosec // the leg outlives the ctx of its set-up
	return l, nil
}

// answered takes the body of the 2xx: the answer to our offer, or the peer's offer, whose answer is returned for the ACK.
func (l *Leg) answered(ctx context.Context, o Outgoing, body []byte) ([]byte, error) {
	if !o.LateOffer {
		return nil, l.completeOffer(ctx, body)
	}
	d, err := offer.Parse(body)
	if err != nil {
		return nil, err
	}
	v, err := l.verify(d)
	if err != nil {
		return nil, err
	}
	if v == nil {
		return nil, errors.New("legs: the peer's offer brings no key agreement")
	}
	return l.answerOffer(ctx, d, v)
}

// verify authenticates the MIKEY message of an offer; nil without an error when there is none, or when it is the octets of
// the running agreement: both leave the keys as they are.
func (l *Leg) verify(d *offer.Description) (*keying.Verified, error) {
	keys, err := d.Attributes()
	if errors.Is(err, offer.ErrNoKeyMgmt) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if l.agreement != nil && l.agreement.Running.Same(keys) {
		return nil, nil
	}
	call := l.call
	call.SDPIDs = d.SDPIDs()
	return l.line.Keyer.Verify(keys, call)
}
