package gate

import (
	"crypto/x509"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs/offer"
)

// world is a gate over a real keyer with the accounts alice, bob and gone (disabled, with certificate), and what their
// devices hold.
type world struct {
	t      testing.TB
	clock  *clock
	pool   *keying.Pool // of the server
	keyer  *keying.Keyer
	gate   *Gate
	papers *papers
}

// papers take long to make and are made once.
type papers struct {
	authority, foreign *keying.Authority
	server             keying.Identity
	certificates       map[string]*keying.Certificate // by account; "foreign": alice by somebody else's authority
}

var issued = sync.OnceValues(func() (*papers, error) {
	now := func() time.Time { return boot }
	authority, err := keying.NewAuthority(domain, now)
	if err != nil {
		return nil, err
	}
	foreign, err := keying.NewAuthority(domain, now)
	if err != nil {
		return nil, err
	}
	p := &papers{authority: authority, foreign: foreign, certificates: map[string]*keying.Certificate{}}
	if p.server, err = authority.IssueServer(); err != nil {
		return nil, err
	}
	for _, name := range []string{"alice", "bob", "gone"} {
		if p.certificates[name], err = authority.IssueAccount("sip:"+name+"@"+domain, keying.CertECDSA); err != nil {
			return nil, err
		}
	}
	p.certificates["foreign"], err = foreign.IssueAccount("sip:alice@"+domain, keying.CertECDSA)
	return p, err
})

// directory answers for the accounts as the server's cache does.
type directory struct{ roots *x509.CertPool }

func (d directory) PSK(identity string) (keying.Secret, bool) {
	if !d.Known(identity) {
		return keying.Secret{}, false
	}
	return psk(identity), true
}

func (d directory) Roots() *x509.CertPool { return d.roots }

func (directory) Known(identity string) bool {
	return identity == "sip:alice@"+domain || identity == "sip:bob@"+domain
}

func psk(identity string) keying.Secret {
	return keying.NewSecret([]byte(identity + " pre-shared key"))
}

func newWorld(t testing.TB) *world {
	t.Helper()
	return newWorldOf(t, Config{})
}

// newWorldOf is a world with a gate of that configuration.
func newWorldOf(t testing.TB, c Config) *world {
	t.Helper()
	p, err := issued()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, papers: p, pool: keying.NewPool(keying.PoolConfig{Deadline: time.Minute})}
	w.keyer, err = keying.New(keying.Config{
		Own: p.server, Directory: directory{p.authority.Roots()}, Pool: w.pool, Now: func() time.Time { return w.clock.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	c.Keyer, c.Address = w.keyer, netip.MustParseAddr("192.0.2.1")
	w.gate, w.clock = newGate(t, c)
	return w
}

// caller is how a test wants an INVITE made.
type caller struct {
	account  string // whose device: "" is alice
	paper    string // the certificate, "" is the account's
	from     string // From user, "" is the account
	idi      string // MIKEY identity, "" is the account's
	room     string // called, "" is standup
	idr      string // room in MIKEY, "" is the called one
	psk      string // of which identity, "" is the account's
	method   keying.Method
	policy   *keying.Policy
	sdpIDs   string // protected list, "" is mikey
	password string // answers a challenge with this one; "" sends none
	user     string // digest user, "" is the account
	skew     time.Duration
	edit     func(body string) string
}

func or(value, other string) string {
	if value == "" {
		return other
	}
	return value
}

// agreed is a call that stands: the caller's I_MESSAGE, and what runs of it.
func (w *world) agreed() ([]byte, *keying.Running) {
	w.t.Helper()
	message := w.message(caller{})
	c := keying.Call{Local: "sip:standup@" + domain, SDPIDs: "mikey", SSRC: 8, Policy: keying.StandardPolicy()}
	return message, w.running(keying.Attributes{MIKEY: message}, c)
}

// running is what runs once the server has answered.
func (w *world) running(offered keying.Attributes, c keying.Call) *keying.Running {
	w.t.Helper()
	v, err := w.keyer.Verify(offered, c)
	if err != nil {
		w.t.Fatal(err)
	}
	a, _, err := w.keyer.Respond(w.t.Context(), v, c)
	if err != nil {
		w.t.Fatal(err)
	}
	a.Wipe()
	return a.Running
}

// message is the caller's I_MESSAGE.
func (w *world) message(c caller) []byte {
	w.t.Helper()
	account := or(c.account, "alice")
	identity := "sip:" + or(c.idi, account) + "@" + domain
	certificate := w.papers.certificates[or(c.paper, account)]
	k, err := keying.New(keying.Config{
		Own:          keying.Identity{ECDSA: certificate},
		Directory:    peer{psk("sip:" + or(c.psk, account) + "@" + domain)},
		Pool:         keying.NewPool(keying.PoolConfig{Deadline: time.Minute}),
		Now:          func() time.Time { return w.clock.now.Add(c.skew) },
		PeerIsServer: true,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	policy := c.policy
	if policy == nil {
		policy = keying.StandardPolicy()
	}
	method := c.method
	if method == "" {
		method = keying.MIKEYPSK
	}
	i, err := k.Initiate(w.t.Context(), method, keying.Call{
		Local: identity, Peer: "sip:" + or(c.idr, or(c.room, "standup")) + "@" + domain, SDPIDs: or(c.sdpIDs, "mikey"),
		SSRC: 7, Policy: policy,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(i.Abandon)
	return i.Attributes().MIKEY
}

// peer is a caller's directory: one key for whoever is asked about.
type peer struct{ secret keying.Secret }

func (p peer) PSK(string) (keying.Secret, bool) { return p.secret, true }
func (peer) Roots() *x509.CertPool              { return nil }
func (peer) Known(string) bool                  { return true }

// body is an offer with a message.
func (w *world) body(message []byte) []byte {
	w.t.Helper()
	s, err := offer.NewSession(strings.NewReader("12345678"))
	if err != nil {
		w.t.Fatal(err)
	}
	return w.describe(s, keying.Attributes{MIKEY: message})
}

// describe is an offer with any key management.
func (w *world) describe(s *offer.Session, keys keying.Attributes) []byte {
	w.t.Helper()
	b, err := offer.Offer(offer.Local{
		Session: s, Addr: netip.MustParseAddrPort("198.51.100.7:4000"), Codecs: []string{"opus", "pcmu"}, Mux: true, Keys: keys,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

// invite is the caller's INVITE.
func (w *world) invite(c caller) Request {
	w.t.Helper()
	account := or(c.account, "alice")
	body := string(w.body(w.message(c)))
	if c.edit != nil {
		body = c.edit(body)
	}
	r := Request{
		Method: "INVITE", RequestURI: URI{"sip", or(c.room, "standup"), domain}, From: URI{"sip", or(c.from, account), domain},
		To: URI{"sip", or(c.room, "standup"), domain}, Source: phone, Transport: "udp",
		ContentType: "application/sdp", Body: []byte(body),
	}
	if c.password != "" {
		w.authorize(&r, or(c.user, account), c.password)
	}
	return r
}

// authorize answers a challenge.
func (w *world) authorize(r *Request, user, password string) {
	w.t.Helper()
	bare := lateInvite("standup")
	bare.Source = r.Source
	c := challenged(w.t, w.gate, bare)
	r.Authorization = []string{answerAs(w.t, c, *r, user, password)}
}
