package loadtest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs"
	"github.com/conclave/conclave/legs/dialog"
	"github.com/conclave/conclave/legs/media"
	"github.com/conclave/conclave/mixer/codec"
)

// Exchange is what the callers of one process share: a SIP endpoint, media ports, the Diffie-Hellman pool and the clock.
type Exchange struct {
	endpoint *dialog.Endpoint
	client   *tls.Config
	ports    *media.Ports
	ledger   *media.Ledger
	dh       *keying.Pool
	guard    *keying.Guard
	clock    *Clock
	devices  *switchboard
	stop     context.CancelFunc // ends the clock; nil: it is that of another Exchange
	done     chan struct{}
	log      *slog.Logger
}

// NewExchange opens the callers' side on a local address; roots vouch for the server's TLS certificate.
func NewExchange(local netip.Addr, client *tls.Config, log *slog.Logger) (*Exchange, error) {
	guard, err := keying.NewGuard(keying.GuardConfig{})
	if err != nil {
		return nil, err
	}
	devices := newSwitchboard()
	endpoint, err := listen(local, client, devices, log)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	x := &Exchange{
		endpoint: endpoint, client: client, ports: media.NewPorts(local, 0, 0), ledger: media.NewLedger(), guard: guard, clock: NewClock(), devices: devices, stop: stop,
		dh: keying.NewPool(keying.PoolConfig{Queue: callersQueue, Deadline: setupPatience}), done: make(chan struct{}), log: log,
	}
	go func() {
		defer close(x.done)
		x.clock.Run(ctx)
	}()
	return x, nil
}

func listen(local netip.Addr, client *tls.Config, host dialog.Host, log *slog.Logger) (*dialog.Endpoint, error) {
	return dialog.Listen(dialog.Config{
		UDP: netip.AddrPortFrom(local, 0).String(), ClientTLS: client, Domain: local.String(), UserAgent: "Conclave-callers", Log: log,
	}, host)
}

// Beside gives an Exchange with a SIP endpoint of its own on a local address, which shares everything else. It is closed before x is.
func (x *Exchange) Beside(local netip.Addr) (*Exchange, error) {
	own := *x
	own.devices, own.stop = newSwitchboard(), nil
	var err error
	own.endpoint, err = listen(local, x.client, own.devices, x.log)
	return &own, err
}

// Close ends the clock and the endpoint; the callers have hung up by then.
func (x *Exchange) Close() error {
	if x.stop != nil { // else the clock is that of another
		x.stop()
		<-x.done
	}
	ctx, cancel := context.WithTimeout(context.Background(), hangupPatience)
	defer cancel()
	return x.endpoint.Close(ctx)
}

// Plan is one call to place, or how a device takes calls.
type Plan struct {
	Bundle    *keying.Bundle
	URI       string          // of the room, as it goes into the request line
	Room      string          // identity of the room for MIKEY
	Transport string          // udp, tcp or tls
	Server    string          // host:port
	Methods   []keying.Method // by preference: the server's 488 has the next one tried
	Suite     keying.Suite
	Group     keying.Group
	Codecs    []string // by preference
	LateOffer bool
	Clear     bool // keys of sdes may go in clear over udp and tcp
	// Fallback is told before the next method is tried; nil: nobody is.
	Fallback func(from, to keying.Method, why *legs.Refused)
	Device   string // user part of the Contact: that of the device which calls; "" without one
	Header   []dialog.HeaderField
	Voice    func(codec.Format) (mouth, ear, error) // told the format of the call, it gives who speaks and who listens
}

// Caller is one call that stands.
type Caller struct {
	exchange  *Exchange
	leg       *legs.Leg
	setup     time.Duration
	remove    func() // off the clock
	confirmed chan struct{}
	ended     chan struct{}
	ending    legs.Ending // valid once ended is closed
	channel   *channel
	changes   chan change // of keys, as they come to an end; one that nobody waits for is dropped
}

// Call places the call, waits until it stands, and has the clock tick it.
func (x *Exchange) Call(ctx context.Context, p Plan) (*Caller, error) {
	c, line, err := x.caller(p)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	leg, err := line.Call(ctx, x.endpoint, legs.Outgoing{
		Invitation: dialog.Invitation{
			URI: p.URI, From: p.Bundle.URI, Transport: p.Transport, Destination: p.Server, ContactUser: p.Device, Header: p.Header,
			Username: p.Bundle.Digest.Username, Password: string(p.Bundle.Digest.Password.Bytes()), Realm: p.Bundle.Digest.Realm,
		},
		Local: p.Bundle.URI, Peer: p.Room, Policy: callerPolicy(p), Methods: p.Methods, Suite: p.Suite, Group: p.Group, LateOffer: p.LateOffer,
		Secured: p.Clear, OnFallback: p.Fallback,
	}, c)
	if err != nil {
		return nil, err
	}
	c.begin(leg)
	if err = c.open(ctx, p, start); err != nil {
		return nil, err
	}
	return c, nil
}

// caller makes what a call needs on this side, but for the call.
func (x *Exchange) caller(p Plan) (*Caller, *legs.Line, error) {
	keyer, err := keying.NewBundleKeyer(p.Bundle, keying.BundleConfig{Pool: x.dh, Guard: x.guard})
	if err != nil {
		return nil, nil, err
	}
	c := &Caller{exchange: x, confirmed: make(chan struct{}), ended: make(chan struct{}), changes: make(chan change, changesKept)}
	return c, &legs.Line{
		Domain: domainOf(p.Bundle.URI), Keyer: keyer, Ports: x.ports, Ledger: x.ledger, Codecs: p.Codecs, CNAME: "caller", Log: x.log, OnRekey: c.changed,
	}, nil
}

// begin has the clock tick the leg: from now on records of a handshake come through, too.
func (c *Caller) begin(leg *legs.Leg) {
	c.leg, c.channel = leg, newChannel(leg, c.ended)
	c.remove = c.exchange.clock.add(c.channel)
}

// open lets the call be heard once it has keys; one that gets none is hung up.
func (c *Caller) open(ctx context.Context, p Plan, start time.Time) error {
	if err := c.keyed(ctx); err != nil {
		return errors.Join(err, c.HangUp())
	}
	c.setup = time.Since(start)
	if err := c.channel.open(p); err != nil {
		return errors.Join(err, c.HangUp())
	}
	return nil
}

// ErrKeyless says that a call was answered and ended, or took too long, before it had keys.
var ErrKeyless = errors.New("loadtest: no keys")

// keyed waits until the call has keys: where a handshake makes them, they come some ticks after the answer.
func (c *Caller) keyed(ctx context.Context) error {
	select {
	case <-c.leg.Keyed():
		return nil
	case <-c.ended:
		return fmt.Errorf("%w: %s", ErrKeyless, c.ending.Reason)
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrKeyless, ctx.Err())
	}
}

// callerPolicy is what a caller agrees to: what it asks for itself, and no less. With a late offer the server asks.
func callerPolicy(p Plan) *keying.Policy {
	policy := keying.StandardPolicy()
	policy.Name, policy.Methods, policy.Suites = "caller", p.Methods, keying.Suites()
	if p.LateOffer {
		policy.Methods = keying.Methods()
	}
	if p.Suite != "" {
		policy.Suites = []keying.Suite{p.Suite}
	}
	if p.Group != "" {
		policy.Groups = []keying.Group{p.Group}
	}
	return policy
}

// Accepted implements legs.Owner.
func (c *Caller) Accepted(*legs.Leg) {}

// Confirmed implements legs.Owner: the server has our answer.
func (c *Caller) Confirmed(*legs.Leg) { close(c.confirmed) }

// Referred implements legs.Owner: the server has nothing to ask of a caller.
func (c *Caller) Referred(_ *legs.Leg, r *legs.Referral) { r.Refuse(dialog.Response{Status: 603}) }

// Pressed implements legs.Owner: the server has no keypad.
func (c *Caller) Pressed(*legs.Leg, byte) {}

// Ended implements legs.Owner. The stream is released by whoever took the caller off the clock: HangUp.
func (c *Caller) Ended(_ *legs.Leg, e legs.Ending) {
	c.ending = e
	close(c.ended)
}

// Gone is closed when the call has ended, whoever ended it.
func (c *Caller) Gone() <-chan struct{} { return c.ended }

// Stop takes the caller off the clock: it neither speaks nor listens any more, and its results may be read.
func (c *Caller) Stop() {
	if c.remove != nil {
		c.remove()
		c.remove = nil
	}
}

// HangUp ends the call and releases the leg.
func (c *Caller) HangUp() error {
	c.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), hangupPatience)
	defer cancel()
	if err := c.leg.Hangup(ctx, "hangup"); err != nil && !errors.Is(err, legs.ErrEnded) {
		return fmt.Errorf("hang up: %w", err)
	}
	select {
	case <-c.ended:
	case <-ctx.Done():
		return fmt.Errorf("hang up: %w", ctx.Err())
	}
	c.leg.Release()
	return nil
}
