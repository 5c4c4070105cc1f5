package keying

import (
	"crypto/x509"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	testDomain = "conf.example.com"
	alice      = "sip:alice@" + testDomain
	bob        = "sip:bob@" + testDomain
	room       = "sip:blue@" + testDomain
)

// began is when the tests' clocks start.
var began = time.Date(2026, 11, 21, 8, 0, 0, 123_456_789, time.UTC)

// hands is a clock that a test sets.
type hands struct {
	mu sync.Mutex
	at time.Time
}

func (h *hands) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.at
}

func (h *hands) move(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = h.at.Add(d)
}

// papers are certificates that take long to make; they are made once for all tests and benchmarks.
type papers struct {
	authority, foreign *Authority
	server             Identity
	accounts           map[string]*Certificate // by URI and kind
	foreignAlice       *Certificate
}

var issued = sync.OnceValues(func() (*papers, error) {
	start := func() time.Time { return began }
	authority, err := NewAuthority(testDomain, start)
	if err != nil {
		return nil, err
	}
	foreign, err := NewAuthority(testDomain, start)
	if err != nil {
		return nil, err
	}
	server, err := authority.IssueServer()
	if err != nil {
		return nil, err
	}
	p := &papers{authority: authority, foreign: foreign, server: server, accounts: map[string]*Certificate{}}
	for _, uri := range []string{alice, bob} {
		for _, kind := range []string{CertRSA, CertECDSA} {
			if p.accounts[uri+kind], err = authority.IssueAccount(uri, kind); err != nil {
				return nil, err
			}
		}
	}
	p.foreignAlice, err = foreign.IssueAccount(alice, CertECDSA)
	return p, err
})

// register is a Directory of tests.
type register struct {
	mu    sync.Mutex
	psks  map[string]Secret
	known map[string]bool
	roots *x509.CertPool
}

func (d *register) PSK(identity string) (Secret, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s, ok := d.psks[identity]
	return NewSecret(s.Bytes()), ok
}

func (d *register) Roots() *x509.CertPool { return d.roots }

func (d *register) Known(identity string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.known[identity]
}

// world is a server with its accounts, on a clock of its own.
type world struct {
	tb     testing.TB
	clock  *hands
	papers *papers
	dir    *register
	pool   *Pool
	guard  *Guard
	replay *Replay
	server *Keyer
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	p, err := issued()
	if err != nil {
		tb.Fatal(err)
	}
	w := &world{tb: tb, clock: &hands{at: began}, papers: p, pool: NewPool(PoolConfig{Deadline: time.Minute})}
	w.dir = &register{
		psks:  map[string]Secret{alice: testPSK(alice), bob: testPSK(bob)},
		known: map[string]bool{alice: true, bob: true},
		roots: p.authority.Roots(),
	}
	if w.guard, err = NewGuard(GuardConfig{Now: w.clock.now}); err != nil {
		tb.Fatal(err)
	}
	w.restart(nil)
	return w
}

// restart gives the server a new replay cache, as a new process would have.
func (w *world) restart(c Ceiling) {
	w.tb.Helper()
	var err error
	if w.replay, err = NewReplay(ReplayConfig{Now: w.clock.now, Ceiling: c}); err != nil {
		w.tb.Fatal(err)
	}
	w.server, err = New(Config{
		Own: w.papers.server, Directory: w.dir, Replay: w.replay, Guard: w.guard, Pool: w.pool, Now: w.clock.now,
	})
	if err != nil {
		w.tb.Fatal(err)
	}
}

func testPSK(uri string) Secret {
	return NewSecret([]byte(uri + " has a pre-shared key of some length"))
}

// bundle is an account's, with a certificate of that kind.
func (w *world) bundle(uri, kind string) *Bundle {
	w.tb.Helper()
	c := w.papers.accounts[uri+kind]
	key, err := c.KeyPEM()
	if err != nil {
		w.tb.Fatal(err)
	}
	return &Bundle{
		Account: "test", URI: uri, PSK: testPSK(uri), CertPEM: string(c.CertPEM()), KeyPEM: key,
		CAPEM: string(w.papers.authority.CertPEM()), ServerCertPEM: string(w.papers.server.RSA.CertPEM()),
	}
}

// caller is the Keyer of an account.
func (w *world) caller(uri, kind string) *Keyer { return w.callerWith(w.bundle(uri, kind)) }

func (w *world) callerWith(b *Bundle) *Keyer {
	w.tb.Helper()
	k, err := NewBundleKeyer(b, BundleConfig{Now: w.clock.now, Pool: NewPool(PoolConfig{Deadline: time.Minute})})
	if err != nil {
		w.tb.Fatal(err)
	}
	return k
}

// ofMIKEY are the methods of MIKEY.
func ofMIKEY() []Method {
	return slices.DeleteFunc(Methods(), func(m Method) bool { return !m.mikey() })
}

// everything admits what there is.
func everything() *Policy {
	p := StandardPolicy()
	p.Suites = Suites()
	p.Methods = Methods()
	return p
}

// dialled and answered are the two views of a call of alice to the room.
func dialled(uri string) Call {
	return Call{Local: uri, Peer: room, SDPIDs: "mikey", SSRC: 0x1111_1111, Policy: everything()}
}

func answered() Call {
	return Call{Local: room, SDPIDs: "mikey", SSRC: 0x2222_2222, Policy: everything()}
}

// offer is an I_MESSAGE of a caller.
func (w *world) offer(k *Keyer, m Method, c Call) *Initiation {
	w.tb.Helper()
	i, err := k.Initiate(w.tb.Context(), m, c)
	if err != nil {
		w.tb.Fatal(err)
	}
	w.tb.Cleanup(i.Abandon)
	return i
}

// verified is an offer that the server accepts.
func (w *world) verified(message []byte, c Call) *Verified {
	w.tb.Helper()
	v, err := w.server.Verify(Attributes{MIKEY: message}, c)
	if err != nil {
		w.tb.Fatal(err)
	}
	return v
}

// wantRefusal checks that err is an Error of that reason.
func wantRefusal(tb testing.TB, err error, reason Reason) *Error {
	tb.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok {
		tb.Fatalf("got %v, want a refusal: %s", err, reason)
	}
	if e.Reason != reason {
		tb.Fatalf("refused for %s (%v), want %s", e.Reason, e.Err, reason)
	}
	return e
}

// wantMirrored checks that what one sends the other receives.
func wantMirrored(tb testing.TB, a, b *Keys) {
	tb.Helper()
	same := func(what string, sent, received Stream) {
		if !sent.Key.Equal(received.Key) || !sent.Salt.Equal(received.Salt) {
			tb.Errorf("%s: keys or salts differ", what)
		}
		if sent.SSRC != received.SSRC || sent.ROC != received.ROC || string(sent.MKI) != string(received.MKI) {
			tb.Errorf("%s: sent SSRC %x ROC %d MKI %x, received %x %d %x", what,
				sent.SSRC, sent.ROC, sent.MKI, received.SSRC, received.ROC, received.MKI)
		}
		if sent.Key.Len() != a.Suite.KeyLen() || sent.Salt.Len() != a.Suite.SaltLen() {
			tb.Errorf("%s: key of %d and salt of %d octets for %s", what, sent.Key.Len(), sent.Salt.Len(), a.Suite)
		}
	}
	if a.Suite != b.Suite {
		tb.Fatalf("suites %s and %s", a.Suite, b.Suite)
	}
	same("there", a.Send, b.Receive)
	same("back", b.Send, a.Receive)
	if a.Send.Key.Equal(a.Receive.Key) {
		tb.Error("both directions share a key")
	}
}
