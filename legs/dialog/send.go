package dialog

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/emiago/sipgo/sip"
)

func steps(n int) time.Duration {
	return time.Duration(rand.IntN(n+1)) * 10 * time.Millisecond //nolint:gosec // spread, not secrecy
}

// build makes a request in the dialog.
func (d *Dialog) build(w way, method string, seq uint32, fields []HeaderField, contentType string, body []byte) (*sip.Request, error) {
	if err := cleanFields(fields, method, contentType); err != nil {
		return nil, err
	}
	var uri sip.Uri
	if err := sip.ParseUri(w.target, &uri); err != nil {
		return nil, fmt.Errorf("%w: target", ErrMalformed)
	}
	req := sip.NewRequest(sip.RequestMethod(method), uri)
	for _, r := range w.routes {
		req.AppendHeader(sip.NewHeader("Route", r))
	}
	callID, hops := sip.CallIDHeader(d.callID), sip.MaxForwardsHeader(70)
	from, to := &sip.FromHeader{}, &sip.ToHeader{}
	if err := header(d.from, from); err != nil {
		return nil, err
	}
	if err := header(d.to, to); err != nil {
		return nil, err
	}
	req.AppendHeader(from)
	req.AppendHeader(to)
	req.AppendHeader(&callID)
	req.AppendHeader(&sip.CSeqHeader{SeqNo: seq, MethodName: sip.RequestMethod(method)})
	req.AppendHeader(&hops)
	for _, f := range fields {
		req.AppendHeader(sip.NewHeader(f.Name, f.Value))
	}
	if ua := d.e.cfg.UserAgent; ua != "" {
		req.AppendHeader(sip.NewHeader("User-Agent", ua))
	}
	content(req, contentType, body)
	return req, nil
}

// header parses an identity that we stored as text into sipgo's From or To.
func header(text string, into any) (err error) {
	switch h := into.(type) {
	case *sip.FromHeader:
		h.DisplayName, err = sip.ParseAddressValue(text, &h.Address, &h.Params)
	case *sip.ToHeader:
		h.DisplayName, err = sip.ParseAddressValue(text, &h.Address, &h.Params)
	}
	if err != nil {
		return fmt.Errorf("%w: identity", ErrMalformed)
	}
	return nil
}

// dispatch sends one request of ours with the next CSeq. The lock is held until it is on the wire, so that the peer sees
// our requests in CSeq order.
func (d *Dialog) dispatch(ctx context.Context, method string, fields []HeaderField, contentType string, body []byte, prior *sip.Response) (*attempt, way, error) {
	d.sending.Lock()
	defer d.sending.Unlock()
	select {
	case <-d.done:
		return nil, way{}, ErrEnded
	default:
	}
	w, err := d.way(ctx)
	if err != nil {
		return nil, w, err
	}
	d.mu.Lock()
	d.seq++
	seq := d.seq
	d.mu.Unlock()
	fields = append(slices.Clone(fields), d.ownFields(method, w)...)
	req, err := d.build(w, method, seq, fields, contentType, body)
	if err != nil {
		return nil, w, err
	}
	if prior != nil {
		if err := d.login.authorize(req, prior); err != nil {
			return nil, w, err
		}
	}
	t, err := d.e.transact(ctx, req, d.first.Transport, w.to, w.st)
	return t, w, err
}

// ownFields are those that the package adds: a Contact to what makes a dialog or refreshes its target (NOTIFY does, by RFC 6665 section
// 4.4.1), and to offers what we can do.
func (d *Dialog) ownFields(method string, w way) []HeaderField {
	var fields []HeaderField
	switch method {
	case "INVITE", "UPDATE":
		fields = d.e.capabilities()
	case "NOTIFY", "REFER":
	default:
		return nil
	}
	return append(fields, HeaderField{"Contact", d.e.contact(d.user, d.first.Transport, w.to, w.st)})
}

// Send sends a request that is no INVITE within the dialog and returns its final response, whatever that is. OPTIONS,
// NOTIFY, REFER, UPDATE and INFO go this way; hang up with Bye. A 481, a 408 or silence ends the dialog (RFC 3261 section
// 12.2.1.2).
func (d *Dialog) Send(ctx context.Context, method string, fields []HeaderField, contentType string, body []byte) (*Response, error) {
	if method == "INVITE" || method == "ACK" || method == "CANCEL" || method == "BYE" || !isToken(method) {
		return nil, fmt.Errorf("%w: method", ErrBadHeader)
	}
	if method == "UPDATE" && len(body) > 0 {
		if !d.claim() {
			return nil, ErrPending
		}
		defer d.release()
	}
	res, err := d.request(ctx, method, fields, contentType, body)
	if err != nil {
		return nil, err
	}
	if res.IsSuccess() && method == "UPDATE" {
		d.retarget(received(res).Values("contact"), netip.AddrPort{})
	}
	return received(res), nil
}

func (d *Dialog) request(ctx context.Context, method string, fields []HeaderField, contentType string, body []byte) (*sip.Response, error) {
	ctx, cancel := d.e.context(ctx)
	defer cancel()
	var prior *sip.Response
	for range challengeMax + 1 {
		t, _, err := d.dispatch(ctx, method, fields, contentType, body, prior)
		if errors.Is(err, ErrChallenge) && prior != nil {
			return prior, nil
		}
		if err != nil {
			return nil, err
		}
		res, err := t.final(ctx, nil)
		t.tx.Terminate()
		if err != nil {
			if errors.Is(err, ErrTimeout) {
				d.end(ErrTimeout)
			}
			return nil, err
		}
		prior = res
		if !challenged(res) {
			break
		}
	}
	// A 481 to a NOTIFY within a call says that nobody waits for it, not that the call is unknown (RFC 5057 section 5.1).
	if (prior.StatusCode == 481 || prior.StatusCode == 408) && (method != "NOTIFY" || d.lone != nil) {
		d.end(ErrNoDialog)
	}
	return prior, nil
}

// Bye hangs up: it waits for the ACK that is still under way (RFC 3261 section 15), sends BYE, and ends the dialog whatever
// the peer says. Gone(nil) is the last event. A dialog that has ended already gives nil.
func (d *Dialog) Bye(ctx context.Context) error {
	select {
	case <-d.acked:
	case <-ctx.Done():
	}
	if d.lone != nil { // nothing to hang up
		d.end(nil)
		return nil
	}
	select {
	case <-d.done: // which lets acked go, too
		return nil
	default:
	}
	_, err := d.request(ctx, "BYE", nil, "", nil)
	d.end(nil)
	<-d.done // at once: the dialog's goroutine waits for nobody
	if errors.Is(err, ErrEnded) {
		return nil
	}
	return err
}

// hangUp sends a BYE that nobody waits for, from any goroutine that does not hold the endpoint's lock.
func (d *Dialog) hangUp() {
	if !d.e.enter() {
		return
	}
	go func() {
		defer d.e.wg.Done()
		ctx, cancel := context.WithTimeout(d.e.ctx, t64())
		defer cancel()
		d.sending.Lock()
		w, err := d.way(ctx)
		var t *attempt
		if err == nil {
			d.mu.Lock()
			d.seq++
			seq := d.seq
			d.mu.Unlock()
			var req *sip.Request
			if req, err = d.build(w, "BYE", seq, nil, "", nil); err == nil {
				t, err = d.e.transact(ctx, req, d.first.Transport, w.to, w.st)
			}
		}
		d.sending.Unlock()
		if err == nil {
			_, _ = t.final(ctx, nil)
			t.tx.Terminate()
		}
	}()
}
