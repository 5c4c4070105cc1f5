package legs

import (
	"context"
	"errors"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs/dialog"
	"github.com/conclave/conclave/legs/offer"
)

// Readmission is what the admission of a request inside a dialog brings to the leg: the offer, parsed, and its MIKEY
// message, authenticated. A leg whose side has no gate (a caller) verifies the message itself.
type Readmission interface {
	Readmitted() (*offer.Description, *keying.Verified)
}

// reoffered answers a re-INVITE or UPDATE of the peer: always by a fresh answer to the offer it holds. A refused offer leaves
// everything as it was (RFC 3261 section 14.2).
func (l *Leg) reoffered(ev dialog.Event) {
	ctx, cancel := context.WithTimeout(context.Background(), negotiationTimeout)
	defer cancel()
	if l.modifying {
		if r, ok := ev.Admitted.(Readmission); ok {
			_, v := r.Readmitted()
			v.Abandon() // nobody answers what it offers
		}
		ev.Reply(dialog.Response{Status: 491})
		return
	}
	body, d, err := l.reanswer(ctx, ev)
	if err != nil {
		r := l.reject(err, d)
		l.line.Log.Info("refused an offer within the call", "leg", l.id, "reason", r.Reason, "err", r.Err)
		ev.Reply(r.Response())
		return
	}
	resp := dialog.Response{Status: 200}
	if body != nil {
		resp.ContentType, resp.Body = offer.ContentType, body
	}
	ev.Reply(resp)
	if l.State() != Answered {
		l.settle()
	}
}

// reanswer makes the body of the 200 to a re-INVITE or UPDATE; it also returns the offer as far as it parsed.
func (l *Leg) reanswer(ctx context.Context, ev dialog.Event) ([]byte, *offer.Description, error) {
	if len(ev.Request.Body) == 0 {
		if ev.Kind == dialog.Update {
			return nil, nil, nil // a target refresh only (RFC 3311 section 5.2)
		}
		body, err := l.makeOffer(ctx, "")
		l.offered = err == nil
		return body, nil, err
	}
	if r, ok := ev.Admitted.(Readmission); ok {
		d, v := r.Readmitted()
		body, err := l.answerOffer(ctx, d, v)
		return body, d, err
	}
	d, err := offer.Parse(ev.Request.Body)
	if err != nil {
		return nil, nil, err
	}
	v, err := l.verify(d)
	if err != nil {
		return nil, d, err
	}
	body, err := l.answerOffer(ctx, d, v)
	return body, d, err
}

// Hold puts the peer on hold, or takes it back, by a re-INVITE (RFC 3264 section 8.4). It waits for the peer's answer.
func (l *Leg) Hold(ctx context.Context, hold bool) error {
	direction := offer.SendRecv
	if hold {
		direction = offer.SendOnly
	}
	result := make(chan error, 1)
	err := l.post(ctx, func() { l.modify(ctx, direction, result) })
	if err != nil {
		return err
	}
	select {
	case err := <-result:
		return err
	case <-l.finished:
		return ErrEnded
	}
}

// ErrModifying says that another re-INVITE of ours is on its way.
var ErrModifying = errors.New("legs: a change is on its way already")

// modify sends a re-INVITE in a goroutine of its own, so that the inbox is served meanwhile; what its answer changes is
// done by the leg's goroutine.
func (l *Leg) modify(ctx context.Context, d offer.Direction, result chan<- error) {
	if l.modifying {
		result <- ErrModifying
		return
	}
	before := l.local.Direction
	l.local.Direction = d
	body, err := l.makeOffer(ctx, "")
	if err != nil {
		l.local.Direction = before
		result <- err
		return
	}
	l.modifying = true
	go func() { //nolint:gosec // its report must reach the leg even when ctx has ended
		resp, err := l.dlg.Reinvite(ctx, offer.ContentType, body, nil)
		perr := l.post(context.Background(), func() {
			l.modifying = false
			if err == nil && resp.Status >= 300 {
				err = refused(resp)
			}
			if err == nil {
				if err = l.completeOffer(ctx, resp.Body); err != nil { // the sides no longer agree on what holds
					l.end(Ending{Reason: "bad_answer", Err: err})
				}
			}
			if err != nil {
				l.local.Direction = before
			}
			l.settle()
			result <- err
		})
		if perr != nil {
			result <- perr
		}
	}()
}
