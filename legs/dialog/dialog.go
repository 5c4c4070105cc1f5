package dialog

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo/sip"
)

// Dialog is one established dialog (RFC 3261 section 12), ours to answer or to call. Its methods may be used from any
// goroutine; its events come out of Inbox, to one reader.
type Dialog struct {
	e        *Endpoint
	id       string
	callID   string
	localTag string
	outgoing bool
	first    *Request
	from, to string // our and the peer's identity as header text with tags, set once
	remote   Address
	login    *login    // credentials of a call that we made, or of one that was given them (Incoming.Authenticate); nil: none
	host     string    // what a TLS peer that we dialled proved to be
	user     string    // of our Contact
	pinned   bool      // made over a flow of the peer's, or of a subscription: it stays there, and nothing is dialled for it
	lone     *receiver // of a subscription, which has no goroutine; nil otherwise

	inbox    chan Event
	arrivals chan *arrival
	answers  chan answer
	poked    chan struct{} // the connection ended
	stop     chan error    // the first cause wins
	done     chan struct{} // closed when the dialog has ended, just before Gone is delivered
	acked    chan struct{} // closed when the ACK of our first 2xx came, or will never come
	ackOnce  sync.Once
	cause    atomic.Pointer[error]
	flow     atomic.Pointer[stream] // nil for UDP
	value    atomic.Pointer[any]

	sending sync.Mutex // held over CSeq choice and first transmission, so that the wire has our CSeq order
	mu      sync.Mutex // the fields below; never held while sending
	seq     uint32     // our last CSeq
	target  string     // Request-URI: the peer's Contact
	routes  []string   // route set, as Route values
	peer    netip.AddrPort
	offer   offering
	left    bool // it needs its connection no longer
}

// offering is who has an INVITE (or an UPDATE with an offer) under way; both at once is glare (RFC 3261 section 14).
type offering uint8

const (
	idle offering = iota
	ours
	theirs
)

// ID names the dialog on this endpoint.
func (d *Dialog) ID() string { return d.id }

// Request is the INVITE that made the dialog: the peer's, or our own as we sent it.
func (d *Dialog) Request() *Request { return d.first }

// Outgoing tells that we called.
func (d *Dialog) Outgoing() bool { return d.outgoing }

// RemoteIdentity is the peer's From (its To, when we called).
func (d *Dialog) RemoteIdentity() Address { return d.remote }

// Transport is "udp", "tcp" or "tls".
func (d *Dialog) Transport() string { return d.first.Transport }

// RemoteSource is where the peer's signalling came from when the dialog began or its target was last refreshed.
func (d *Dialog) RemoteSource() netip.AddrPort {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.peer
}

// Connection is the flow of the dialog, comparable to Request.Connection.
func (d *Dialog) Connection() string {
	if st := d.flow.Load(); st != nil {
		return st.id
	}
	return d.first.Transport + "|" + d.RemoteSource().String()
}

// Inbox delivers the events, in the peer's CSeq order; it is closed after Gone. It is bounded: a reader that leaves 28
// events unread makes the peer see 503.
func (d *Dialog) Inbox() <-chan Event { return d.inbox }

// Done is closed when the dialog has ended; Err then tells why (nil after our own Bye).
func (d *Dialog) Done() <-chan struct{} { return d.done }

// Err is why the dialog ended, nil while it lives and after our own Bye.
func (d *Dialog) Err() error {
	if p := d.cause.Load(); p != nil {
		return *p
	}
	return nil
}

// Tags are the Call-ID and both tags of the dialog, as this side sees it: what Replaces and Target-Dialog name it by.
func (d *Dialog) Tags() (callID, local, remote string) { return d.callID, d.localTag, d.remote.Tag }

// SetValue keeps something of the owner's in the dialog, for Host.Admit to find; any goroutine.
func (d *Dialog) SetValue(v any) { d.value.Store(&v) }

// Value is what SetValue kept last, nil before.
func (d *Dialog) Value() any {
	if p := d.value.Load(); p != nil {
		return *p
	}
	return nil
}

// GlareWait is how long to wait before another Reinvite after a 491 (RFC 3261 section 14.1): 2.1 to 4 s for the side that
// chose the Call-ID, 0 to 2 s for the other, in steps of 10 ms, where T1 is 500 ms; a shorter T1 shortens it.
func (d *Dialog) GlareWait() time.Duration {
	if d.outgoing {
		return (2100*time.Millisecond + steps(190)) * t1() / usualT1
	}
	return steps(200) * t1() / usualT1
}

// newDialog makes a dialog without goroutine or place in the table.
func (e *Endpoint) newDialog(callID, localTag string, remote Address) *Dialog {
	return &Dialog{
		e: e, id: dialogID(callID, localTag, remote.Tag), callID: callID, localTag: localTag, remote: remote,
		inbox: make(chan Event, inboxLen), arrivals: make(chan *arrival), answers: make(chan answer),
		poked: make(chan struct{}, 1), stop: make(chan error, 1), done: make(chan struct{}), acked: make(chan struct{}),
	}
}

// answering makes the dialog of a call that we accept with res, before res is sent: its ACK may come at once.
func (e *Endpoint) answering(in *Incoming, res *sip.Response) (*Dialog, error) {
	r := in.Request
	d := e.newDialog(r.CallID, in.tag, r.From)
	d.first, d.user, d.login = r, e.user(r), in.login
	d.from, d.to = r.Header("to")[0]+";tag="+in.tag, r.Header("from")[0]
	d.routes = routeSet(r.Header("record-route"), false)
	d.retarget(r.Header("contact"), r.Source)
	if in.stream != nil {
		d.flow.Store(in.stream)
	}
	d.offer = theirs
	rx := &receiver{d: d, seq: r.CSeq, seen: true}
	rx.unacked = &unacked{cseq: r.CSeq, res: res, conn: in.tx.Connection(), flow: r.Connection, first: true}
	if err := e.live(d, rx); err != nil {
		return nil, err
	}
	return d, nil
}

// live puts the dialog into the table and starts its goroutine.
func (e *Endpoint) live(d *Dialog, rx *receiver) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return ErrClosed
	}
	if e.dialogs[d.id] != nil {
		return fmt.Errorf("%w: a dialog of that name exists", ErrMalformed)
	}
	if st := d.flow.Load(); st != nil {
		st.users.Add(1)
	}
	e.dialogs[d.id] = d
	e.wg.Go(rx.run)
	return nil
}

// end makes the dialog end with that cause; the first cause wins.
func (d *Dialog) end(cause error) {
	if d.lone != nil {
		d.lone.once.Do(func() { d.lone.finish(cause) })
		return
	}
	select {
	case d.stop <- cause:
	default:
	}
}

func (d *Dialog) poke() {
	select {
	case d.poked <- struct{}{}:
	default:
	}
}

// retarget takes the peer's Contact and source: where our requests go from now on (target refresh, RFC 3261 12.2).
func (d *Dialog) retarget(contacts []string, from netip.AddrPort) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if from.IsValid() {
		d.peer = from
	}
	if len(contacts) == 0 {
		return
	}
	list, err := parseAddresses(contacts[0])
	if err != nil || list[0].URI.Host == "" {
		return
	}
	d.target = list[0].raw
	// The port of a Contact at the source's own address is to be believed; any other address is behind a NAT, or a
	// victim: requests go back to where the peer speaks from. So they do over a flow.
	if a, err := netip.ParseAddr(list[0].URI.Host); err == nil && a.Unmap() == d.peer.Addr() && len(d.routes) == 0 && !d.pinned {
		d.peer = netip.AddrPortFrom(d.peer.Addr(), list[0].URI.port())
	}
}

// context is ctx for as long as the endpoint lives.
func (e *Endpoint) context(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(e.ctx, func() { cancel(ErrClosed) })
	return ctx, func() { stop(); cancel(context.Canceled) }
}
