package dialog

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"

	"github.com/emiago/sipgo/sip"
)

// Incoming is a new call that was admitted and is not answered yet.
type Incoming struct {
	Request *Request

	e      *Endpoint
	sr     *sip.Request
	tx     *sip.ServerTx
	stream *stream // nil for UDP
	tag    string
	hop    string
	setup  *setup
	login  *login          // nil: challenges in the dialog are not answered
	ctx    context.Context //nolint:containedctx // the life of the call, which no caller of ours has
	cancel context.CancelCauseFunc
	state  atomic.Int32 // calling → answered, or calling → cancelled
}

const (
	calling int32 = iota
	answered
	cancelled
)

// invited runs one new call in the handler's goroutine, which sipgo wants alive until the final response.
func (e *Endpoint) invited(r *Request, sr *sip.Request, tx *sip.ServerTx, admitted any, set *setup) {
	if r.Contact == nil || r.Contact.URI.Host == "" {
		e.stateless(sr, tx, refuse(400, "contact"))
		return
	}
	timed, stop := context.WithTimeoutCause(e.ctx, answerWait, ErrTimeout)
	defer stop()
	in := &Incoming{Request: r, e: e, sr: sr, tx: tx, tag: newTag(), hop: lastHop(sr), setup: set}
	in.ctx, in.cancel = context.WithCancelCause(timed)
	defer in.cancel(ErrAnswered)
	if r.Transport != "udp" {
		if in.stream = e.streams.get(r.Connection); in.stream == nil {
			return // the connection is gone, and the caller with it
		}
		in.stream.users.Add(1)
		defer in.stream.users.Add(-1)
	}
	// A second INVITE of the same transaction by another path (RFC 3261 section 8.2.2.2).
	key := r.mergeKey()
	if !e.begin(key, in) {
		e.stateless(sr, tx, refuse(482, "merged"))
		return
	}
	defer e.finish(key, in)
	// sipgo answers CANCEL with 200 and the INVITE with 487 itself; the callbacks run under its locks and only tell.
	if !tx.OnCancel(func(*sip.Request) { in.cancelled(ErrCancelled) }) {
		in.cancelled(ErrCancelled)
	}
	if !tx.OnTerminate(func(string, error) { in.cancelled(ErrTransport) }) {
		in.cancelled(ErrTransport)
	}
	e.host.Invite(in, admitted)
	if in.state.Load() == calling {
		_ = in.Reject(Response{Status: 500})
	}
}

// mergeKey is what all the INVITEs have in common that forking on the way made of one.
func (r *Request) mergeKey() string {
	return r.CallID + "|" + r.From.Tag + "|" + strconv.FormatUint(uint64(r.CSeq), 10)
}

// lastHop is by which way a request came: the transaction of the last hop (RFC 3261 section 17.2.3), from whatever port its repeats come.
func lastHop(sr *sip.Request) string {
	via := sr.Via()
	if via == nil {
		return ""
	}
	branch, _ := via.Params.Get("branch")
	return via.Host + ":" + strconv.Itoa(via.Port) + "|" + branch
}

// came tells whether the call is in work, or was answered of late, and whether this is a repeat of the INVITE: else it came by another way.
func (e *Endpoint) came(r *Request, hop string) (before, repeated bool) {
	key := r.mergeKey()
	if _, before = e.traces.find(e.traces.forks(key, "")); before {
		_, repeated = e.traces.find(e.traces.forks(key, hop))
		return before, repeated
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	in := e.pending[key]
	return in != nil, in != nil && in.hop == hop
}

func (e *Endpoint) begin(key string, in *Incoming) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed || e.pending[key] != nil {
		return false
	}
	e.pending[key] = in
	return true
}

// finish forgets a call that is no longer in work, but for its traces.
func (e *Endpoint) finish(key string, in *Incoming) {
	e.traces.keep(e.traces.forks(key, in.hop), "")
	e.traces.keep(e.traces.forks(key, ""), "")
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.pending, key)
}

func (in *Incoming) cancelled(cause error) {
	if in.state.CompareAndSwap(calling, cancelled) {
		in.cancel(cause)
	}
}

// Context ends when the call needs no answer any more: its Cause is ErrCancelled, ErrTransport, ErrTimeout (nobody answered
// for three minutes; then Reject) or ErrClosed; ErrAnswered after Accept or Reject and the return of Host.Invite.
func (in *Incoming) Context() context.Context { return in.ctx }

// Ring sends a provisional response (180, 183 ...).
func (in *Incoming) Ring(status int) error {
	if in.state.Load() != calling {
		return in.over()
	}
	return in.send(Response{Status: status, Header: in.contact()})
}

// DialogID is the ID that the dialog will have once Accept has made it: whoever keeps a table of dialogs enters it before
// Accept, since the peer's next request may come before Accept returns.
func (in *Incoming) DialogID() string {
	return dialogID(in.Request.CallID, in.tag, in.Request.From.Tag)
}

func (in *Incoming) contact() []HeaderField {
	return []HeaderField{{"Contact", in.e.contact(in.e.user(in.Request), in.Request.Transport, in.Request.Source, in.stream)}}
}

// over tells why the call can no longer be answered.
func (in *Incoming) over() error {
	if in.state.Load() == answered {
		return ErrAnswered
	}
	return fmt.Errorf("answer: %w", context.Cause(in.ctx))
}

func (in *Incoming) send(r Response) error {
	res, err := in.e.response(in.sr, in.tag, r)
	if err != nil {
		return err
	}
	if err := in.e.fits(res); err != nil {
		return err
	}
	if err := in.tx.Respond(res); err != nil {
		return fmt.Errorf("%w: %w", ErrTransport, err)
	}
	return nil
}

// Reject refuses the call with a final status of 300 to 699.
func (in *Incoming) Reject(r Response) error {
	if r.Status < 300 || r.Status > 699 {
		return fmt.Errorf("%w: status %d", ErrBadHeader, r.Status)
	}
	if err := cleanFields(r.Header, r.Reason, r.ContentType); err != nil {
		return err
	}
	if !in.state.CompareAndSwap(calling, answered) {
		return in.over()
	}
	in.e.stats.refuse("rejected")
	err := in.send(r)
	in.repair()
	in.setup.end()
	return err
}

// repair mends a race of CANCEL and our answer: sipgo had sent 487 but would retransmit the answer it ignored.
func (in *Incoming) repair() {
	if in.tx.Err() != nil {
		_ = in.send(Response{Status: 487})
	}
}

// Authenticate has the dialog answer digest challenges of a realm, and of no other, as the dialog of an Invitation does: who is called may have
// to prove himself when he asks for something. It comes before Accept.
func (in *Incoming) Authenticate(username, password, realm string) {
	in.login = &login{username: username, password: password, realm: realm}
}

// Accept answers 200 with the body, and with further header fields, and returns at once; the 200 is retransmitted until its ACK, which comes as the first
// event of the dialog. Without an ACK within 64*T1 the call is ended with a BYE and Gone(ErrNoAck). When the answer does not
// fit a datagram nothing was sent and the call may still be rejected.
func (in *Incoming) Accept(contentType string, body []byte, fields ...HeaderField) (*Dialog, error) {
	ok := Response{Status: 200, ContentType: contentType, Body: body, Header: append(in.e.capabilities(), in.contact()...)}
	ok.Header = append(ok.Header, fields...)
	res, err := in.e.response(in.sr, in.tag, ok)
	if err != nil {
		return nil, err
	}
	if err := in.e.fits(res); err != nil {
		return nil, err
	}
	if !in.state.CompareAndSwap(calling, answered) {
		return nil, in.over()
	}
	d, err := in.e.answering(in, res)
	if err != nil {
		return nil, err
	}
	in.setup.end()
	ack, err := d.accept(in.tx, in.sr, res)
	if err != nil {
		in.repair()
		d.end(ErrTransport)
		return nil, fmt.Errorf("%w: %w", ErrTransport, err)
	}
	if ack != nil {
		d.post(ack)
	}
	return d, nil
}
