package dialog

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
)

// Endpoint is a SIP user agent on its transports: it answers, calls, and owns the dialogs of both.
type Endpoint struct {
	cfg   Config // set once in Listen, defaults filled in
	host  Host
	log   *slog.Logger
	key   [32]byte // of stateless To tags; new at every start
	stats counters

	tpl     *sip.TransportLayer
	txl     *sip.TransactionLayer
	front   *front
	door    *door
	traces  *traces    // of requests over UDP
	udp     *datagrams // nil when off
	streams *streams
	addrs   map[string]net.Addr // listeners of streams, set once in Listen

	ctx    context.Context //nolint:containedctx // the life of the endpoint, for what no caller waits for
	cancel context.CancelFunc
	wg     sync.WaitGroup // handlers, dialogs and what they leave behind

	mu      sync.Mutex
	closed  bool
	dialogs map[string]*Dialog
	// subscriptions are those that a SUBSCRIBE made; they have no goroutine.
	subscriptions map[string]*Dialog
	pending       map[string]*Incoming     // new calls in work, to find merged requests
	placed        map[string]chan struct{} // INVITEs of ours in work, by Call-ID and our tag; closed when the dialog stands, or never will
	acks          map[string]*acks         // of INVITEs of ours that were accepted, by their transactions
}

// Listen opens the transports of cfg and answers on them. The Host's methods may be called before Listen returns.
func Listen(cfg Config, h Host) (*Endpoint, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	if err := settle(cfg.Timers); err != nil {
		return nil, err
	}
	e := &Endpoint{
		cfg: cfg, host: h, log: cfg.Log, addrs: make(map[string]net.Addr),
		dialogs: make(map[string]*Dialog), subscriptions: make(map[string]*Dialog), pending: make(map[string]*Incoming),
		placed: make(map[string]chan struct{}), acks: make(map[string]*acks),
	}
	if _, err := rand.Read(e.key[:]); err != nil {
		return nil, fmt.Errorf("%w: no randomness", ErrConfig)
	}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	e.door, e.traces = newDoor(&cfg), newTraces(t64(), time.Now)
	e.front = &front{
		door: e.door, traces: e.traces, repeats: newRepeats(), queued: e.queued,
		parser: newParser(), budget: newBudget(cfg.RequestsPerSource), stats: &e.stats, stamp: e.stamp, now: time.Now,
		full: func() bool { return e.stats.handlers.Load() > 2*int64(cfg.MaxHandlers) },
	}
	e.layers()
	if err := e.open(); err != nil {
		_ = e.Close(context.Background())
		return nil, err
	}
	return e, nil
}

func (c *Config) complete() error {
	if c.TLS != "" && c.ServerTLS == nil {
		return fmt.Errorf("%w: TLS needs ServerTLS", ErrConfig)
	}
	if !clean(c.Domain, c.UserAgent, c.Contact) {
		return ErrBadHeader
	}
	for p, d := range map[*int]int{
		&c.MaxUDP: defaultMaxUDP, &c.MaxHandlers: defaultHandlers, &c.MaxConnections: defaultConnections,
		&c.ConnectionsPerSource: defaultPerSource, &c.MaxWaiting: defaultWaiting,
		&c.MaxSetups: max(1, int(setupShare*float64(runtime.GOMAXPROCS(0)))),
	} {
		if *p <= 0 {
			*p = d
		}
	}
	if c.MaxUDP > maxMessage-200 {
		c.MaxUDP = maxMessage - 200 // what an IP datagram can carry
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}

// layers makes sipgo's transport and transaction layers; no dialog, client or server of it is used.
func (e *Endpoint) layers() {
	log := slog.New(newRedactor(e.log.Handler()))
	tcp := &sip.TransportTCP{DialerCreate: refuseDial}
	secure := &sip.TransportTLS{TransportTCP: &sip.TransportTCP{DialerCreate: refuseDial}}
	e.tpl = sip.NewTransportLayer(net.DefaultResolver, newParser(), nil, sip.WithTransportLayerLogger(log),
		sip.WithTransportLayerTransports(sip.TransportsConfig{TCP: tcp, TLS: secure}))
	e.txl = sip.NewTransactionLayer(e.tpl, sip.WithTransactionLayerLogger(log),
		sip.WithTransactionLayerTerminateOnConnClose(),
		sip.WithTransactionLayerUnhandledResponseHandler(e.again))
	e.txl.OnRequest(e.handle)
	e.streams = newStreams(e.cfg, e.front, e.connectionGone)
}

// open binds every listener before the first message is read.
func (e *Endpoint) open() error {
	e.streams.serve(e.tpl)
	if e.cfg.UDP != "" {
		s, err := listenUDP(e.cfg.UDP)
		if err != nil {
			return err
		}
		e.udp = newDatagrams(s, e.front, e.tpl.ServeUDP)
	}
	for transport, addr := range map[string]string{"tcp": e.cfg.TCP, "tls": e.cfg.TLS} {
		if addr == "" {
			continue
		}
		l, err := net.Listen("tcp", addr)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrConfig, err)
		}
		e.addrs[transport] = l.Addr()
		if transport == "tls" {
			e.streams.listen(l, e.cfg.ServerTLS)
		} else {
			e.streams.listen(l, nil)
		}
	}
	if e.udp != nil {
		e.udp.start()
	}
	return nil
}

// queued is the number of new calls that wait for sipgo's reader.
func (e *Endpoint) queued() int {
	if e.udp == nil {
		return 0
	}
	return e.udp.inbox.waiting(calls)
}

// Addr is the bound address of a transport ("udp", "tcp", "tls"), nil when it is off.
func (e *Endpoint) Addr(transport string) net.Addr {
	if transport == "udp" && e.udp != nil {
		return e.udp.open.Load().now.LocalAddr()
	}
	return e.addrs[transport]
}

// Dialog finds a dialog by its ID (Dialog.ID, Replaces.DialogID); nil when there is none.
func (e *Endpoint) Dialog(id string) *Dialog {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.dialogs[id]
}

// Stats is a snapshot of the counters.
func (e *Endpoint) Stats() Stats {
	s := e.stats.snapshot()
	e.mu.Lock()
	s.Dialogs = len(e.dialogs)
	e.mu.Unlock()
	s.Connections = e.streams.count()
	if e.udp != nil {
		s.Dropped = e.udp.drops()
	}
	return s
}

// Close ends the endpoint: every dialog gets Gone(ErrClosed) without a BYE (whoever owns it hangs up first), every call in
// work is cancelled, sockets are closed, and all goroutines have ended when it returns nil.
func (e *Endpoint) Close(ctx context.Context) error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil
	}
	e.closed = true
	for _, d := range e.dialogs {
		d.end(ErrClosed)
	}
	for _, in := range e.pending {
		in.cancel(ErrClosed)
	}
	subscriptions := slices.Collect(maps.Values(e.subscriptions))
	e.mu.Unlock()
	for _, d := range subscriptions { // which take themselves from the table
		d.end(ErrClosed)
	}
	e.cancel()
	e.txl.Close()
	if e.udp != nil {
		e.udp.stop()
	}
	e.streams.stop()
	e.txl.Close() // what began in between
	_ = e.tpl.Close()
	done := make(chan struct{})
	go func() {
		e.wg.Wait()
		_ = e.tpl.Close() // whatever sipgo opened behind our back in the meantime
		close(done)
	}()
	t := time.NewTimer(closeWait)
	defer t.Stop()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("close: %w", context.Cause(ctx))
	case <-t.C:
		return fmt.Errorf("close: %w", ErrTimeout)
	}
}

// enter counts a goroutine in, unless the endpoint is closed.
func (e *Endpoint) enter() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false
	}
	e.wg.Add(1)
	return true
}

// connectionGone tells the dialogs that live on a connection.
func (e *Endpoint) connectionGone(st *stream) {
	e.mu.Lock()
	var lost []*Dialog
	for _, d := range e.dialogs {
		if d.flow.Load() == st {
			lost = append(lost, d)
		}
	}
	for _, in := range e.pending {
		if in.stream == st {
			in.cancel(ErrTransport)
		}
	}
	e.mu.Unlock()
	for _, d := range lost {
		d.poke()
	}
}

// stamp is a stateless To tag: the same for a retransmitted request (RFC 3261 section 8.2.7), unguessable to others.
func (e *Endpoint) stamp(callID, from, cseq string) string {
	m := hmac.New(sha256.New, e.key[:])
	for _, s := range []string{callID, from, cseq} {
		fmt.Fprintf(m, "%d:%s", len(s), s)
	}
	return hex.EncodeToString(m.Sum(nil)[:16])
}
