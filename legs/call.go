package legs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

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
	Suite      keying.Suite    // "" = the policy's first
	Group      keying.Group    // "" = the policy's first
	Cert       string          // "rsa", "ecdsa" or "" = what there is
	Codecs     []string        // by preference; empty: the line's
	Handover   *keying.Running // of a leg of the same two: where the policy says so, and a pre-shared key allows it, its TGK is what we send
	Secured    bool            // a=crypto may be used although the transport is not TLS: the peer named us an exception (a trunk)
	LateOffer  bool            // send the INVITE without an offer and answer the one in the 200; then Methods are the policy's matter

	// OnDialog is told of the leg and of the dialog that a 2xx makes, before anything that comes in it is looked at. It may be told of several,
	// one after another: of what was before, or is when Call fails, nothing comes. nil: nobody is told.
	OnDialog func(*Leg, *dialog.Dialog)
	// OnFallback is told before another method is tried: a weaker call is never placed silently. nil: nobody is told.
	OnFallback func(from, to keying.Method, why *Refused)
}

// Call places a call and waits for its final answer. On success the ACK is sent, the agreement stands (its keys follow where a
// handshake makes them) and the leg's goroutine runs; the owner is not told Confirmed, since Call's return says it. A refusal by
// the peer is a *Refused.
func (line *Line) Call(ctx context.Context, ep *dialog.Endpoint, o Outgoing, owner Owner) (*Leg, error) {
	methods := o.Methods
	if o.LateOffer {
		methods = []keying.Method{""} // the peer chooses
	}
	if len(methods) == 0 {
		return nil, fmt.Errorf("%w: no method to offer", keying.ErrUnsupportedMethod)
	}
	for {
		m := methods[0]
		l, err := line.place(ctx, ep, o, m, owner)
		methods = methods[1:]
		var r *Refused
		switch {
		case errors.Is(err, errPassedOver):
			r = &Refused{Status: 488, Reason: "Not Acceptable Here", Warning: "the answer is without MIKEY"}
			methods = slices.DeleteFunc(slices.Clone(methods), keying.Method.Authenticates) // and so would be every other
		case !errors.As(err, &r) || r.Status != 488:
			return l, err
		}
		if len(methods) == 0 {
			return l, err
		}
		if o.OnFallback != nil {
			o.OnFallback(m, methods[0], r)
		}
	}
}

// errPassedOver says that the peer took a call without a word to the MIKEY message that it was offered: a phone that knows no
// MIKEY may well not refuse it.
var errPassedOver = errors.New("legs: the answer is without MIKEY")

// place places one call, with one method.
func (line *Line) place(ctx context.Context, ep *dialog.Endpoint, o Outgoing, m keying.Method, owner Owner) (*Leg, error) {
	l, err := line.newLeg(keying.Call{
		Local: o.Local, Peer: o.Peer, Policy: o.Policy, SDPIDs: sdpIDs, Suite: o.Suite, Group: o.Group, Cert: o.Cert,
		Secured: o.Secured || o.Invitation.Transport == "tls",
	}, owner)
	if err != nil {
		return nil, err
	}
	if near, err := l.reach(o.Invitation.Remote().Addr()); err == nil { // else the callee may still be of both families
		l.local.Addr = near
	}
	if m == keying.MIKEYPSK {
		l.call.Handover = o.Handover
	}
	if len(o.Codecs) > 0 {
		l.local.Codecs = o.Codecs
	}
	if err := l.invite(ctx, ep, o, m); err != nil {
		l.Release()
		return nil, err
	}
	l.call.Handover = nil
	l.settle()
	owner.Accepted(l)
	l.start() // it outlives the ctx of its set-up
	return l, nil
}

// invite sends the INVITE and takes its answer, which brings the dialog.
func (l *Leg) invite(ctx context.Context, ep *dialog.Endpoint, o Outgoing, m keying.Method) error {
	inv := o.Invitation
	if !o.LateOffer {
		var err error
		if inv.Body, err = l.firstOffer(ctx, m); err != nil {
			return err
		}
		inv.ContentType = offer.ContentType
	}
	inv.OnDialog = func(d *dialog.Dialog) {
		l.dlg = d
		if o.OnDialog != nil {
			o.OnDialog(l, d)
		}
	}
	var failed error
	inv.Ack = func(resp *dialog.Response) (contentType string, body []byte, err error) {
		if o.LateOffer {
			contentType = offer.ContentType
			body, err = l.answerLate(ctx, resp.Body)
		} else {
			err = l.completeOffer(ctx, resp.Body)
		}
		if failed = err; err == nil {
			l.session.adopt(resp, time.Now())
		}
		return contentType, body, err
	}
	d, resp, err := ep.Invite(ctx, inv)
	switch {
	case failed != nil:
		return fmt.Errorf("%w: %w", ErrAnswer, failed)
	case err == nil && d == nil:
		r := refused(resp)
		if l.initiation != nil {
			r.hint(resp.Body, l.initiation.CSBID())
		}
		return r
	}
	return err
}

// answerLate answers the peer's offer in its 200, for the ACK.
func (l *Leg) answerLate(ctx context.Context, body []byte) ([]byte, error) {
	d, err := offer.Parse(body)
	if err != nil {
		return nil, err
	}
	v, err := l.verify(d)
	if err != nil {
		return nil, err
	}
	return l.answerOffer(ctx, d, v)
}
