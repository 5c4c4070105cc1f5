package legs

import (
	"context"
	"errors"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs/dialog"
	"github.com/conclave/conclave/legs/offer"
)

// Readmission is what the admission of a request inside a dialog brings to the leg: the offer, parsed, and its key agreement,
// verified. A leg whose side has no gate (a caller) verifies it itself.
type Readmission interface {
	Readmitted() (*offer.Description, *keying.Verified)
}

// errSettling says that an offer of new keys came before the last ones were made: the peer may try again.
var errSettling = &Reject{Status: 491, Reason: "settling", Err: errors.New("legs: the handshake of the last offer is not over")}

// reoffered answers a re-INVITE or UPDATE of the peer: always by a fresh answer to the offer it holds. A refused offer leaves
// everything as it was (RFC 3261 section 14.2). While an offer of ours is under way the dialog answers 491 itself.
func (l *Leg) reoffered(ev dialog.Event) {
	ctx, cancel := context.WithTimeout(context.Background(), negotiationTimeout)
	defer cancel()
	a := &answering{update: ev.Kind == dialog.Update}
	session := l.session
	fields, err := session.heed(ev.Request, time.Now())
	var body []byte
	if err == nil {
		a.fields = fields
		body, err = l.reanswer(ctx, ev, a)
	}
	if a.rekey && !errors.Is(err, errSettling) && !errors.Is(err, dialog.ErrCancelled) { // which the peer makes again, or took back
		defer func() {
			if err != nil || !l.shaking { // else the handshake tells
				l.rekeyed(false, err)
			}
		}()
	}
	if err != nil {
		r := l.reject(err, a.offer)
		l.line.Log.Info("refused an offer within the call", "leg", l.id, "reason", r.Reason, "err", r.Err)
		ev.Reply(r.Response())
		return
	}
	l.session = session
	l.announced()
	ev.Reply(a.accepting(body))
	if l.State() != Answered {
		l.settle()
	}
}

// accepting is the 200 with a description, or without one.
func (a *answering) accepting(body []byte) dialog.Response {
	resp := dialog.Response{Status: 200, Header: a.fields}
	if body != nil {
		resp.ContentType, resp.Body = offer.ContentType, body
	}
	return resp
}

// answering is one offer of the peer's on its way through the leg.
type answering struct {
	update bool // an UPDATE: no ACK will come (RFC 3311)
	offer  *offer.Description
	rekey  bool                 // it changes the keys, or would have
	fields []dialog.HeaderField // of our 2xx
}

// reanswer makes the body of the 200 to a re-INVITE or UPDATE.
func (l *Leg) reanswer(ctx context.Context, ev dialog.Event, a *answering) (body []byte, err error) {
	if len(ev.Request.Body) == 0 {
		if a.update {
			return nil, nil // a target refresh only (RFC 3311 section 5.2)
		}
		if body, err = l.repeatOffer(); err == nil {
			err = ev.Sendable(a.accepting(body))
		}
		l.offered = err == nil
		return body, err
	}
	var v *keying.Verified
	if r, ok := ev.Admitted.(Readmission); ok {
		a.offer, v = r.Readmitted()
	} else {
		if a.offer, err = offer.Parse(ev.Request.Body); err != nil {
			return nil, err
		}
		if v, err = l.verify(a.offer); err != nil {
			var refused *keying.Error
			a.rekey = errors.As(err, &refused)
			return nil, err
		}
	}
	a.rekey = v != nil && !v.Refresh()
	if v != nil && l.shaking {
		v.Abandon()
		return nil, errSettling
	}
	body, err = l.answerIf(ctx, a.offer, v, func(body []byte) error { return ev.Sendable(a.accepting(body)) })
	if err == nil && a.update {
		l.switchWithin(switchPatience) // at its first packet under the new keys, or when it has our 200 for certain
	}
	return body, err
}
