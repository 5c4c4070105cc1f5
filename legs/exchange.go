package legs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs/dialog"
	"github.com/conclave/conclave/legs/offer"
)

// attempt makes one offer and takes its answer. Where another try may succeed, it is to wait so long (RFC 3261 section 14.1).
func (l *Leg) attempt(life context.Context, c *change) (wait time.Duration, err error) {
	patience := exchangeTimeout
	if c.kind == confirming {
		patience = confirmTimeout
	}
	ctx, cancel := context.WithTimeout(life, patience)
	defer cancel()
	defer func() {
		c.initiation.Abandon()
		wipe(&c.local.Keys)
	}()
	c.initiation, c.sent, c.again, c.busy, c.spoiled = nil, false, false, false, nil
	var fields []dialog.HeaderField
	if err := l.within(ctx, func() { fields = l.session.offer() }); err != nil {
		return 0, err
	}
	resp, err := l.dlg.Reinvite(ctx, dialog.Modification{
		Header: fields, Keep: c.kind == confirming,
		Offer: func(ctx context.Context) (string, []byte, error) {
			body, err := l.propose(ctx, c)
			return offer.ContentType, body, err
		},
		Ack: func(resp *dialog.Response) (string, []byte, error) {
			if err := l.answered(ctx, c, resp); err != nil {
				c.spoiled = fmt.Errorf("%w: %w", ErrAnswer, err)
			}
			return "", nil, c.spoiled
		},
	})
	switch {
	case errors.Is(err, dialog.ErrPending):
		c.again, c.busy = true, true
		return l.dlg.GlareWait(), err
	case err != nil:
		return 0, err
	case resp.Status >= 300:
		r := refused(resp)
		if c.initiation != nil {
			r.hint(resp.Body, c.initiation.CSBID())
		}
		wait, c.again, c.busy = l.patience(resp)
		return wait, r
	}
	return 0, nil
}

// patience says whether to try again after a refusal, and when. Busy tells that the peer will be able to, and that nothing came of this
// try: glare, or an exchange of its own. A 500 may also mean that a later request of ours overtook this one (RFC 3261 section 12.2.2).
func (l *Leg) patience(resp *dialog.Response) (wait time.Duration, again, busy bool) {
	after := retryAfter(resp)
	switch {
	case resp.Status == 491:
		return l.dlg.GlareWait(), true, true
	case (resp.Status == 500 || resp.Status == 503) && after > 0 && after <= maxRetryAfter:
		return after + l.dlg.GlareWait(), true, true
	case resp.Status == 500 && after == 0:
		return l.dlg.GlareWait(), true, false
	}
	return 0, false, false
}

// propose makes the offer, once no other can begin. The leg's goroutine is asked for what it owns; what is dear is done here.
func (l *Leg) propose(ctx context.Context, c *change) ([]byte, error) {
	var call keying.Call
	err := dialog.ErrPending // an ACK that is not taken yet, or a handshake that is not over: the keys are not settled
	if posted := l.within(ctx, func() {
		if l.agreement == nil || l.initiation != nil || l.offered || l.shaking {
			return
		}
		err, call, c.local, c.from = nil, l.callNow(), l.local, l.agreement
		c.local.Running = l.negotiated
	}); posted != nil {
		return nil, posted
	}
	if err != nil {
		return nil, err
	}
	switch c.kind {
	case holding:
		c.local.Direction = offer.SendOnly
	case resuming:
		c.local.Direction = offer.SendRecv
	}
	if err := l.proposeKeys(ctx, c, call); err != nil {
		return nil, err
	}
	var body []byte
	if posted := l.within(ctx, func() { body, err = offer.Offer(c.local) }); posted != nil {
		return nil, posted
	}
	c.sent = err == nil
	return body, err
}

// proposeKeys begins the update of a rekey or a refresh; anything else says again what runs.
func (l *Leg) proposeKeys(ctx context.Context, c *change, call keying.Call) (err error) {
	method := c.from.Posture.Method
	call.Refresh = c.kind == refreshing || c.kind == confirming
	if c.kind != rekeying && (!call.Refresh || !method.Authenticates()) {
		c.local.Keys = c.from.Running.Repeat()
		return nil
	}
	if c.initiation, err = l.line.Keyer.Initiate(ctx, method, call); err != nil {
		return err
	}
	c.local.Keys = c.initiation.Attributes()
	return nil
}

// answered takes the answer to the offer of a change, before its ACK goes out.
func (l *Leg) answered(ctx context.Context, c *change, resp *dialog.Response) error {
	d, err := offer.Parse(resp.Body)
	if err != nil {
		return err
	}
	n, err := offer.Complete(c.local, d)
	if err != nil {
		return err
	}
	var agreement *keying.Agreement
	if keys, absent := d.Attributes(); c.initiation == nil {
		err = unchanged(c.from, keys)
	} else if err = absent; err == nil {
		agreement, err = c.initiation.Complete(ctx, keys)
	}
	if err != nil {
		return err
	}
	posted := l.within(ctx, func() {
		l.local.Direction = c.local.Direction
		if err = l.adopt(agreement, n, ours); err == nil {
			l.settle()
			l.session.adopt(resp, time.Now())
		}
		c.later = l.shaking
	})
	if posted != nil {
		discard(agreement)
	}
	return errors.Join(posted, err)
}

// unchanged holds an answer to an offer that left the keys as they are. What MIKEY says in an answer to no message says nothing; but the
// addresses that its updates bound stay.
func unchanged(a *keying.Agreement, keys keying.Attributes) error {
	if a.Posture.Method.Authenticates() {
		keys = keying.Attributes{Addresses: keys.Addresses}
	}
	if a.Running.Same(keys) {
		return nil
	}
	return errKeysChanged
}
