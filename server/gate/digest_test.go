package gate

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/icholy/digest"

	"github.com/conclave/conclave/keying"
)

const (
	domain   = "conf.example.com"
	password = "correct horse"
)

var (
	boot  = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	phone = netip.MustParseAddrPort("198.51.100.7:5060")
)

// accounts are alice, bob and old (MD5 only), all with the same password.

type accounts struct{}

func (accounts) HA1SHA256(account string) ([]byte, bool) {
	if account != "alice" && account != "bob" {
		return nil, false
	}
	sum := sha256.Sum256([]byte(account + ":" + domain + ":" + password))
	return sum[:], true
}

func (accounts) HA1MD5(account string) ([]byte, bool) {
	if account != "old" {
		return nil, false
	}
	sum := md5.Sum([]byte(account + ":" + domain + ":" + password))
	return sum[:], true
}

// refuser is a Verifier that refuses everything.

type refuser struct{ calls int }

func (v *refuser) Verify(keying.Attributes, keying.Call) (*keying.Verified, error) {
	v.calls++
	return nil, &keying.Error{Reason: keying.ReasonBadMAC, Err: io.ErrUnexpectedEOF, Message: []byte("error message")}
}

// clock is a clock set by hand.

type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func newGate(t testing.TB, c Config) (*Gate, *clock) {
	t.Helper()
	at := &clock{now: boot}
	c.Domain, c.Accounts, c.Now = domain, accounts{}, at.Now
	if c.Keyer == nil {
		c.Keyer = &refuser{}
	}
	if c.Policy == nil {
		c.Policy = policies
	}
	g, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return g, at
}

// policies: "standup" takes either proof, "strict" digest only, "keyed" MIKEY only; there are no other rooms.

func policies(room string, _ Who) *keying.Policy {
	p := keying.StandardPolicy()
	switch room {
	case "standup":
	case "strict":
		p.Authentication = []string{keying.AuthenticationDigest}
	case "keyed":
		p.Authentication = []string{keying.AuthenticationMIKEY}
	default:
		return nil
	}
	return p
}

// lateInvite is an INVITE without a body from alice.

func lateInvite(room string) Request {
	return Request{
		Method: "INVITE", RequestURI: URI{"sip", room, "192.0.2.1"}, From: URI{"sip", "alice", domain},
		To: URI{"sip", room, domain}, Source: phone, Transport: "udp",
	}
}

func header(r *Reject, name string) []string {
	var list []string
	for _, f := range r.Header {
		if f.Name == name {
			list = append(list, f.Value)
		}
	}
	return list
}

// challenged gets the nonce of a 401.

func challenged(t testing.TB, g *Gate, r Request) *digest.Challenge {
	t.Helper()
	r.Authorization = nil
	_, refusal := g.Admit(r)
	if refusal == nil || refusal.Status != 401 {
		t.Fatalf("want 401, got %v", refusal)
	}
	c, err := digest.ParseChallenge(header(refusal, "WWW-Authenticate")[0])
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// answer makes an Authorization field with a client of somebody else's making.

func answer(t testing.TB, c *digest.Challenge, r Request, change func(*digest.Options)) string {
	t.Helper()
	o := digest.Options{
		Method: r.Method, URI: "sip:" + r.RequestURI.User + "@" + r.RequestURI.Host + ":5060", Username: "alice",
		Password: password, Count: 1,
		GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(r.Body)), nil },
	}
	if change != nil {
		change(&o)
	}
	credentials, err := digest.Digest(c, o)
	if err != nil {
		t.Fatal(err)
	}
	return credentials.String()
}

func TestDigest(t *testing.T) {
	type step struct {
		challenge func(*digest.Challenge)
		answer    func(*digest.Options)
		request   func(*Request)
		field     func(string) string
		after     time.Duration
	}
	tests := []struct {
		name   string
		step   step
		status int // 0: admitted
		reason string
		stale  bool
	}{
		{name: "auth", step: step{}},
		{name: "auth-int", step: step{challenge: func(c *digest.Challenge) { c.QOP = []string{"auth-int"} }}},
		{name: "auth-int over another body", step: step{
			challenge: func(c *digest.Challenge) { c.QOP = []string{"auth-int"} },
			request:   func(r *Request) { r.Body, r.ContentType = []byte("v=0"), "application/sdp" },
		}, status: 401, reason: ReasonBadDigest},
		{name: "lower-case algorithm", step: step{field: replace("SHA-256", "sha-256")}},
		{name: "second of two realms", step: step{request: func(r *Request) {
			r.Authorization = append([]string{`Digest username="x", realm="elsewhere", nonce="n", uri="sip:x@y", response="00", cnonce="c", qop=auth, nc=00000001`}, r.Authorization...)
		}}},
		{name: "no credentials", step: step{request: func(r *Request) { r.Authorization = nil }}, status: 401, reason: ReasonNoProof},
		{name: "another realm only", step: step{field: replace(domain+`"`, `elsewhere"`)}, status: 401, reason: ReasonNoProof},
		{name: "basic", step: step{field: func(string) string { return "Basic YTpi" }}, status: 401, reason: ReasonNoProof},
		{name: "wrong password", step: step{answer: func(o *digest.Options) { o.Password = "x" }}, status: 401, reason: ReasonBadDigest},
		{name: "unknown account", step: step{answer: func(o *digest.Options) { o.Username = "mallory" }}, status: 401, reason: ReasonUnknownAccount},
		{name: "another method", step: step{answer: func(o *digest.Options) { o.Method = "BYE" }}, status: 401, reason: ReasonBadDigest},
		{name: "without qop", step: step{challenge: func(c *digest.Challenge) { c.QOP = nil }}, status: 401, reason: ReasonBadCredentials},
		{name: "count zero", step: step{field: replace("nc=00000001", "nc=00000000")}, status: 401, reason: ReasonBadCredentials},
		{name: "SHA-512-256", step: step{challenge: func(c *digest.Challenge) { c.Algorithm = "SHA-512-256" }}, status: 401, reason: ReasonBadCredentials},
		{name: "MD5 of an account that has none", step: step{challenge: func(c *digest.Challenge) { c.Algorithm = "MD5" }}, status: 401, reason: ReasonUnknownAccount},
		{name: "userhash", step: step{challenge: func(c *digest.Challenge) { c.Userhash = true }}, status: 401, reason: ReasonBadCredentials},
		{name: "two usernames", step: step{field: func(s string) string { return s + `, username="bob"` }}, status: 401, reason: ReasonBadCredentials},
		{name: "another room's URI", step: step{answer: func(o *digest.Options) { o.URI = "sip:board@192.0.2.1" }}, status: 400, reason: ReasonDigestURI},
		{name: "another user as From", step: step{request: func(r *Request) { r.From.User = "bob" }}, status: 403, reason: ReasonWrongFrom},
		{name: "another domain as From", step: step{request: func(r *Request) { r.From.Host = "evil.example" }}, status: 403, reason: ReasonWrongFrom},
		{name: "too old", step: step{after: NonceLifetime + time.Second}, status: 401, reason: ReasonStaleNonce, stale: true},
		{name: "just in time", step: step{after: NonceLifetime}},
		{name: "clock set back", step: step{after: -time.Minute}, status: 401, reason: ReasonStaleNonce, stale: true},
		{name: "too old and wrong", step: step{
			after: time.Hour, answer: func(o *digest.Options) { o.Password = "x" },
		}, status: 401, reason: ReasonBadDigest},
		{name: "from another address", step: step{request: func(r *Request) {
			r.Source = netip.MustParseAddrPort("203.0.113.9:5060")
		}}, status: 401, reason: ReasonStaleNonce, stale: true},
		{name: "from another port", step: step{request: func(r *Request) {
			r.Source = netip.AddrPortFrom(phone.Addr(), 9999)
		}}},
		{name: "a nonce of another server", step: step{
			challenge: func(c *digest.Challenge) { c.Nonce = strings.Repeat("A", 43) },
		}, status: 401, reason: ReasonStaleNonce, stale: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g, at := newGate(t, Config{})
			r := lateInvite("standup")
			c := challenged(t, g, r)
			if tt.step.challenge != nil {
				tt.step.challenge(c)
			}
			field := answer(t, c, r, tt.step.answer)
			if tt.step.field != nil {
				field = tt.step.field(field)
			}
			r.Authorization = []string{field}
			if tt.step.request != nil {
				tt.step.request(&r)
			}
			at.now = at.now.Add(tt.step.after)
			a, refusal := g.Admit(r)
			if tt.status == 0 {
				if refusal != nil {
					t.Fatal(refusal)
				}
				if a.Identity != "sip:alice@"+domain || a.Account != "alice" || a.Room != "standup" || a.Proof != ProofDigest || a.Offer != nil {
					t.Errorf("%+v", a)
				}
				return
			}
			if refusal == nil || refusal.Status != tt.status || refusal.Reason != tt.reason {
				t.Fatalf("got %+v %v; want %d %s", a, refusal, tt.status, tt.reason)
			}
			stale := strings.Contains(fmt.Sprint(header(refusal, "WWW-Authenticate")), "stale=true")
			if stale != tt.stale {
				t.Errorf("stale = %v", stale)
			}
		})
	}
}

func replace(from, to string) func(string) string {
	return func(s string) string { return strings.ReplaceAll(s, from, to) }
}

func TestDigestMD5(t *testing.T) {
	g, _ := newGate(t, Config{})
	r := lateInvite("standup")
	r.From.User = "old"
	_, refusal := g.Admit(r)
	fields := header(refusal, "WWW-Authenticate")
	if len(fields) != 1 || !strings.Contains(fields[0], "algorithm=MD5,") {
		t.Fatalf("challenges: %q", fields) // phones that know MD5 alone give up where SHA-256 stands beside it
	}
	c, err := digest.ParseChallenge(fields[0])
	if err != nil {
		t.Fatal(err)
	}
	r.Authorization = []string{answer(t, c, r, func(o *digest.Options) { o.Username = "old" })}
	if a, refusal := g.Admit(r); refusal != nil || a.Account != "old" {
		t.Errorf("%+v %v", a, refusal)
	}
	// An account without MD5 cannot be talked down to it.
	r.From.User = "alice"
	r.Authorization = []string{answer(t, c, r, nil)}
	_, refusal = g.Admit(r)
	if refusal == nil || refusal.Status != 401 || refusal.Reason != ReasonUnknownAccount || !strings.Contains(header(refusal, "WWW-Authenticate")[0], "SHA-256") {
		t.Errorf("%v", refusal)
	}
}

// TestRestart: the same boot key in a new process does not know the nonces of the old one.

// TestManyAtOnce: one count is good once, however many send it together.

// TestRefusalsLookAlike: an unknown account, a wrong password and no credentials get the same answer but for the nonce.

func TestRefusalsLookAlike(t *testing.T) {
	g, _ := newGate(t, Config{})
	var shapes []string
	for _, change := range []func(*digest.Options){
		nil,
		func(o *digest.Options) { o.Username = "nobody" },
		func(o *digest.Options) { o.Password = "wrong" },
	} {
		r := lateInvite("standup")
		c := challenged(t, g, r)
		if change != nil {
			r.Authorization = []string{answer(t, c, r, change)}
		}
		_, refusal := g.Admit(r)
		text := fmt.Sprint(refusal.Status, refusal.Warning, refusal.Header, refusal.ContentType, string(refusal.Body))
		field, err := digest.ParseChallenge(header(refusal, "WWW-Authenticate")[0])
		if err != nil {
			t.Fatal(err)
		}
		shapes = append(shapes, strings.ReplaceAll(text, field.Nonce, "N"))
	}
	if shapes[0] != shapes[1] || shapes[1] != shapes[2] {
		t.Errorf("%q", shapes)
	}
}

// TestNonceFlips: no bit of a nonce can be changed.
