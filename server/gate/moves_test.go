package gate

import (
	"net/netip"
	"testing"

	"github.com/conclave/conclave/keying"
)

// move is a sender of TestMoves: what it does to a request of alice's dialog.
type move struct {
	name string
	make func(w *world, r *Request)
	// What becomes of each: REFER within the dialog and outside, INVITE (that with Replaces is one), re-INVITE, UPDATE, BYE, CANCEL.
	refer, outside, invite, reinvite, update, bye, cancel int
}

// TestMoves is every request that moves or ends a call, by who sends it. Statuses of 0 are admitted; a CANCEL, which nobody can be asked to prove
// (RFC 3261 section 22.1), meets its transaction or nothing.
func TestMoves(t *testing.T) {
	running, standing := newWorld(t).agreed()
	digest := func(user, secret string) func(*world, *Request) {
		return func(w *world, r *Request) { w.authorize(r, user, secret) }
	}
	at := func(source netip.AddrPort) func(*world, *Request) {
		return func(_ *world, r *Request) { r.Source = source }
	}
	closed := func(r *Request) {
		r.From.User = "gone"
		if r.DialogIdentity != "" {
			r.DialogIdentity = "sip:gone@" + domain
		}
	}
	for _, m := range []move{
		{"nobody", func(*world, *Request) {}, 401, 401, 401, 401, 401, 401, 0},
		{"the source of the dialog", at(phone), 401, 401, 401, 0, 0, 0, 0},
		{"the TLS connection of the dialog", func(_ *world, r *Request) { r.Source, r.Transport, r.DialogTransport = phone, "tls", "tls" }, 0, 401, 401, 0, 0, 0, 0},
		{"its address, in the clear", func(_ *world, r *Request) { r.Source, r.DialogTransport = phone, "tls" }, 401, 401, 401, 401, 401, 401, 0},
		{"the owner", digest("alice", password), 0, 0, 0, 0, 0, 0, 0},
		{"the owner at the source of the dialog", func(w *world, r *Request) { r.Source = phone; w.authorize(r, "alice", password) }, 0, 0, 0, 0, 0, 0, 0},
		{"the owner's certificate", func(w *world, r *Request) { w.shows(r, "alice") }, 0, 0, 401, 401, 401, 401, 0},
		{"another account", func(w *world, r *Request) { r.From.User = "bob"; w.authorize(r, "bob", password) }, 403, 0, 0, 403, 403, 403, 0},
		{"another account as the owner", digest("bob", password), 403, 403, 403, 403, 403, 403, 0},
		{"another's certificate", func(w *world, r *Request) { w.shows(r, "bob") }, 401, 401, 401, 401, 401, 401, 0},
		{"another's at the source of the dialog", func(w *world, r *Request) { r.Source = phone; w.authorize(r, "bob", password) }, 403, 403, 403, 0, 0, 0, 0},
		{"another From at the source", func(_ *world, r *Request) { r.Source, r.From.User = phone, "bob" }, 401, 401, 401, 403, 403, 403, 0},
		{"a seat of the same room", func(_ *world, r *Request) { r.Source, r.From.User = moved, "bob" }, 401, 401, 401, 401, 401, 401, 0},
		{"a removed account", func(w *world, r *Request) { closed(r); w.authorize(r, "gone", password) }, 401, 401, 401, 401, 401, 401, 0},
		{"a removed account at the source", func(_ *world, r *Request) { closed(r); r.Source = phone }, 401, 401, 401, 403, 403, 0, 0},
		{"a removed account's connection", func(_ *world, r *Request) {
			closed(r)
			r.Source, r.Transport, r.DialogTransport = phone, "tls", "tls"
		}, 403, 401, 401, 403, 403, 0, 0},
		{"an operator", at(netip.MustParseAddrPort("127.0.0.1:7080")), 401, 401, 401, 401, 401, 401, 0}, // has REST, and no word here
		{"replayed", func(w *world, r *Request) {
			w.authorize(r, "alice", password)
			_, _ = w.gate.Admit(*r)
		}, 401, 401, 401, 401, 401, 401, 0},
		{"stale", func(w *world, r *Request) {
			w.authorize(r, "alice", password)
			w.clock.now = w.clock.now.Add(2 * NonceLifetime)
		}, 401, 401, 401, 401, 401, 401, 0},
		{"wrong digest", digest("alice", "wrong"), 401, 401, 401, 401, 401, 401, 0},
		{"wrong digest over TLS", func(w *world, r *Request) { w.shows(r, "alice"); w.authorize(r, "alice", "wrong") }, 401, 401, 401, 401, 401, 401, 0},
		{"digest of another method", func(w *world, r *Request) {
			method := r.Method
			r.Method = "OPTIONS"
			w.authorize(r, "alice", password)
			r.Method = method
		}, 401, 401, 401, 401, 401, 401, 0},
		{"digest for another URI", func(w *world, r *Request) {
			uri := r.RequestURI
			r.RequestURI.User = "board"
			w.authorize(r, "alice", password)
			r.RequestURI = uri
		}, 400, 400, 400, 400, 400, 400, 0},
		{"a trunk", func(_ *world, r *Request) { r.Source, r.From.User = gateway, "carol" }, 401, 403, 0, 401, 401, 401, 0},
	} {
		t.Run(m.name, func(t *testing.T) { m.check(t, running, standing) })
	}
}

func (m move) check(t *testing.T, message []byte, standing *keying.Running) {
	for name, c := range map[string]struct {
		request func(w *world) Request
		status  int
	}{
		"REFER":         {func(*world) Request { return within("REFER", stranger) }, m.refer},
		"REFER outside": {func(*world) Request { return referral() }, m.outside},
		"INVITE": {func(*world) Request {
			r := lateInvite("standup")
			r.Source = stranger
			return r
		}, m.invite},
		"re-INVITE": {func(w *world) Request { return w.reoffer("INVITE", message, standing) }, m.reinvite},
		"UPDATE":    {func(w *world) Request { return w.reoffer("UPDATE", message, standing) }, m.update},
		"BYE":       {func(*world) Request { return within("BYE", stranger) }, m.bye},
		"CANCEL":    {func(*world) Request { return within("CANCEL", stranger) }, m.cancel},
	} {
		t.Run(name, func(t *testing.T) {
			w := newCity(t)
			r := c.request(w)
			m.make(w, &r)
			a, refusal := w.gate.Admit(r)
			wantRefused(t, a, refusal, c.status, "")
			if refusal == nil && r.Method != "CANCEL" && a.Account != "" && r.From.identity() != a.Identity {
				t.Errorf("admitted as %s, From %s", a.Identity, r.From.identity())
			}
		})
	}
}

// reoffer is a re-INVITE or UPDATE that leaves the keys.
func (w *world) reoffer(method string, message []byte, standing *keying.Running) Request {
	r := within(method, stranger)
	r.ContentType, r.Body, r.Running = "application/sdp", w.body(message), standing
	return r
}

// TestTrunkSeatsDoNotMove: a REFER in a trunk's dialog is refused whoever sends it, and strangers hear no more than elsewhere.
func TestTrunkSeatsDoNotMove(t *testing.T) {
	for name, c := range map[string]struct {
		source netip.AddrPort
		status int
	}{"dialog": {gateway, 403}, "trunk": {netip.MustParseAddrPort("203.0.113.21:5060"), 403}, "stranger": {stranger, 401}} {
		w := newCity(t)
		r := within("REFER", c.source)
		r.DialogIdentity, r.DialogTrunk, r.DialogSource, r.From.User = "sip:carol@"+domain, "sbc", gateway, "carol"
		a, refusal := w.gate.Admit(r)
		if wantRefused(t, a, refusal, c.status, ""); t.Failed() {
			t.Fatal(name)
		}
	}
}

// TestKeysByInfo: an INFO that may tell of a key needs the proof of its owner, or his TLS connection, or his trunk; one without a body, which
// does nothing, comes from the dialog's address.
func TestKeysByInfo(t *testing.T) {
	over := func(transport string) func(*world, *Request) {
		return func(_ *world, r *Request) { r.Source, r.Transport, r.DialogTransport = phone, transport, transport }
	}
	for name, c := range map[string]struct {
		make        func(*world, *Request)
		keys, empty int
	}{
		"nobody":         {func(*world, *Request) {}, 401, 401},
		"the UDP source": {over("udp"), 401, 0},
		"the TCP source": {over("tcp"), 401, 0},
		"the TLS source": {over("tls"), 0, 0},
		"the owner":      {func(w *world, r *Request) { w.authorize(r, "alice", password) }, 0, 0},
		"another":        {func(w *world, r *Request) { w.authorize(r, "bob", password) }, 403, 403},
		"another From":   {func(w *world, r *Request) { over("tls")(w, r); r.From.User = "bob" }, 403, 403},
		"a closed account": {func(w *world, r *Request) {
			over("tls")(w, r)
			r.From.User, r.DialogIdentity = "gone", "sip:gone@"+domain
		}, 403, 403},
		"the trunk": {func(_ *world, r *Request) {
			r.Source, r.DialogSource, r.DialogTrunk = gateway, gateway, "sbc"
			r.DialogIdentity, r.From.User = "sip:carol@"+domain, "carol"
		}, 0, 0},
	} {
		for body, status := range map[string]int{"5": c.keys, "": c.empty} {
			w := newCity(t)
			r := within("INFO", stranger)
			if body != "" {
				r.ContentType, r.Body = "application/dtmf", []byte(body)
			}
			c.make(w, &r)
			a, refusal := w.gate.Admit(r)
			if wantRefused(t, a, refusal, status, ""); t.Failed() {
				t.Fatalf("%s, body %q", name, body)
			}
		}
	}
}
