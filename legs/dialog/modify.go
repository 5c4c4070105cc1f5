package dialog

import (
	"context"
	"errors"
	"net/netip"
	"sync"

	"github.com/emiago/sipgo/sip"
)

// claim takes the right to offer; false when an exchange is under way.
func (d *Dialog) claim() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.offer != idle {
		return false
	}
	d.offer = ours
	return true
}

func (d *Dialog) release() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.offer == ours {
		d.offer = idle
	}
}

// Content makes the body of a message of ours, with its media type; nil stands for a message without one.
type Content func(context.Context) (contentType string, body []byte, err error)

// Modification is a re-INVITE of ours.
type Modification struct {
	// Offer makes the offer (nil: a late one) once no other can begin: the peer's are answered 491 until the ACK goes out, or Reinvite
	// returns. Its errors are returned as they are.
	Offer Content
	// Ack returns the body of the ACK to a 2xx (nil: none); on an error of its the ACK goes out all the same, and the owner ends the call.
	Ack func(*Response) (contentType string, body []byte, err error)
	// Header are further fields.
	Header []HeaderField
	// Keep lets the dialog live when nobody answers, or a 408 says so (RFC 3261 section 12.2.1.2 ends it): the owner tries again, perhaps
	// from another address. A peer that does not know the dialog (481) ends it in any case.
	Keep bool
}

// Reinvite sends a re-INVITE and acknowledges its 2xx. It returns ErrPending while another exchange is under way, and the
// response for any other status: 491 is glare, after which GlareWait tells when to try again.
func (d *Dialog) Reinvite(ctx context.Context, m Modification) (*Response, error) {
	select {
	case <-d.acked: // also when the dialog has ended
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if !d.claim() {
		return nil, ErrPending
	}
	release := sync.OnceFunc(d.release)
	defer release()
	ctx, cancel := d.e.context(ctx)
	defer cancel()
	var contentType string
	var body []byte
	if m.Offer != nil {
		var err error
		if contentType, body, err = m.Offer(ctx); err != nil {
			return nil, err
		}
	}
	var prior *sip.Response
	for range challengeMax + 1 {
		accepted, refused, err := d.reinvite(ctx, &m, release, contentType, body, prior)
		if errors.Is(err, ErrChallenge) && prior != nil {
			break
		}
		if accepted != nil || err != nil {
			return accepted, err
		}
		if prior = refused; !challenged(refused) {
			break
		}
	}
	if prior.StatusCode == 481 || prior.StatusCode == 408 && !m.Keep {
		d.end(ErrNoDialog)
	}
	return received(prior), nil
}

// reinvite is one transaction of a re-INVITE; prior is the challenge to answer, nil at first.
func (d *Dialog) reinvite(
	ctx context.Context, m *Modification, release func(), contentType string, body []byte, prior *sip.Response,
) (accepted *Response, refused *sip.Response, err error) {
	t, w, err := d.dispatch(ctx, "INVITE", m.Header, contentType, body, prior)
	if err != nil {
		return nil, nil, err
	}
	heard := false
	res, err := t.final(ctx, func(*Response) { heard = true })
	switch {
	case errors.Is(err, ErrTimeout):
		if !m.Keep {
			d.end(ErrTimeout)
		}
		return nil, nil, err
	case err != nil:
		d.e.abandon(t, w.to, w.st, heard, func(res *sip.Response) { _ = d.acknowledge(d.e.keepAcks(t, res, nil), res, "", nil) })
		return nil, nil, err
	case res.IsSuccess():
		accepted, err = d.accepted(d.e.keepAcks(t, res, nil), res, m.Ack, release)
		return accepted, nil, err
	}
	t.drop()
	return nil, res, nil
}

// drop ends a transaction whose final response came; an INVITE's on UDP lives on to answer retransmissions (Timer D).
func (t *attempt) drop() {
	if t.req.Method != sip.INVITE || sip.IsReliable(t.req.Transport()) {
		t.tx.Terminate()
	}
}

// accepted acknowledges the 2xx of our INVITE. released is called before the ACK goes out: whoever has it may offer at once.
func (d *Dialog) accepted(
	a *acks, res *sip.Response, ack func(*Response) (string, []byte, error), released func(),
) (*Response, error) {
	r := received(res)
	d.retarget(r.Values("contact"), netip.AddrPort{})
	var contentType string
	var body []byte
	var failed error
	if ack != nil {
		if contentType, body, failed = ack(r); failed != nil {
			contentType, body = "", nil
		}
	}
	released()
	if err := d.acknowledge(a, res, contentType, body); err != nil && failed == nil {
		failed = err
	}
	return r, failed
}

// acknowledge sends the ACK of a 2xx: CSeq of the INVITE, never of the dialog's counter (golibs: PR #355).
func (d *Dialog) acknowledge(a *acks, res *sip.Response, contentType string, body []byte) error {
	ctx, cancel := context.WithTimeout(d.e.ctx, dialWait)
	defer cancel()
	w, err := d.way(ctx)
	if err != nil {
		return err
	}
	req, err := d.build(w, "ACK", a.seq, nil, contentType, body)
	if err != nil {
		return err
	}
	for _, h := range a.credentials {
		req.AppendHeader(h)
	}
	req.AppendHeader(sip.NewHeader("Contact", d.e.contact(d.user, d.first.Transport, w.to, w.st)))
	req.PrependHeader(d.e.via(d.first.Transport, w.to, w.st))
	req.SetTransport(sip.NetworkToUpper(d.first.Transport))
	if err := d.e.fits(req); err != nil {
		return err
	}
	k := &ack{text: []byte(req.String()), to: w.to}
	if w.st != nil {
		k.place = w.st.place
	}
	return a.send(res, k)
}
