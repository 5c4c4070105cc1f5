package server

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/conclave/conclave/legs/dialog"
)

// newTestRegistrar is a registrar on a clock of its own.
func newTestRegistrar(most int) (*registrar, *time.Time) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return newRegistrar(most, func() time.Time { return at }), &at
}

// bound is a binding of alice's for a minute: "URI" or "URI instance reg-id".
func (r *registrar) bound(t *testing.T, text string) *binding {
	t.Helper()
	b := &binding{account: "alice", expires: r.now().Add(time.Minute), since: r.now()}
	fields := strings.Fields(text)
	var err error
	if b.uri, err = dialog.ParseURI(fields[0]); err != nil {
		t.Fatal(err)
	}
	b.text = fields[0]
	if len(fields) > 1 {
		b.instance = fields[1]
	}
	if len(fields) > 2 {
		_, _ = fmt.Sscan(fields[2], &b.regID)
	}
	return b
}

// asks makes a registration of alice's.
func (r *registrar) asks(t *testing.T, callID string, cseq uint32, texts ...string) registration {
	t.Helper()
	o := registration{account: "alice", callID: callID, cseq: cseq}
	for _, text := range texts {
		gone := strings.HasPrefix(text, "-")
		b := r.bound(t, strings.TrimPrefix(text, "-"))
		b.callID, b.cseq = callID, cseq
		if gone {
			b.expires = r.now()
		}
		o.bindings = append(o.bindings, b)
	}
	return o
}

// texts are the URIs of bindings.
func texts(list []*binding) string {
	var all []string
	for _, b := range list {
		all = append(all, b.text)
	}
	return strings.Join(all, " ")
}

// TestRegistrar is RFC 3261 section 10.3 and RFC 5626 section 6, step by step: after each what alice has, newest first.
func TestRegistrar(t *testing.T) {
	r, at := newTestRegistrar(100)
	everything := func(callID string, cseq uint32) registration {
		return registration{account: "alice", callID: callID, cseq: cseq, all: true}
	}
	for _, step := range []struct {
		name string
		ask  func() registration
		want string
		err  error
		wait time.Duration
	}{
		{name: "nothing yet", ask: func() registration { return r.asks(t, "1", 1) }, want: ""},
		{name: "one", ask: func() registration { return r.asks(t, "1", 2, "sip:a@h") }, want: "sip:a@h"},
		{name: "the same again", ask: func() registration { return r.asks(t, "1", 3, "sip:a@h;ob") }, want: "sip:a@h;ob"},
		{name: "an older one", ask: func() registration { return r.asks(t, "1", 2, "sip:a@h") }, want: "sip:a@h;ob", err: errOldRegister},
		{name: "repeated", ask: func() registration { return r.asks(t, "1", 3, "sip:a@h") }, want: "sip:a@h;ob", err: errOldRegister},
		{name: "of another call", ask: func() registration { return r.asks(t, "2", 1, "sip:a@h") }, want: "sip:a@h"},
		{name: "a second", ask: func() registration { return r.asks(t, "2", 2, "sip:a@h:5060") }, want: "sip:a@h:5060 sip:a@h"},
		{name: "all or nothing", ask: func() registration { return r.asks(t, "2", 2, "sip:c@h", "sip:a@h:5060") }, want: "sip:a@h:5060 sip:a@h", err: errOldRegister},
		{name: "an old removal", ask: func() registration { return r.asks(t, "2", 1, "-sip:a@h") }, want: "sip:a@h:5060 sip:a@h", err: errOldRegister},
		{name: "a removal", ask: func() registration { return r.asks(t, "2", 3, "-sip:a@h") }, want: "sip:a@h:5060"},
		{name: "of what is not there", ask: func() registration { return r.asks(t, "9", 1, "-sip:nobody@h") }, want: "sip:a@h:5060"},
		{name: "a flow", ask: func() registration { return r.asks(t, "3", 1, "sip:b@h1 urn:x 1") }, want: "sip:b@h1 sip:a@h:5060"},
		{name: "its other flow", ask: func() registration { return r.asks(t, "3", 2, "sip:b@h2 urn:x 2") }, want: "sip:b@h2 sip:b@h1 sip:a@h:5060"},
		{name: "a flow renewed elsewhere", ask: func() registration { return r.asks(t, "4", 1, "sip:b@h3 URN:X 1") }, want: "sip:b@h3 sip:b@h2 sip:a@h:5060"},
		{name: "one of the same URI", ask: func() registration { return r.asks(t, "5", 1, "sip:b@h3 urn:y 1") }, want: "sip:b@h3 sip:b@h3 sip:b@h2 sip:a@h:5060"},
		{name: "expired", ask: func() registration { return r.asks(t, "6", 1) }, want: "", wait: time.Minute},
		{name: "and again", ask: func() registration { return r.asks(t, "1", 1, "sip:a@h") }, want: "sip:a@h"},
		{name: "everything, too old", ask: func() registration { return everything("1", 1) }, want: "sip:a@h", err: errOldRegister},
		{name: "everything", ask: func() registration { return everything("1", 2) }, want: ""},
	} {
		*at = at.Add(step.wait)
		list, err := r.register(step.ask())
		if !errors.Is(err, step.err) {
			t.Fatalf("%s: %v", step.name, err)
		}
		if got := texts(r.of("alice")); got != step.want || err == nil && texts(list) != step.want {
			t.Fatalf("%s: %q and %q; want %q", step.name, got, texts(list), step.want)
		}
		if n := r.total(); n != len(r.of("alice")) {
			t.Fatalf("%s: %d bindings counted", step.name, n)
		}
	}
}

// TestRegistrarBounds: no account has more than its devices, all have no more than the whole table, and what expired leaves room.
func TestRegistrarBounds(t *testing.T) {
	r, at := newTestRegistrar(maxDevices + 1)
	for i := range maxDevices {
		if _, err := r.register(r.asks(t, "1", uint32(i+1), fmt.Sprintf("sip:a@h%d", i))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.register(r.asks(t, "1", 100, "sip:a@more")); !errors.Is(err, errManyDevices) {
		t.Errorf("one more of the account: %v", err)
	}
	if _, err := r.register(r.asks(t, "1", 100, "-sip:a@h0", "sip:a@more")); err != nil {
		t.Errorf("one in the place of another: %v", err)
	}
	bobs := func(uri string) registration {
		o := r.asks(t, "b", 1, uri)
		o.account = "bob"
		return o
	}
	if _, err := r.register(bobs("sip:b@h1")); err != nil {
		t.Fatal(err)
	}
	if _, err := r.register(bobs("sip:b@h2")); !errors.Is(err, errRegistrarFull) {
		t.Errorf("one more of all: %v", err)
	}
	r.forget("bob")
	if len(r.of("bob")) != 0 || r.total() != maxDevices {
		t.Errorf("%d bindings after bob was forgotten", r.total())
	}
	*at = at.Add(sweepInterval + time.Minute)
	if _, err := r.register(bobs("sip:b@h2")); err != nil || r.total() != 1 {
		t.Errorf("where all had expired: %v, %d bindings", err, r.total())
	}
}

// TestRegistrarRace: whoever registers, asks and forgets at the same time, the count is that of what is there (run with -race).
func TestRegistrarRace(t *testing.T) {
	r, _ := newTestRegistrar(1000)
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			for i := range 50 {
				o := r.asks(t, fmt.Sprint(n), uint32(i+1), fmt.Sprintf("sip:a@h%d", (n+i)%4))
				o.account = fmt.Sprint("account", n%3)
				_, _ = r.register(o)
				r.of(o.account)
				r.total()
				if i%10 == 9 {
					r.forget(o.account)
				}
			}
		})
	}
	wg.Wait()
	left := 0
	for _, name := range []string{"account0", "account1", "account2"} {
		left += len(r.of(name))
	}
	if r.total() != left {
		t.Errorf("%d counted, %d there", r.total(), left)
	}
}

// TestHolds: a connection is kept as long as the last device that registered over it.
func TestHolds(t *testing.T) {
	r, at := newTestRegistrar(10)
	o := r.asks(t, "1", 1, "sip:a@h1", "sip:a@h2", "sip:a@h3")
	o.bindings[0].flow, o.bindings[1].flow, o.bindings[2].flow = "tls|x", "tls|x", "udp|y"
	o.bindings[1].expires = at.Add(time.Hour)
	if _, err := r.register(o); err != nil {
		t.Fatal(err)
	}
	for flow, want := range map[string]time.Duration{"tls|x": time.Hour, "udp|y": time.Minute, "tcp|z": 0} {
		if got := r.holds("alice", flow); got != want {
			t.Errorf("%s: %v, want %v", flow, got, want)
		}
	}
}

// BenchmarkRegister is what renewing a registration costs in a full table.
func BenchmarkRegister(b *testing.B) {
	r := newRegistrar(maxBindings, time.Now)
	uri := dialog.URI{Scheme: "sip", User: "a", Host: "192.0.2.1"}
	ask := func(account string, cseq uint32) {
		one := &binding{account: account, uri: uri, callID: "1", cseq: cseq, expires: time.Now().Add(time.Hour), source: netip.AddrPort{}}
		if _, err := r.register(registration{account: account, callID: "1", cseq: cseq, bindings: []*binding{one}}); err != nil {
			b.Fatal(err)
		}
	}
	for i := range maxBindings {
		ask(fmt.Sprint(i), 1)
	}
	cseq := uint32(1)
	b.ReportAllocs()
	for b.Loop() {
		cseq++
		ask("7", cseq)
	}
}
