package legs

import (
	"context"
	"crypto/x509"
	"log/slog"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs/dialog"
	"github.com/conclave/conclave/legs/media"
	"github.com/conclave/conclave/legs/offer"
)

const (
	domain = "conf.test"
	room   = "sip:standup@" + domain
	alice  = "sip:alice@" + domain
	// patience bounds every wait of these tests: what it guards against is a hang, not slowness.
	patience = 20 * time.Second
)

// short are the timers of all endpoints of this package's tests (they are process-wide).
var short = dialog.Timers{T1: 60 * time.Millisecond, T2: 240 * time.Millisecond, T4: 240 * time.Millisecond}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// papers take long to make and are made once.
type papers struct {
	authority *keying.Authority
	server    keying.Identity
	account   *keying.Certificate
}

var issued = sync.OnceValues(func() (*papers, error) {
	a, err := keying.NewAuthority(domain, nil)
	if err != nil {
		return nil, err
	}
	p := &papers{authority: a}
	if p.server, err = a.IssueServer(); err != nil {
		return nil, err
	}
	p.account, err = a.IssueAccount(alice, keying.CertRSA)
	return p, err
})

// directory is the answering side's: it knows alice.
type directory struct{ roots *x509.CertPool }

func (d directory) PSK(identity string) (keying.Secret, bool) { return secret(), identity == alice }

func (d directory) Roots() *x509.CertPool { return d.roots }

func (d directory) Known(identity string) bool { return identity == alice }

func secret() keying.Secret { return keying.NewSecret([]byte("a pre-shared key of 32 octets ..")) }

// world is an answering endpoint that takes every verified call, and a calling one.
type world struct {
	t              *testing.T
	policy         *keying.Policy
	answering      *side
	calling        *side
	gated          bool // the answering side verifies re-INVITEs in Admit, as the server's gate does
	late           keying.Method
	secured        bool                     // SDES may be used on both sides
	tamper         func(body []byte) []byte // what somebody on the way makes of the offer of an INVITE; nil: nothing
	answeringHook  hook                     // of the answering side, inside dialogs
	callingHook    hook                     // of the calling side, inside dialogs
	callee         chan *Leg
	refusals       chan *Reject
	running        atomic.Pointer[Leg] // the answering leg
	answeringOwner *owner
}

// side is one endpoint with its line.
type side struct {
	endpoint *dialog.Endpoint
	line     *Line
	dh       *keying.Pool
}

// option changes a world before its endpoints listen.
type option func(*world)

func newWorld(t *testing.T, options ...option) *world {
	t.Helper()
	p, err := issued()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, policy: keying.StandardPolicy(), callee: make(chan *Leg, 4), refusals: make(chan *Reject, 4)}
	w.policy.Methods, w.policy.Suites = keying.Methods(), keying.Suites()
	w.answeringOwner = newOwner(t)
	w.answering, w.calling = newSide(t), newSide(t)
	own := keying.Config{Own: p.server, Directory: directory{p.authority.Roots()}, Pool: w.answering.dh}
	if w.answering.line.Keyer, err = keying.New(own); err != nil {
		t.Fatal(err)
	}
	key, err := p.account.KeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	bundle := &keying.Bundle{
		Account: "alice", URI: alice, PSK: secret(), CertPEM: string(p.account.CertPEM()), KeyPEM: key,
		CAPEM: string(p.authority.CertPEM()), ServerCertPEM: string(p.server.RSA.CertPEM()),
	}
	if w.calling.line.Keyer, err = keying.NewBundleKeyer(bundle, keying.BundleConfig{Pool: w.calling.dh}); err != nil {
		t.Fatal(err)
	}
	for _, o := range options {
		o(w)
	}
	w.answering.listen(t, answeringHost{w})
	w.calling.listen(t, callingHost{w})
	return w
}

func newSide(t *testing.T) *side {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	if testing.Verbose() {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	return &side{
		dh: keying.NewPool(keying.PoolConfig{Deadline: patience}),
		line: &Line{
			Domain: domain, Ports: media.NewPorts(netip.MustParseAddr("127.0.0.1"), 0, 0), Codecs: []string{"pcmu", "pcma"}, CNAME: "test", Log: log,
		},
	}
}

// listen opens the endpoint; when the test ends, nothing may be left of it.
func (s *side) listen(t *testing.T, h dialog.Host) {
	t.Helper()
	var err error
	s.endpoint, err = dialog.Listen(dialog.Config{
		UDP: "127.0.0.1:0", Domain: domain, UserAgent: "test", Timers: short, Log: s.line.Log,
	}, h)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.endpoint.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
		if n := s.endpoint.Stats().Panics; n > 0 {
			t.Errorf("%d panics recovered", n)
		}
		if n := s.line.Ports.InUse(); n > 0 {
			t.Errorf("%d ports were not returned", n)
		}
	})
}

// outgoing is a call of alice's to the room.
func (w *world) outgoing(m keying.Method) Outgoing {
	return Outgoing{
		Invitation: dialog.Invitation{URI: room, From: alice, Transport: "udp", Destination: w.answering.endpoint.Addr("udp").String()},
		Local:      alice, Peer: room, Policy: w.policy, Methods: []keying.Method{m}, Secured: w.secured,
	}
}

// connected is a call that stands on both sides.
type connected struct {
	*world
	caller, callee           *Leg
	callerOwner, calleeOwner *owner
}

// call places a call that must succeed.
func (w *world) call(o Outgoing) *connected {
	w.t.Helper()
	c := &connected{world: w, callerOwner: newOwner(w.t), calleeOwner: w.answeringOwner}
	var err error
	if c.caller, err = w.calling.line.Call(within(w.t), w.calling.endpoint, o, c.callerOwner); err != nil {
		w.t.Fatal(err)
	}
	c.callerOwner.tick(c.caller)
	c.callee = got(w.t, w.callee, "an accepted call")
	if l := got(w.t, c.calleeOwner.confirmed, "the ACK"); l != c.callee {
		w.t.Error("confirmed another leg")
	}
	w.t.Cleanup(func() {
		c.callerOwner.stop()
		if c.caller.State() != Ended {
			_ = c.caller.Hangup(context.Background(), "hangup") // ErrEnded: gone
		}
		<-c.caller.Done()
		<-c.callee.Done()
	})
	return c
}

// flows waits until both sides have heard more of each other.
func (c *connected) flows() {
	c.t.Helper()
	a, b := c.caller.Stream().Snapshot(), c.callee.Stream().Snapshot()
	eventually(c.t, "media both ways", func() bool {
		return c.caller.Stream().Snapshot().PacketsReceived >= a.PacketsReceived+8 &&
			c.callee.Stream().Snapshot().PacketsReceived >= b.PacketsReceived+8
	})
}

// same holds that the leg agreed on the same keys as before.
func sameKeys(t *testing.T, l *Leg, before *Terms) {
	t.Helper()
	after := l.Terms()
	if after.Posture.CSBID != before.Posture.CSBID || after.Rekeys != before.Rekeys || !after.Posture.Since.Equal(before.Posture.Since) {
		t.Errorf("keys changed: CSB %08x to %08x, %d to %d rekeys", before.Posture.CSBID, after.Posture.CSBID, before.Rekeys, after.Rekeys)
	}
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// got takes a value or fails.
func got[T any](t *testing.T, c <-chan T, what string) (v T) {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case v = <-c:
	case <-timer.C:
		t.Fatalf("no %s", what)
	}
	return v
}

// eventually waits for a condition that packets or another goroutine bring about.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for !holds() {
		select {
		case <-ticker.C:
		case <-timer.C:
			t.Fatalf("never: %s", what)
		}
	}
}

// fixed is an offer that is there already; nil: none.
func fixed(body []byte) dialog.Content {
	if body == nil {
		return nil
	}
	return func(context.Context) (string, []byte, error) { return offer.ContentType, body, nil }
}
