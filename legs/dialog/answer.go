package dialog

import (
	"errors"
	"time"

	"github.com/emiago/sipgo/sip"
)

// post hands an ACK to the dialog's goroutine; false when the dialog has ended.
func (d *Dialog) post(a *arrival) bool {
	select {
	case d.arrivals <- a:
		return true
	case <-d.done:
		return false
	}
}

// take runs one in-dialog request in the handler's goroutine, which sipgo wants alive until the final response.
func (d *Dialog) take(a *arrival) {
	if !d.post(a) {
		d.e.stateless(a.sr, a.tx, refuse(481, "no_dialog"))
		return
	}
	patience := t64()
	if a.r.Method != "INVITE" {
		patience /= 2 // the peer's Timer F runs already
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-a.answered:
		return
	case <-timer.C:
		// The leg owes an answer. The dialog's goroutine sends it, so that nobody answers twice.
		d.reply(a, Response{Status: 500})
	case <-d.done:
	}
	select {
	case <-a.answered:
		return
	case <-d.done:
	}
	select {
	case <-a.answered:
	default: // the dialog ended over it (RFC 3261 section 15.1.2)
		status := 481
		if a.r.Method == "INVITE" {
			status = 487
		}
		_ = d.e.respond(a, Response{Status: status}, d.localTag)
	}
}

// reply carries an answer to the dialog's goroutine, and returns when it was sent: a NOTIFY must not overtake the answer to its REFER. Any
// goroutine but that one.
func (d *Dialog) reply(a *arrival, r Response) {
	select {
	case d.answers <- answer{a: a, r: r}:
	case <-d.done:
		return
	}
	if r.Status < 200 || r.Status > 699 { // no final answer was sent
		return
	}
	select {
	case <-a.answered:
	case <-d.done:
	}
}

// respond sends a response of a request in a dialog through its transaction.
func (e *Endpoint) respond(a *arrival, r Response, tag string) error {
	res, err := e.response(a.sr, tag, r)
	if err != nil {
		return err
	}
	if err := e.fits(res); err != nil {
		return err
	}
	if err := a.tx.Respond(res); err != nil {
		return err
	}
	if r.Status >= 200 && a.r.Method != "INVITE" && a.r.Transport == "udp" && res.Destination() == a.sr.Source() && e.traces.keep(e.traceKey(a.sr, a.r.Method), res.String()) {
		a.tx.Terminate() // the trace answers what comes again
	}
	return nil
}

// reply sends the one final response of an arrival; in the dialog's goroutine.
func (x *receiver) reply(a *arrival, r Response) {
	if a.replied {
		return
	}
	a.replied = true
	if err := x.d.e.respond(a, r, x.d.localTag); err != nil {
		x.d.e.log.Debug("an answer could not be sent", "status", r.Status, "error", err.Error())
	}
	close(a.answered)
}

// process acts on a request whose turn it is.
func (x *receiver) process(a *arrival) {
	if x.over {
		return
	}
	if x.stale(a) {
		x.d.e.stats.refuse("cseq")
		x.reply(a, Response{Status: 500, Reason: "CSeq Out Of Order"})
		return
	}
	x.seq, x.seen = a.r.CSeq, true
	switch a.r.Method {
	case "INVITE":
		x.offered(a, Reinvite)
	case "UPDATE":
		x.offered(a, Update)
	case "BYE":
		x.reply(a, Response{Status: 200})
		x.deliver(a, Bye)
		x.finish(ErrRemoteBye)
	case "REFER":
		x.event(a, Refer)
	case "NOTIFY":
		x.event(a, Notify)
	case "INFO":
		x.event(a, Info)
	case "OPTIONS":
		x.reply(a, Response{Status: 200, Header: x.d.e.capabilities()})
	default:
		x.d.e.stats.refuse("method")
		x.reply(a, Response{Status: 405, Header: x.d.e.capabilities()[:1]})
	}
}

// offered takes a re-INVITE or UPDATE unless another exchange is under way (RFC 3261 section 14.2, RFC 3311 section 5.2).
func (x *receiver) offered(a *arrival, kind Kind) {
	d := x.d
	exchange := kind == Reinvite || len(a.r.Body) > 0
	d.mu.Lock()
	state := d.offer
	if exchange && state == idle {
		d.offer = theirs
	}
	d.mu.Unlock()
	switch {
	case exchange && state == ours:
		d.e.stats.refuse("glare")
		x.reply(a, Response{Status: 491})
	case exchange && state == theirs:
		d.e.stats.refuse("overlap")
		x.reply(a, Response{Status: 500, Header: []HeaderField{{"Retry-After", "1"}}})
	default:
		if !x.event(a, kind) && exchange {
			x.settled()
		}
	}
}

// event delivers a request that the leg must answer; with a full inbox the peer gets 503.
func (x *receiver) event(a *arrival, kind Kind) bool {
	if !x.deliver(a, kind) {
		x.d.e.stats.refuse("inbox_full")
		x.reply(a, overload("inbox_full").Response)
		return false
	}
	return true
}

// deliver puts an event into the inbox without ever waiting; the last slots are for those that must not be lost.
func (x *receiver) deliver(a *arrival, kind Kind) bool {
	room := cap(x.d.inbox) - len(x.d.inbox)
	if room <= 1 || kind != Ack && kind != Bye && room <= inboxReserve {
		return false
	}
	ev := Event{Kind: kind, Request: a.r, Admitted: a.admitted}
	if a.answered != nil && kind != Bye {
		ev.reply = func(r Response) { x.d.reply(a, r) }
		ev.form = func(r Response) error {
			_, err := x.d.form(a, r)
			return err
		}
	}
	x.d.inbox <- ev
	return true
}

// ack ends the wait for an ACK. Late and stray ones change nothing. Nobody proves an ACK, so one that brings an answer counts
// only from where the INVITE came: a stranger's would end the call.
func (x *receiver) ack(a *arrival) {
	u := x.unacked
	if u == nil || a.r.CSeq != u.cseq || len(a.r.Body) > 0 && a.r.Connection != u.flow {
		x.d.e.stats.strays.Add(1)
		return
	}
	x.settled()
	x.deliver(a, Ack)
	x.release()
}

// answer sends what the leg replied.
func (x *receiver) answer(ans answer) {
	a, r := ans.a, ans.r
	if a.replied || r.Status < 200 || r.Status > 699 {
		if !a.replied {
			_ = x.d.e.respond(a, r, x.d.localTag)
		}
		return
	}
	exchange := a.r.Method == "INVITE" || a.r.Method == "UPDATE" && len(a.r.Body) > 0
	ok := r.Status < 300
	if !exchange && a.r.Method != "UPDATE" {
		x.reply(a, x.d.reachable(a, r))
		return
	}
	res, err := x.d.form(a, r)
	switch {
	case errors.Is(err, ErrCancelled):
		if ok { // the leg goes on from what the peer has never seen
			x.d.hangUp()
			x.d.end(ErrCancelled)
		}
		ok, r = false, Response{Status: 487}
	case err != nil:
		x.d.e.log.Warn("an answer could not be made", "error", err.Error())
		ok, r = false, Response{Status: 500}
	}
	if ok && a.r.Method == "INVITE" {
		x.accepted(a, res)
		return
	}
	if ok { // before the peer hears of it: what we send from then on goes there
		x.d.retarget(a.r.Header("contact"), a.r.Source)
	}
	x.reply(a, r)
	if exchange {
		x.settled()
		x.release()
	}
}

// form makes the response to a request of the peer, as it goes out; any goroutine. sipgo answers a CANCEL itself, and with it the request.
func (d *Dialog) form(a *arrival, r Response) (*sip.Response, error) {
	if errors.Is(a.tx.Err(), sip.ErrTransactionCanceled) {
		return nil, ErrCancelled
	}
	res, err := d.e.response(a.sr, d.localTag, d.reachable(a, r))
	if err != nil {
		return nil, err
	}
	return res, d.e.fits(res)
}

// reachable adds our Contact to a 2xx of what refreshes the target, or subscribes (RFC 3515 section 2.1).
func (d *Dialog) reachable(a *arrival, r Response) Response {
	if r.Status < 300 && (a.r.Method == "INVITE" || a.r.Method == "UPDATE" || a.r.Method == "REFER") {
		contact := d.e.contact(d.user, d.first.Transport, d.RemoteSource(), d.flow.Load())
		r.Header = append(r.Header[:len(r.Header):len(r.Header)], HeaderField{"Contact", contact})
	}
	return r
}

// accepted sends the 2xx of a re-INVITE, which sipgo would never send twice, and waits for its ACK.
func (x *receiver) accepted(a *arrival, res *sip.Response) {
	ack, err := x.d.accept(a.tx, a.sr, res)
	if errors.Is(err, sip.ErrTransactionCanceled) { // in this very moment
		x.d.hangUp()
		x.d.end(ErrCancelled)
		x.reply(a, Response{Status: 487}) // or sipgo would repeat the 2xx that it did not send
		x.settled()
		x.release()
		return
	}
	if err != nil {
		x.d.e.log.Debug("a 2xx could not be sent", "error", err.Error())
	}
	a.replied = true
	x.d.retarget(a.r.Header("contact"), a.r.Source)
	x.await(&unacked{cseq: a.r.CSeq, res: res, conn: a.tx.Connection(), flow: a.r.Connection})
	close(a.answered)
	if ack != nil {
		x.ack(ack)
	}
}

// accept sends the 2xx of an INVITE, for the first time. What is repeated from then on finds a trace (RFC 6026). An ACK that has the INVITE's branch
// and comes while this one is under way is returned: sipgo hands it to the transaction (golibs: ACK matching), later ones to the handler.
func (d *Dialog) accept(tx *sip.ServerTx, sr *sip.Request, res *sip.Response) (ack *arrival, err error) {
	d.e.traces.keep(d.e.traceKey(sr, "INVITE"), "")
	if err := tx.Respond(res); err != nil {
		return nil, err
	}
	select {
	case sr := <-tx.Acks():
		if r, ref := validate(sr); ref == nil {
			ack = &arrival{r: r, sr: sr}
		}
	default:
	}
	tx.Terminate() // it has accepted, so that a CANCEL on its way does nothing
	return ack, nil
}
