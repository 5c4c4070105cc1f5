package dialog

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo/sip"
)

func steps(n int) time.Duration {
	return time.Duration(rand.IntN(n+1)) * 10 * time.Millisecond //nolint:gosec // spread, not secrecy
}

// way is where a request of ours goes at this moment.
type way struct {
	target string
	routes []string
	to     netip.AddrPort
	st     *stream
}

// way snapshots the route and finds its flow. A stream that we dialled is dialled again when it is gone; one that the peer
// opened is the peer's to open.
func (d *Dialog) way(ctx context.Context) (way, error) {
	d.mu.Lock()
	w := way{target: d.target, routes: d.routes, to: d.peer}
	d.mu.Unlock()
	if len(w.routes) > 0 {
		first, err := parseNameAddr(w.routes[0])
		if err != nil {
			return w, err
		}
		if _, loose := first.URI.Param("lr"); !loose { // a strict router (RFC 3261 section 12.2.1.1)
			w.routes = append(slices.Clone(w.routes[1:]), "<"+w.target+">")
			w.target = first.raw
		}
		if d.first.Transport == "udp" {
			hostport := first.URI.Host
			if first.URI.Port != 0 {
				hostport = netJoin(first.URI.Host, first.URI.Port)
			}
			if w.to, _, err = resolve(ctx, "udp", hostport); err != nil {
				return w, err
			}
		}
	}
	if w.st = d.flow.Load(); w.st == nil {
		return w, nil
	}
	select {
	case <-w.st.done:
	default:
		return w, nil
	}
	if !d.outgoing {
		return w, ErrConnectionLost
	}
	st, err := d.e.streams.connect(ctx, d.first.Transport, w.st.source, d.host)
	if err != nil {
		return w, err
	}
	if d.flow.CompareAndSwap(w.st, st) {
		st.users.Add(1)
		w.st.users.Add(-1)
	}
	w.st = st
	return w, nil
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
	if method == "INVITE" || method == "UPDATE" {
		fields = append(slices.Clone(fields), capabilities()...)
		fields = append(fields, HeaderField{"Contact", d.e.contact(d.first.Transport, w.to, w.st)})
	}
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
	ctx, cancel := d.context(ctx)
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
	if prior.StatusCode == 481 || prior.StatusCode == 408 {
		d.end(ErrNoDialog)
	}
	return prior, nil
}

// Bye hangs up: it waits for the ACK that is still under way (RFC 3261 section 15), sends BYE, and ends the dialog whatever
// the peer says. Gone(nil) is the last event. A dialog that has ended already gives nil.
func (d *Dialog) Bye(ctx context.Context) error {
	select {
	case <-d.acked:
	case <-d.done:
		return nil
	case <-ctx.Done():
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

// Reinvite sends a re-INVITE (body nil: a late offer) and acknowledges its 2xx with what ack returns (nil: no body); an
// error of ack still sends the ACK and is returned, and the owner ends the call. It returns ErrPending while another
// exchange is under way, and the response for any other status: 491 is glare, after which GlareWait tells when to try again.
func (d *Dialog) Reinvite(ctx context.Context, contentType string, body []byte, ack func(*Response) (string, []byte, error)) (*Response, error) {
	select {
	case <-d.acked:
	case <-d.done:
		return nil, ErrEnded
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if !d.claim() {
		return nil, ErrPending
	}
	defer d.release()
	ctx, cancel := d.context(ctx)
	defer cancel()
	var prior *sip.Response
	for range challengeMax + 1 {
		t, w, err := d.dispatch(ctx, "INVITE", nil, contentType, body, prior)
		if errors.Is(err, ErrChallenge) && prior != nil {
			return received(prior), nil
		}
		if err != nil {
			return nil, err
		}
		heard := false
		acks := d.repeatAcks(t)
		res, err := t.final(ctx, func(*Response) { heard = true })
		if err != nil {
			if errors.Is(err, ErrTimeout) {
				d.end(ErrTimeout)
			} else {
				d.e.abandon(t, w.to, w.st, heard, func(res *sip.Response) { _ = d.acknowledge(t, acks, res, "", nil) })
			}
			return nil, err
		}
		prior = res
		if res.IsSuccess() {
			return d.accepted(t, acks, res, ack)
		}
		t.drop()
		if !challenged(res) {
			break
		}
	}
	if prior.StatusCode == 481 || prior.StatusCode == 408 {
		d.end(ErrNoDialog)
	}
	return received(prior), nil
}

// drop ends a transaction whose final response came; an INVITE's on UDP lives on to answer retransmissions (Timer D).
func (t *attempt) drop() {
	if t.req.Method != sip.INVITE || sip.IsReliable(t.req.Transport()) {
		t.tx.Terminate()
	}
}

// accepted acknowledges the 2xx of our INVITE.
func (d *Dialog) accepted(t *attempt, acks *atomic.Pointer[sip.Request], res *sip.Response, ack func(*Response) (string, []byte, error)) (*Response, error) {
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
	if err := d.acknowledge(t, acks, res, contentType, body); err != nil && failed == nil {
		failed = err
	}
	return r, failed
}

// acknowledge sends the ACK of a 2xx: CSeq of the INVITE, never of the dialog's counter (golibs: PR #355).
func (d *Dialog) acknowledge(t *attempt, acks *atomic.Pointer[sip.Request], _ *sip.Response, contentType string, body []byte) error {
	ctx, cancel := context.WithTimeout(d.e.ctx, dialWait)
	defer cancel()
	w, err := d.way(ctx)
	if err != nil {
		return err
	}
	req, err := d.build(w, "ACK", t.req.CSeq().SeqNo, nil, contentType, body)
	if err != nil {
		return err
	}
	for _, name := range []string{"Authorization", "Proxy-Authorization"} { // RFC 3261 section 22.1
		sip.CopyHeaders(name, t.req, req)
	}
	req.AppendHeader(sip.NewHeader("Contact", d.e.contact(d.first.Transport, w.to, w.st)))
	req.PrependHeader(d.e.via(d.first.Transport, w.to, w.st))
	req.SetTransport(sip.NetworkToUpper(d.first.Transport))
	d.e.aim(req, w.to, w.st)
	if err := d.e.fits(req); err != nil {
		return err
	}
	err = d.e.tpl.WriteMsg(req)
	acks.Store(req) // from here on nobody changes it
	if err != nil {
		return fmt.Errorf("%w: %w", ErrTransport, err)
	}
	return nil
}

// repeatAcks answers every retransmission of the 2xx with the same ACK, for the life of the transaction (64*T1).
func (d *Dialog) repeatAcks(t *attempt) *atomic.Pointer[sip.Request] {
	acks := new(atomic.Pointer[sip.Request])
	t.tx.OnRetransmission(func(*sip.Response) {
		if req := acks.Load(); req != nil {
			_ = d.e.tpl.WriteMsg(req.Clone())
		}
	})
	return acks
}

// routeSet makes the route set of Record-Route values (RFC 3261 section 12.1): as they are for the callee, reversed for
// the caller.
func routeSet(recorded []string, reversed bool) []string {
	var out []string
	for _, value := range recorded {
		for _, part := range splitQuoted(value, ',') {
			out = append(out, strings.Trim(part, " \t"))
		}
	}
	if reversed {
		slices.Reverse(out)
	}
	return out
}
