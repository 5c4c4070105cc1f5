package legs

import (
	"context"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs/dialog"
	"github.com/conclave/conclave/legs/offer"
)

// Admission is a call that was let in: what is known of its caller and what it offers.
type Admission struct {
	Local, Peer string             // identities of both sides for the agreement: the room's and the caller's
	Policy      *keying.Policy     // what the agreement may be
	Offer       *offer.Description // nil: the INVITE had none, we offer in the 200 (late offer)
	Verified    *keying.Verified   // the offer's MIKEY message, authenticated; nil in a late offer
	Method      keying.Method      // of our own offer, when it is late
	Codecs      []string           // by preference; empty: the line's
	Secured     bool               // what carries the descriptions is encrypted, or was named an exception: a=crypto may be used
}

// Prepare opens a leg for an admitted call and makes the body of its 200: the answer, or our offer when the INVITE had none.
// Nothing is sent yet; the caller puts the stream where it is ticked and then calls Accept, or Release to give up.
// A refusal is a *Reject.
func (line *Line) Prepare(ctx context.Context, a Admission, owner Owner) (*Leg, error) {
	ctx, cancel := context.WithTimeout(ctx, negotiationTimeout)
	defer cancel()
	l, err := line.newLeg(keying.Call{Local: a.Local, Peer: a.Peer, Policy: a.Policy, SDPIDs: sdpIDs, Secured: a.Secured}, owner)
	if err != nil {
		return nil, err
	}
	if len(a.Codecs) > 0 {
		l.local.Codecs = a.Codecs
	}
	if a.Offer != nil {
		l.first, err = l.answerOffer(ctx, a.Offer, a.Verified)
	} else {
		l.first, err = l.firstOffer(ctx, a.Method)
	}
	if err != nil {
		l.Release()
		return nil, l.reject(err, a.Offer)
	}
	return l, nil
}

// Accept sends the 200 and starts the leg's goroutine; from now on the owner hears of the leg.
func (l *Leg) Accept(in *dialog.Incoming) error {
	fields, err := l.session.heed(in.Request, time.Now())
	if err != nil {
		return err
	}
	l.state.Store(uint32(Answered))
	d, err := in.Accept(offer.ContentType, l.first, fields...)
	if err != nil {
		l.state.Store(uint32(Ended))
		return &Reject{Status: 500, Reason: "not_accepted", Err: err}
	}
	l.first = nil
	l.dlg = d
	l.owner.Accepted(l)
	l.start()
	return nil
}

// acknowledged takes the ACK of a 2xx of ours. Its body is the answer where our 2xx held the offer.
func (l *Leg) acknowledged(ev dialog.Event) *Ending {
	if l.initiation != nil || (l.offered && len(ev.Request.Body) > 0) {
		ctx, cancel := context.WithTimeout(context.Background(), negotiationTimeout)
		defer cancel()
		if err := l.completeOffer(ctx, ev.Request.Body); err != nil {
			return &Ending{Reason: "bad_answer", Err: err}
		}
	}
	l.offered = false
	if l.switchAt.IsZero() { // else it is the ACK of another exchange
		l.switchNow()
	}
	first := l.State() == Answered
	l.settle()
	if first {
		l.owner.Confirmed(l)
	}
	return nil
}
