package dialog

import (
	"cmp"
	"errors"
	"net/netip"
	"runtime/debug"
	"slices"
	"strconv"

	"github.com/emiago/sipgo/sip"
)

// handle is sipgo's entry for every request that is not a retransmission, in a goroutine of its own. Whatever happens in
// it, a panic included, concerns this message only.
func (e *Endpoint) handle(sr *sip.Request, tx *sip.ServerTx) {
	set := &setup{door: e.door}
	defer set.end()
	defer tx.TerminateGracefully()
	if !e.enter() {
		return
	}
	defer e.wg.Done()
	defer e.stats.handlers.Add(-1)
	working := e.stats.handlers.Add(1)
	defer func() {
		if p := recover(); p != nil {
			e.stats.panics.Add(1)
			e.log.Error("a SIP handler panicked", "method", string(sr.Method), "stack", string(debug.Stack()))
			e.stateless(sr, tx, refuse(500, "panic"))
		}
	}()
	if e.answered(sr) {
		return
	}
	r, ref := validate(sr)
	if ref != nil {
		e.stats.malformed.Add(1)
		e.stateless(sr, tx, ref)
		return
	}
	if r.Transport != "udp" {
		if st := e.streams.at(r.Connection); st != nil {
			r.Connection, r.PeerCertificates = st.id, st.certificates()
		}
	}
	e.dispatch(r, sr, tx, working, set)
}

// turn waits for the turn of a new call; false: it has had its answer.
func (e *Endpoint) turn(r *Request, sr *sip.Request, tx *sip.ServerTx, set *setup) bool {
	switch before, repeated := e.came(r, lastHop(sr)); { // at once, as its turn would only come after that of the other
	case repeated: // it has had its 2xx, which the dialog repeats
		return false
	case before:
		e.stateless(sr, tx, refuse(482, "merged"))
		return false
	case e.traces.full():
		e.stateless(sr, tx, overload("overload"))
		return false
	}
	err := set.begin(e.ctx)
	switch {
	case tx.Err() != nil: // cancelled, and answered, while it waited
		return false
	case errors.Is(err, errFull):
		e.stateless(sr, tx, overload("full"))
	case err != nil:
		e.stateless(sr, tx, overload("overload"))
	}
	return err == nil
}

// traceKey is the key of a request's trace, as the front reads it; with another method that of the request to which this one belongs.
func (e *Endpoint) traceKey(sr *sip.Request, method string) uint64 {
	from, err := netip.ParseAddrPort(sr.Source())
	if err != nil {
		return 0
	}
	return e.traces.keyOf(sr, method, netip.AddrPortFrom(from.Addr().Unmap(), from.Port()))
}

// answered tells whether a request was answered for good while it was on its way here from the front, which looked for the same: the answer goes out, or
// has gone out, and whoever misses it asks the front again.
func (e *Endpoint) answered(sr *sip.Request) bool {
	if sr.IsAck() { // has no answer, and the trace of none
		return false
	}
	_, known := e.traces.find(e.traceKey(sr, string(sr.Method)))
	return known
}

// tooLate answers a CANCEL that matches no transaction of sipgo's, which would have answered it: one of an INVITE that had its 2xx has no effect, and
// any other belongs to nothing (RFC 3261 section 9.2).
func (e *Endpoint) tooLate(r *Request, sr *sip.Request) *refusal {
	_, known := e.traces.find(e.traceKey(sr, "INVITE"))
	if _, accepted := e.came(r, lastHop(sr)); known || accepted {
		return &refusal{Response: Response{Status: 200}}
	}
	return refuse(481, "no_transaction")
}

func (e *Endpoint) dispatch(r *Request, sr *sip.Request, tx *sip.ServerTx, working int64, set *setup) {
	d, sub := e.find(r), e.subscription(r)
	limit := int64(e.cfg.MaxHandlers)
	switch {
	case r.Method == "ACK":
		if d == nil || !d.post(&arrival{r: r, sr: sr, tx: tx}) {
			e.stats.strays.Add(1)
		}
		return
	case r.Method == "CANCEL":
		e.stateless(sr, tx, e.tooLate(r, sr))
		return
	case !known(r.Method):
		e.stateless(sr, tx, refuse(501, "method", e.capabilities()[0]))
		return
	case r.InDialog && d == nil && sub == nil:
		e.stateless(sr, tx, refuse(481, "no_dialog"))
		return
	case working > limit || d == nil && working > limit*3/4:
		e.stateless(sr, tx, overload("overload"))
		return
	}
	if d == nil && r.Method == "INVITE" && !e.turn(r, sr, tx, set) {
		return
	}
	admitted, refused := e.host.Admit(r, cmp.Or(d, sub))
	if refused != nil {
		if d != nil {
			d.post(&arrival{r: r, refused: true})
		}
		e.stateless(sr, tx, &refusal{Response: *refused, why: "admit"})
		return
	}
	switch {
	case d != nil:
		d.take(&arrival{r: r, sr: sr, tx: tx, admitted: admitted, answered: make(chan struct{})})
	case r.Method == "INVITE":
		e.invited(r, sr, tx, admitted, set)
	case r.Method == "OPTIONS":
		e.stateless(sr, tx, &refusal{Response: Response{Status: 200, Header: e.capabilities()}})
	case sub != nil && sub.passed(r.CSeq):
		e.stateless(sr, tx, refuse(500, "out_of_order"))
	case r.Method == "REFER", r.Method == "REGISTER" && e.cfg.Registrar, r.Method == "SUBSCRIBE" && len(e.cfg.Events) > 0:
		e.serve(r, sr, tx, admitted, sub)
	case slices.Contains(allowed, r.Method):
		e.stateless(sr, tx, refuse(481, "no_dialog"))
	default:
		e.stateless(sr, tx, refuse(405, "method", e.capabilities()[0]))
	}
}

// overload is the 503 of shedding, with a Retry-After that spreads the return of those we sent away.
func overload(why string) *refusal {
	return refuse(503, why, HeaderField{"Retry-After", strconv.Itoa(retryAfter())})
}

// stateless answers without leaving anything behind (RFC 3261 section 8.2.7): the transaction is dropped when the handler
// returns, a retransmission is judged anew, and its answer carries the same tag.
func (e *Endpoint) stateless(sr *sip.Request, tx *sip.ServerTx, ref *refusal) {
	if sr.IsAck() {
		return
	}
	if ref.why != "" {
		e.stats.refuse(ref.why)
	}
	res, err := e.response(sr, e.stampFor(sr), ref.Response)
	if err == nil {
		err = e.fits(res)
	}
	if err == nil {
		err = tx.Connection().WriteMsg(res)
	}
	if err != nil {
		e.log.Debug("an answer could not be sent", "status", ref.Status, "error", err.Error())
	}
}

func (e *Endpoint) stampFor(sr *sip.Request) string {
	var callID, from, cseq string
	if h := sr.CallID(); h != nil {
		callID = h.Value()
	}
	if h := sr.From(); h != nil {
		from = h.Value()
	}
	if h := sr.CSeq(); h != nil {
		cseq = h.Value()
	}
	return e.stamp(callID, from, cseq)
}

// dialogID names a dialog: Call-ID, our tag, the peer's (RFC 3261 section 12).
func dialogID(callID, local, remote string) string { return callID + "|" + local + "|" + remote }
