package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs"
)

// TestRehouse: when the address of our interface changes the calls come along with their keys, and their peers are told.
func TestRehouse(t *testing.T) {
	s := serveTest(t, "media: {interface: lo}\n")
	ann, ben := newMobile(t, s, enrolled(t, s, NewAccount{Name: "ann"}), "laptop"), newMobile(t, s, enrolled(t, s, NewAccount{Name: "ben"}), "phone")
	a, seat := ann.joins("hall")
	b, err := ben.call("hall")
	if err != nil {
		t.Fatal(err)
	}
	until(t, "both sit", func() bool {
		seats, err := s.Seats(t.Context(), "hall")
		return err == nil && len(seats) == 2 && seats[1].Leg != nil
	})
	moved := s.goesTo("127.0.0.2")
	for s.chores.begin(func(context.Context) { // of others, whose peers take their time
		timer := time.NewTimer(10 * rehousePace)
		defer timer.Stop()
		<-timer.C
	}) {
	}
	s.look(t.Context())
	for _, leg := range []*mobileLeg{a, b} {
		until(t, "the peer knows where we are", func() bool { return leg.Terms().Remote.Addr() == moved })
		before := leg.Stream().Snapshot().PacketsReceived
		until(t, "the peer hears us", func() bool { return leg.Stream().Snapshot().PacketsReceived > before+10 })
	}
	now, err := s.Seat(t.Context(), "hall", seat.ID)
	if err != nil || now.Leg.ID != seat.Leg.ID || now.Leg.Keying.CSBID != seat.Leg.Keying.CSBID || now.Leg.Keying.Rekeys != 0 {
		t.Errorf("the seat is %+v on %+v: %v", now, now.Leg, err)
	}
	for _, c := range s.calls.all() {
		if at := c.leg.Stream().LocalAddr().Addr(); at != moved {
			t.Errorf("a leg is at %s", at)
		}
		before := c.leg.Stream().Snapshot().PacketsReceived
		until(t, "we hear the peer at the new address", func() bool { return c.leg.Stream().Snapshot().PacketsReceived > before+10 })
	}
	if _, at := ann.joinsAs("other"); at != moved { // who calls from now on is told so
		t.Errorf("a new call is at %s", at)
	}
	if s.look(t.Context()); len(s.stray()) > 0 || len(s.calls.all()) != 3 {
		t.Errorf("%d of %d legs are astray", len(s.stray()), len(s.calls.all()))
	}
}

// goesTo has our interface have another address from now on.
func (s *Server) goesTo(addr string) netip.Addr {
	moved := netip.MustParseAddr(addr)
	s.addressOf = func(_ string, ipv6 bool, _ netip.Addr) (netip.Addr, error) {
		if ipv6 {
			return netip.Addr{}, errors.New("none")
		}
		return moved, nil
	}
	return moved
}

// TestRehouseDuringAFallback: a call that was taken without keys has ended, and the next may ring for long: those that stand come along.
func TestRehouseDuringAFallback(t *testing.T) {
	t.Parallel()
	p := newPair(t, "media: {interface: lo}\npolicies: {standard: {methods: [mikey-psk, sdes]}}\n")
	p.waits.Store(&patience{ring: e2ePatience, call: e2ePatience, heard: e2ePatience, turn: e2ePatience})
	w := newWire(t, p.Server, "tls", "127.0.0.1")
	w.registers(p.laptop.bundle)
	moving := make(chan error, 1)
	go func() {
		moving <- p.old.Refer(t.Context(), fmt.Sprintf("sip:x@%s;transport=tls", w.conn.LocalAddr()))
	}()
	w.sends(w.response(w.next("INVITE"), "200 OK", sdesOffer)) // of a phone that knows no MIKEY
	again := w.next("INVITE")                                  // the BYE of the first comes before it or after
	moved := p.goesTo("127.0.0.2")
	if all := p.calls.all(); len(all) != 1 {
		t.Errorf("%d legs are to come along", len(all))
	}
	ctx, cancel := context.WithTimeout(t.Context(), e2ePatience)
	defer cancel()
	p.look(ctx)
	until(t, "the peer knows where we are", func() bool { return p.old.Terms().Remote.Addr() == moved })
	w.sends(w.response(again, "603 Decline", ""))
	var refused *legs.Refused
	if err := taken(t, moving); !errors.As(err, &refused) || refused.Status != 603 {
		t.Errorf("the referral ends with %v", err)
	}
	p.same(t)
}

// TestRehouseDuringASetUp: whom we call, and who calls us, with a description of before is told our new address once the call stands.
func TestRehouseDuringASetUp(t *testing.T) {
	t.Parallel()
	const yaml = "media: {interface: lo}\npolicies: {standard: {methods: [sdes], suites: [AES_CM_128_HMAC_SHA1_80]}}\nrooms: {permanent: [{name: hall}]}\n" +
		"trunks: [{name: sbc, from: [127.0.0.7/32], transports: [udp], methods: [sdes], calls: 9}]\n"
	for name, begin := range map[string]func(t *testing.T, s *Server) (w *wire, stands func()){
		"by us": func(t *testing.T, s *Server) (*wire, func()) {
			w, ann := newWire(t, s, "tls", "127.0.0.1"), enrolled(t, s, NewAccount{Name: "ann"})
			w.registers(ann)
			if _, err := s.CallOut(t.Context(), "hall", CallRequest{URI: ann.URI}); err != nil {
				t.Fatal(err)
			}
			invite := w.next("INVITE")
			return w, func() { w.sends(w.response(invite, "200 OK", sdesOffer)) }
		},
		"by the peer": func(t *testing.T, s *Server) (*wire, func()) {
			w := newWire(t, s, "udp", "127.0.0.7")
			return w, w.dials("hall")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serveTest(t, yaml)
			w, stands := begin(t, s)
			moved := s.goesTo("127.0.0.2")
			s.look(t.Context())
			stands()
			if told := w.next("INVITE"); !strings.Contains(told.text, "c=IN IP4 "+moved.String()+"\r\n") {
				t.Errorf("the peer is told\n%s", told.text)
			}
		})
	}
}

// dials has a trunk call a room by SDES, up to our answer; the call stands with what it gives.
func (w *wire) dials(room string) (stands func()) {
	w.t.Helper()
	uri, keyed := w.server.uri(room), strings.Replace(sdesOffer, "MDEyMzQ1Njc4OTAx", word(), 1) // each call has a key of its own
	text := w.text(request{
		method: "INVITE", uri: uri, from: "<sip:desk@old.example>;tag=" + word(), to: "<" + uri + ">", callID: word(), seq: 1, body: keyed,
	})
	w.sends(text)
	ok := w.next("SIP/2.0 200")
	return func() { w.acknowledges(uri, reply{text: text}, ok) }
}

// registers registers the peer as a device of an account.
func (w *wire) registers(as *keying.Bundle) {
	w.t.Helper()
	r := request{method: "REGISTER", uri: "sip:" + w.server.cfg.SIP.Domain, from: "<" + as.URI + ">;tag=" + word(), to: "<" + as.URI + ">", callID: word(), seq: 1}
	r.fields = []string{w.owns(as, r)}
	if got := w.asks(r); got.status != 200 {
		w.t.Fatalf("not registered: %s", got.text)
	}
}

// next waits for a request of a method; what else comes is of no matter.
func (w *wire) next(method string) reply {
	w.t.Helper()
	for {
		m := w.reads(e2ePatience)
		switch {
		case m == "":
			w.t.Fatalf("no %s came", method)
		case strings.HasPrefix(m, method+" "):
			return reply{text: m}
		}
	}
}

// TestRehouseBehindABusyLeg: a leg that has no time for our new address keeps no other from it, and comes along when it has.
func TestRehouseBehindABusyLeg(t *testing.T) {
	t.Parallel()
	s := serveTest(t, "media: {interface: lo}\n")
	ann, ben := newMobile(t, s, enrolled(t, s, NewAccount{Name: "ann"}), "laptop"), newMobile(t, s, enrolled(t, s, NewAccount{Name: "ben"}), "phone")
	a, _ := ann.joins("hall")
	b, _ := ben.joins("attic")
	hold := make(chan struct{})
	free := sync.OnceFunc(func() { close(hold) })
	defer free()
	r := s.rooms.find("hall")
	if err := r.post(func() { <-hold }); err != nil {
		t.Fatal(err)
	}
	referred := make(chan error, 1)
	go func() { referred <- a.Refer(t.Context(), ben.uri()) }()
	until(t, "the leg waits for its room", func() bool { return len(r.mailbox) > 0 })
	moved := s.goesTo("127.0.0.2")
	looked := make(chan struct{})
	go func() { defer close(looked); s.look(t.Context()) }() // which ends with the test
	until(t, "the other came along", func() bool { return b.Terms().Remote.Addr() == moved })
	if a.Terms().Remote.Addr() == moved {
		t.Error("the leg was not busy: nothing was tested")
	}
	free()
	until(t, "so does the first", func() bool { return a.Terms().Remote.Addr() == moved })
	<-looked
	var refused *legs.Refused
	if err := taken(t, referred); !errors.As(err, &refused) {
		t.Errorf("the referral ends with %v", err)
	}
}

// joinsAs calls a room and gives the address that the answer names.
func (m *mobile) joinsAs(room string) (*mobileLeg, netip.Addr) {
	m.t.Helper()
	o, err := m.call(room)
	if err != nil {
		m.t.Fatal(err)
	}
	return o, o.Terms().Remote.Addr()
}

// TestChoose: the address that we had is kept while it is there, wherever it is listed; otherwise it is the first that others can reach.
func TestChoose(t *testing.T) {
	all := []net.Addr{
		&net.IPNet{IP: net.ParseIP("fe80::1"), Mask: net.CIDRMask(64, 128)}, &net.IPNet{IP: net.ParseIP("2001:db8::2"), Mask: net.CIDRMask(64, 128)},
		&net.IPNet{IP: net.ParseIP("192.0.2.2").To4(), Mask: net.CIDRMask(24, 32)}, &net.IPNet{IP: net.ParseIP("2001:db8::1"), Mask: net.CIDRMask(64, 128)},
		&net.IPNet{IP: net.ParseIP("192.0.2.1").To4(), Mask: net.CIDRMask(24, 32)},
	}
	for _, test := range []struct {
		had, want string
		ipv6      bool
	}{
		{"2001:db8::1", "2001:db8::1", true}, {"2001:db8::9", "2001:db8::2", true}, {"fe80::1", "2001:db8::2", true},
		{"192.0.2.1", "192.0.2.1", false}, {"192.0.2.9", "192.0.2.2", false},
	} {
		if got := choose(all, test.ipv6, netip.MustParseAddr(test.had)); got.String() != test.want {
			t.Errorf("had %s: %s, want %s", test.had, got, test.want)
		}
	}
}

// TestHoused: an interface without an address is a configuration that cannot serve; one has either family or both.
func TestHoused(t *testing.T) {
	v4, v6, none := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1"), netip.Addr{}
	for _, test := range []struct{ has4, has6, want4, want6 netip.Addr }{
		{v4, v6, v4, v6}, {v4, none, v4, none}, {none, v6, v6, none}, {none, none, none, none},
	} {
		c := DefaultConfig()
		c.Media.Interface = "eth7"
		got, err := c.housed(func(name string, ipv6 bool, _ netip.Addr) (netip.Addr, error) {
			a := test.has4
			if ipv6 {
				a = test.has6
			}
			if !a.IsValid() || name != "eth7" {
				return a, errors.New("no address")
			}
			return a, nil
		})
		switch {
		case !test.want4.IsValid() && !test.want6.IsValid():
			if err == nil {
				t.Error("a configuration without an address was taken")
			}
		case err != nil || got.Media.Address != test.want4 || got.Media.Address6 != test.want6:
			t.Errorf("%+v: %+v, %v", test, got.Media, err)
		}
	}
	if _, err := addressOf("no-such-link", false, v4); err == nil {
		t.Error("an interface that does not exist has an address")
	}
}
