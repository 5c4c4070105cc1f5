package dialog

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/emiago/sipgo/sip"
)

// attempt is one client transaction: the request as it went out, and its transaction.
type attempt struct {
	req *sip.Request
	tx  *sip.ClientTx
}

// transact sends a request over the flow (nil: UDP to that peer) as a new transaction.
func (e *Endpoint) transact(ctx context.Context, req *sip.Request, transport string, to netip.AddrPort, st *stream) (*attempt, error) {
	if e.ctx.Err() != nil {
		return nil, ErrClosed // without our socket sipgo would open one of its own
	}
	req.RemoveHeader("Via")
	req.PrependHeader(e.via(transport, to, st))
	req.SetTransport(sip.NetworkToUpper(transport))
	e.aim(req, to, st)
	if err := e.fits(req); err != nil {
		return nil, err
	}
	tx, err := e.txl.Request(ctx, req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTransport, err)
	}
	if req.IsInvite() {
		tx.OnRetransmission(e.again)
	}
	return &attempt{req: req, tx: tx}, nil
}

// aim makes sipgo use the connection that we chose: the stream's, or our UDP listener.
func (e *Endpoint) aim(req *sip.Request, to netip.AddrPort, st *stream) {
	if st != nil {
		req.SetDestination(st.RemoteAddr().String())
		return
	}
	req.SetDestination(to.String())
	if e.udp != nil {
		local := addrPort(e.udp.name)
		req.Laddr = sip.Addr{IP: local.Addr().AsSlice(), Port: int(local.Port())}
	}
}

// final waits for the final response; provisional ones go to each (nil to ignore them).
func (t *attempt) final(ctx context.Context, each func(*Response)) (*sip.Response, error) {
	for {
		select {
		case res := <-t.tx.Responses():
			if !res.IsProvisional() {
				return res, nil
			}
			if each != nil && res.StatusCode > 100 {
				each(received(res))
			}
		case <-t.tx.Done():
			return nil, txError(t.tx.Err())
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// txError turns a transaction's end into one of our errors.
func txError(err error) error {
	switch {
	case errors.Is(err, sip.ErrTransactionTimeout):
		return ErrTimeout
	case errors.Is(err, sip.ErrTransactionTerminated), errors.Is(err, sip.ErrTransactionCanceled):
		return ErrClosed
	case err == nil:
		return ErrTransport
	}
	return fmt.Errorf("%w: %w", ErrTransport, err)
}

// abandon looks after an INVITE that its caller gave up: CANCEL once the peer has answered provisionally (RFC 3261 section
// 9.1), and whatever the final response is, nothing of it stays: a 2xx is passed to accepted, which ends the call.
func (e *Endpoint) abandon(t *attempt, to netip.AddrPort, st *stream, heard bool, accepted func(*sip.Response)) {
	if !e.enter() {
		return
	}
	go func() {
		defer e.wg.Done()
		ctx, cancel := context.WithTimeout(e.ctx, t64())
		defer cancel()
		sent := false
		for {
			if heard && !sent {
				sent = true
				e.sendCancel(ctx, t, to, st)
			}
			select {
			case res := <-t.tx.Responses():
				if res.IsProvisional() {
					heard = true
					continue
				}
				if res.IsSuccess() {
					accepted(res)
				}
				return
			case <-t.tx.Done():
				return
			case <-ctx.Done():
				t.tx.Terminate()
				return
			}
		}
	}()
}

// sendCancel sends a CANCEL for an INVITE; its transaction is dropped when it is answered or times out.
func (e *Endpoint) sendCancel(ctx context.Context, t *attempt, to netip.AddrPort, st *stream) {
	req := sip.NewRequest(sip.CANCEL, *t.req.Recipient.Clone())
	req.AppendHeader(t.req.Via().Clone())
	sip.CopyHeaders("Route", t.req, req)
	for _, h := range []sip.Header{t.req.From(), t.req.To(), t.req.CallID()} {
		req.AppendHeader(sip.HeaderClone(h))
	}
	req.AppendHeader(&sip.CSeqHeader{SeqNo: t.req.CSeq().SeqNo, MethodName: sip.CANCEL})
	hops := sip.MaxForwardsHeader(70)
	req.AppendHeader(&hops)
	req.SetBody(nil)
	req.SetTransport(t.req.Transport())
	e.aim(req, to, st)
	tx, err := e.txl.Request(ctx, req)
	if err != nil || !e.enter() {
		return
	}
	go func() {
		defer e.wg.Done()
		defer tx.Terminate()
		for {
			select {
			case res := <-tx.Responses():
				if !res.IsProvisional() {
					return
				}
			case <-tx.Done():
				return
			case <-ctx.Done():
				return
			}
		}
	}()
}
