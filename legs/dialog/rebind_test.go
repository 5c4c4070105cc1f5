package dialog

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
)

// TestRebind: a caller who changes addresses, families too, goes on with his calls; once he has said so his peer calls him there.
func TestRebind(t *testing.T) {
	if c, err := net.ListenPacket("udp", "[::1]:0"); err != nil {
		t.Skipf("no IPv6 here: %v", err)
	} else {
		_ = c.Close()
	}
	accepted := make(chan *Dialog, 1)
	server := open(t, &taker{invite: func(in *Incoming, _ any) {
		d, _ := in.Accept(sdpType, []byte("v=0 answer"))
		accepted <- d
	}}, func(c *Config) { c.UDP = "[::]:0" })
	caller := open(t, &taker{})
	port := addrPort(server.Addr("udp")).Port()
	inv := invitation("udp", server)
	inv.Destination = fmt.Sprintf("127.0.0.1:%d", port)
	call, _, err := caller.Invite(within(t, 5*time.Second), inv)
	if err != nil {
		t.Fatal(err)
	}
	callee := got(t, accepted, "call")
	next(t, callee, Ack)
	for _, place := range []string{"127.0.0.2:0", "[::1]:0", "127.0.0.1:0"} {
		if err := caller.Rebind(place); err != nil {
			t.Fatal(err)
		}
		at := addrPort(caller.Addr("udp"))
		if at.Addr() != netip.MustParseAddrPort(place).Addr() {
			t.Fatalf("bound to %s, not %s", at, place)
		}
		peer := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)
		if at.Addr().Is6() {
			peer = netip.AddrPortFrom(at.Addr(), port)
		}
		call.Redirect(peer)
		go func() {
			next(t, callee, Reinvite).Reply(Response{Status: 200, ContentType: sdpType, Body: []byte("v=0")})
		}()
		res, err := call.Reinvite(within(t, 5*time.Second), Modification{Offer: fixed([]byte("v=0"))})
		if err != nil || res.Status != 200 {
			t.Fatalf("%s: %v %+v", place, err, res)
		}
		if ev := next(t, callee, Ack); ev.Request.Source != at {
			t.Errorf("the ACK came from %s, the caller is at %s", ev.Request.Source, at)
		}
		if callee.RemoteSource() != at || call.RemoteSource() != peer {
			t.Errorf("%s: the callee sends to %s, the caller to %s", place, callee.RemoteSource(), call.RemoteSource())
		}
		for _, end := range [][2]*Dialog{{callee, call}, {call, callee}} {
			seen := make(chan *Request, 1)
			go func() {
				ev := next(t, end[1], Info)
				ev.Reply(Response{Status: 200})
				seen <- ev.Request
			}()
			if res, err := end[0].Send(within(t, 5*time.Second), "INFO", nil, "", nil); err != nil || res.Status != 200 {
				t.Fatalf("%s: %v %+v", place, err, res)
			}
			r := got(t, seen, "INFO")
			if via := r.Header("via")[0]; !strings.Contains(via, end[0].e.sentByFor(t, end[0])) {
				t.Errorf("%s: Via %s", place, via)
			}
		}
	}
	if err := call.Bye(within(t, 5*time.Second)); err != nil {
		t.Error(err)
	}
}

// sentByFor is what a Via of the dialog's requests names.
func (e *Endpoint) sentByFor(t *testing.T, d *Dialog) string {
	t.Helper()
	host, port := e.sentBy("udp", d.RemoteSource(), nil)
	return netJoin(host, port)
}

// TestRebindAnswers: what came to the old address is answered from there, what comes to the new one from the new; the old one is given
// back after its time, at once when there is a third, and at the end.
func TestRebindAnswers(t *testing.T) {
	t.Parallel()
	server, accepted := accepting(t)
	p := newPeer(t, server)
	d, tag := p.confirmed(accepted)
	p.send(p.message("INFO", "i2", tag, 2, ""))
	pending := next(t, d, Info)

	old := server.Addr("udp")
	if err := server.Rebind("127.0.0.2:0"); err != nil {
		t.Fatal(err)
	}
	pending.Reply(Response{Status: 200})
	p.answeredFrom(2, old)
	p.send(p.message("INFO", "i3", tag, 3, "")) // the caller knows of nothing yet
	next(t, d, Info).Reply(Response{Status: 200})
	p.answeredFrom(3, old)
	p.to = server.Addr("udp")
	p.send(p.message("INFO", "i4", tag, 4, ""))
	next(t, d, Info).Reply(Response{Status: 200})
	p.answeredFrom(4, p.to)
	p.asked(d)

	second := server.Addr("udp")
	if err := server.Rebind("127.0.0.3:0"); err != nil {
		t.Fatal(err)
	}
	free(t, old, 0)
	if server.udp.open.Load().old == nil {
		t.Error("the socket before is closed")
	}
	free(t, second, 2*t64())
	before := server.Addr("udp").String()
	for _, address := range []string{before, "192.0.2.1:0", "nowhere"} {
		if err := server.Rebind(address); !errors.Is(err, ErrConfig) || server.Addr("udp").String() != before {
			t.Errorf("to %s: %v, now at %s", address, err, server.Addr("udp"))
		}
	}
	if err := server.Close(within(t, 10*time.Second)); err != nil {
		t.Fatal(err)
	}
	if err := server.Rebind("127.0.0.1:0"); !errors.Is(err, ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
	silent := open(t, &taker{}, func(c *Config) { c.UDP = "" })
	if err := silent.Rebind("127.0.0.1:0"); !errors.Is(err, ErrConfig) {
		t.Errorf("without UDP: %v", err)
	}
}

// answeredFrom reads the answer to that CSeq and tells if it came from there.
func (p *peer) answeredFrom(seq uint32, at net.Addr) {
	p.t.Helper()
	buf := make([]byte, 65536)
	_ = p.c.SetReadDeadline(time.Now().Add(10 * time.Second))
	for {
		n, from, err := p.c.ReadFrom(buf)
		if err != nil {
			p.t.Fatal(err)
		}
		m, err := sip.ParseMessage(bytes.Clone(buf[:n]))
		if err != nil {
			p.t.Fatal(err)
		}
		if res, ok := m.(*sip.Response); ok && res.CSeq().SeqNo == seq {
			if from.String() != at.String() {
				p.t.Errorf("CSeq %d was answered from %s, not %s", seq, from, at)
			}
			return
		}
	}
}

// free waits until an address can be bound again. That is the kernel's to say, who says it to nobody who does not try.
func free(t *testing.T, address net.Addr, patience time.Duration) {
	t.Helper()
	again, enough := time.NewTicker(short.T1), time.After(patience)
	defer again.Stop()
	for {
		c, err := net.ListenPacket("udp", address.String())
		if err == nil {
			_ = c.Close()
			return
		}
		select {
		case <-enough:
			t.Fatalf("not given back: %v", err)
		case <-again.C:
		}
	}
}
