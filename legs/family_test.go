package legs

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs/dialog"
	"github.com/conclave/conclave/legs/media"
)

var (
	loopback4 = netip.MustParseAddr("127.0.0.1")
	loopback6 = netip.MustParseAddr("::1")
)

func needIPv6(t *testing.T) {
	t.Helper()
	c, err := net.ListenUDP("udp6", &net.UDPAddr{IP: net.IPv6loopback})
	if err != nil {
		t.Skipf("no IPv6 on this host: %v", err)
	}
	_ = c.Close()
}

// both gives the answering side addresses of both families.
func both(w *world) { w.answering.line.Ports = media.NewPorts(loopback4, 0, 0, loopback6) }

// over says that media goes both ways between two addresses of a family.
func (c *connected) over(family netip.Addr) {
	c.t.Helper()
	for name, l := range map[string]*Leg{"caller": c.caller, "callee": c.callee} {
		if to, at := l.Terms().Remote.Addr(), l.Stream().LocalAddr().Addr(); to != family || at != family {
			c.t.Errorf("the %s is at %s and sends to %s, want %s", name, at, to, family)
		}
	}
	c.flows()
}

// TestMediaOfBothFamilies: whoever can take both answers each caller at an address of the caller's family, and follows him from one to
// the other and back with the keys that run.
func TestMediaOfBothFamilies(t *testing.T) {
	t.Parallel()
	needIPv6(t)
	for _, m := range []keying.Method{keying.MIKEYPSK, keying.DTLSSRTP, keying.SDES} {
		w := newWorld(t, both, func(w *world) { w.secured = true })
		w.calling.line.Ports = media.NewPorts(loopback6, 0, 0)
		c := w.call(w.outgoing(m))
		<-c.caller.Keyed()
		<-c.callee.Keyed()
		c.over(loopback6)
		for _, family := range []netip.Addr{loopback4, loopback6} {
			before := c.callee.Terms()
			if err := c.caller.Roam(within(t), family, true); err != nil {
				t.Fatalf("%s: to %s: %v", m, family, err)
			}
			c.over(family)
			sameKeys(t, c.callee, before)
		}
		for name, l := range map[string]*Leg{"caller": c.caller, "callee": c.callee} {
			if n := l.Stream().Snapshot(); n.AuthFailed+n.Replayed+n.SendErrors != 0 {
				t.Errorf("%s: the %s: %+v", m, name, n)
			}
		}
	}
}

// TestMediaOfAnotherFamilyIsRefused: by name, and a call that stands goes on where it was.
func TestMediaOfAnotherFamilyIsRefused(t *testing.T) {
	t.Parallel()
	needIPv6(t)
	w := newWorld(t)
	refused := func(err error) {
		t.Helper()
		var r *Refused
		if !errors.As(err, &r) || r.Status != 488 || !strings.HasPrefix(r.Warning, "301 ") {
			t.Fatalf("%v, want 488 with warning 301", err)
		}
	}
	c := w.call(w.outgoing(keying.MIKEYPSK))
	c.flows()
	refused(c.caller.Roam(within(t), loopback6, true))
	if err := c.caller.Roam(within(t), netip.MustParseAddr("127.0.0.3"), true); err != nil {
		t.Fatal(err)
	}
	c.flows()

	six := newWorld(t)
	six.calling.line.Ports = media.NewPorts(loopback6, 0, 0)
	_, err := six.calling.line.Call(within(t), six.calling.endpoint, six.outgoing(keying.MIKEYPSK), newOwner(t))
	refused(err)
	got(t, six.refusals, "the refusal")
}

// TestOfferGoesByTheCallee: our own offer names an address of the family of whom we call.
func TestOfferGoesByTheCallee(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		to   dialog.Invitation
		want string
	}{
		{dialog.Invitation{Destination: "192.0.2.1:5060"}, "192.0.2.1:5060"},
		{dialog.Invitation{Destination: "[2001:db8::1]:5060"}, "[2001:db8::1]:5060"},
		{dialog.Invitation{Destination: "[::ffff:192.0.2.1]:5060"}, "192.0.2.1:5060"},
		{dialog.Invitation{Destination: "192.0.2.1:5060", Flow: "tls|[2001:db8::1]:40000"}, "[2001:db8::1]:40000"},
		{dialog.Invitation{Destination: "pbx.example:5060"}, "invalid AddrPort"},
		{dialog.Invitation{}, "invalid AddrPort"},
	} {
		if to := tt.to.Remote(); to.String() != tt.want {
			t.Errorf("%+v: %s, want %s", tt.to, to, tt.want)
		}
	}
	needIPv6(t)
	w := newWorld(t)
	w.calling.line.Ports = media.NewPorts(loopback6, 0, 0, loopback4)
	c := w.call(w.outgoing(keying.MIKEYPSK))
	c.over(loopback4)
}
