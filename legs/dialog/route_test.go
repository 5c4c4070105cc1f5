package dialog

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
)

// TestHop: over UDP a route set leads to where the peer speaks from, or to another address that the Host knows to be his, and nowhere else.
func TestHop(t *testing.T) {
	peer := netip.MustParseAddrPort("192.0.2.1:40000")
	farm := netip.MustParsePrefix("192.0.2.0/28")
	e := &Endpoint{cfg: Config{Neighbours: func(from, to netip.Addr) bool { return farm.Contains(from) && farm.Contains(to) || !single(to) }}}
	alone := new(Endpoint)
	for route, want := range map[string]string{
		"<sip:192.0.2.1;lr>":            "192.0.2.1:5060",
		"<sip:192.0.2.1:5070;lr>":       "192.0.2.1:5070",
		"<sip:[::ffff:192.0.2.1]:7;lr>": "192.0.2.1:7",
		"<sip:192.0.2.2:5070;lr>":       "192.0.2.2:5070", // of the same farm
		"<sip:192.0.2.99;lr>":           peer.String(),    // not of it
		"<sip:127.0.0.1;lr>":            peer.String(),
		"<sip:10.0.0.1:5060;lr>":        peer.String(),
		"<sip:[2001:db8::1];lr>":        peer.String(),
		"<sip:proxy.example;lr>":        peer.String(), // a name asks nobody
		"<sip:localhost;lr>":            peer.String(),
		"<sip:0.0.0.0;lr>":              peer.String(),
		"<sip:[::];lr>":                 peer.String(),
		"<sip:224.0.1.75;lr>":           peer.String(),
		"<sip:[ff02::1];lr>":            peer.String(),
		"<sip:255.255.255.255;lr>":      peer.String(),
	} {
		first, err := parseNameAddr(route)
		if err != nil {
			t.Fatal(route, err)
		}
		if to := e.hop(peer, first.URI); to.String() != want {
			t.Errorf("%s leads to %s, want %s", route, to, want)
		}
		if to := alone.hop(peer, first.URI); to.Addr() != peer.Addr() {
			t.Errorf("%s leads to %s where nobody is known", route, to)
		}
	}
}

// TestRouteOfAVictim: a caller and a callee who name somebody else's address as their proxy get what is meant for them themselves, with
// the route set in it, and nothing goes to him.
func TestRouteOfAVictim(t *testing.T) {
	victim, err := net.ListenPacket("udp", "127.0.0.9:0")
	if err != nil {
		t.Fatal(err)
	}
	defer victim.Close()
	route := "<sip:" + victim.LocalAddr().String() + ";lr>"
	endpoint, accepted := accepting(t)
	p := newPeer(t, endpoint)
	routed := func(req *sip.Request, where string) {
		t.Helper()
		if h := req.GetHeader("Route"); h == nil || h.Value() != route {
			t.Errorf("%s: Route of the %s: %v", where, req.Method, h)
		}
	}
	hangUp := func(d *Dialog, where string) {
		t.Helper()
		ended := make(chan error, 1)
		go func() { ended <- d.Bye(within(t, 10*time.Second)) }()
		bye := p.request(sip.BYE)
		routed(bye, where)
		p.answer(bye, endpoint.Addr("udp"), 200, "", "")
		if err := got(t, ended, "end"); err != nil {
			t.Errorf("%s: %v", where, err)
		}
	}

	p.send(p.message("INVITE", "one", "", 1, "v=0", "Record-Route: "+route))
	tag, _ := p.final(1).To().Params.Get("tag")
	p.send(p.message("ACK", "ack", tag, 1, ""))
	hangUp(got(t, accepted, "call"), "a caller")

	inv := invitation("udp", endpoint)
	inv.Destination = p.c.LocalAddr().String()
	calls := make(chan *Dialog, 1)
	go func() {
		d, _, err := endpoint.Invite(within(t, 10*time.Second), inv)
		if err != nil {
			t.Errorf("invite: %v", err)
		}
		calls <- d
	}()
	p.answer(p.request(sip.INVITE), endpoint.Addr("udp"), 200, "one", "v=0", "Record-Route: "+route)
	routed(p.request(sip.ACK), "a callee")
	hangUp(got(t, calls, "dialog"), "a callee")

	_ = victim.SetReadDeadline(time.Now().Add(50 * time.Millisecond)) // loopback delivers within the call that sends
	buf := make([]byte, maxDatagram)
	if n, from, err := victim.ReadFrom(buf); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the victim got %d octets from %v (%v): %.60q", n, from, err, buf[:n])
	}
}
