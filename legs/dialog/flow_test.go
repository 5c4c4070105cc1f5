package dialog

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"
)

// registered is a server, a device that registered there, the flow of that, and the calls that the device took.
func registered(t *testing.T, transport string) (server, device *Endpoint, flow string, taken <-chan *Dialog) {
	t.Helper()
	flows, calls := make(chan string, 1), make(chan *Dialog, 1)
	server = open(t, &taker{serve: func(in *Standalone, _ any) {
		in.Hold(time.Minute)
		_ = in.Reply(Response{Status: 200})
		flows <- in.Request.Connection
	}}, registrar)
	device = open(t, &taker{
		invite: func(in *Incoming, _ any) {
			d, err := in.Accept(sdpType, []byte("v=0 answer"), HeaderField{"X-Device", in.Request.URI.User})
			if err != nil {
				t.Errorf("accept: %v", err)
			}
			calls <- d
		},
		serve: func(in *Standalone, _ any) {
			_ = in.Reply(Response{Status: 202, Header: []HeaderField{{"X-To", in.Request.Header("refer-to")[0]}}})
		},
	}, func(c *Config) { c.TCP, c.TLS, c.Contact, c.Focus = "", "", "alice", false })
	if res, err := device.Request(within(t, 5*time.Second), register(transport, server)); err != nil || res.Status != 200 {
		t.Fatalf("register: %v %+v", err, res)
	}
	return server, device, got(t, flows, "flow"), calls
}

// TestFlow: the server calls a device, and refers it, over the connection that the device holds open, wherever its Contact points; the
// call stays there.
func TestFlow(t *testing.T) {
	for _, transport := range []string{"udp", "tcp", "tls"} {
		t.Run(transport, func(t *testing.T) {
			server, _, flow, taken := registered(t, transport)
			before := server.Stats().Connections
			call, res, err := server.Invite(within(t, 5*time.Second), Invitation{
				URI: "sip:phone@192.0.2.1:7;transport=" + transport, From: "sip:room@conf.test", Flow: flow, ContactUser: "room",
				ContentType: sdpType, Body: []byte("v=0 offer"),
			})
			if err != nil || call == nil {
				t.Fatalf("%v %+v", err, res)
			}
			callee := got(t, taken, "call")
			next(t, callee, Ack)
			first := callee.Request()
			if x := res.Values("x-device"); len(x) != 1 || x[0] != "phone" || first.URI.Host != "192.0.2.1" || first.Contact.URI.User != "room" {
				t.Errorf("INVITE %+v, answer %+v", first, res)
			}
			for _, end := range [][2]*Dialog{{call, callee}, {callee, call}} {
				go func() { next(t, end[1], Info).Reply(Response{Status: 200}) }()
				if res, err := end[0].Send(within(t, 5*time.Second), "INFO", nil, "", nil); err != nil || res.Status != 200 {
					t.Fatalf("%v %+v", err, res)
				}
			}
			if call.Connection() != flow || server.Stats().Connections != before {
				t.Errorf("the call is on %s, registered was %s; %d connections, had %d", call.Connection(), flow, server.Stats().Connections, before)
			}
			refer, err := server.Request(within(t, 5*time.Second), Outgoing{
				Method: "REFER", URI: "sip:phone@192.0.2.1:7", From: "sip:room@conf.test", Flow: flow,
				Header: []HeaderField{{"Refer-To", "<sip:room@conf.test>"}},
			})
			if err != nil || refer.Status != 202 || strings.Join(refer.Values("x-to"), "") != "<sip:room@conf.test>" {
				t.Errorf("REFER: %v %+v", err, refer)
			}
		})
	}
}

// TestFlowGone: over a connection that is gone nothing is sent, and none is dialled in its place; a call on it ends.
func TestFlowGone(t *testing.T) {
	t.Parallel()
	server, device, flow, taken := registered(t, "tcp")
	inv := Invitation{URI: "sip:phone@127.0.0.1", From: "sip:room@conf.test", Flow: flow, ContentType: sdpType, Body: []byte("v=0")}
	call, _, err := server.Invite(within(t, 5*time.Second), inv)
	if err != nil {
		t.Fatal(err)
	}
	callee := got(t, taken, "call")
	next(t, callee, Ack)
	at := server.streams.get(flow)
	_ = at.Close()
	if _, err := call.Send(within(t, 5*time.Second), "INFO", nil, "", nil); !errors.Is(err, ErrConnectionLost) {
		t.Errorf("in the call: %v", err)
	}
	if _, _, err := server.Invite(within(t, 5*time.Second), inv); !errors.Is(err, ErrNoFlow) {
		t.Errorf("another call: %v", err)
	}
	if _, err := server.Request(within(t, 5*time.Second), Outgoing{Method: "OPTIONS", URI: inv.URI, From: inv.From, Flow: flow}); !errors.Is(err, ErrNoFlow) {
		t.Errorf("a request: %v", err)
	}
	if ev := next(t, call, Gone); !errors.Is(ev.Err, ErrConnectionLost) {
		t.Errorf("gone: %v", ev.Err)
	}
	for _, bad := range []string{"tcp", "tcp|", "tcp|x:y", "sctp|127.0.0.1:5060", "|127.0.0.1:5060"} {
		if _, err := device.Request(within(t, time.Second), Outgoing{Method: "OPTIONS", URI: inv.URI, From: inv.From, Flow: bad}); !errors.Is(err, ErrConfig) {
			t.Errorf("flow %q: %v", bad, err)
		}
	}
}

// TestFlowOfAnother: whoever connects from the address and port of a device, once its connection is gone, gets nothing that is meant for it.
func TestFlowOfAnother(t *testing.T) {
	t.Parallel()
	flows := make(chan string, 2)
	server := open(t, &taker{serve: func(in *Standalone, _ any) {
		in.Hold(time.Minute)
		_ = in.Reply(Response{Status: 200})
		flows <- in.Request.Connection
	}}, registrar)
	// Of the device; the port is the kernel's choice. At an address of its own, or another test may take the port in between.
	var from net.Addr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 77)}
	connect := func() *net.TCPConn {
		c, err := (&net.Dialer{LocalAddr: from}).DialContext(t.Context(), "tcp", server.Addr("tcp").String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		from = c.LocalAddr()
		_, err = fmt.Fprintf(c, "REGISTER sip:conf.test SIP/2.0\r\nVia: SIP/2.0/TCP %s;branch=z9hG4bK%s\r\nMax-Forwards: 70\r\nFrom: <sip:a@conf.test>;tag=1\r\n"+
			"To: <sip:a@conf.test>\r\nCall-ID: %s\r\nCSeq: 1 REGISTER\r\nContact: <sip:a@h>\r\nContent-Length: 0\r\n\r\n", from, newTag(), newTag())
		if err != nil {
			t.Fatal(err)
		}
		return c.(*net.TCPConn)
	}
	device := connect()
	flow := got(t, flows, "flow")
	st := server.streams.get(flow)
	_ = device.SetLinger(0) // the kernel gives the port away at once
	_ = device.Close()
	got(t, st.done, "end of the connection")
	connect()
	other := got(t, flows, "flow of the other")
	to := Outgoing{Method: "OPTIONS", URI: "sip:a@h", From: "sip:room@conf.test", Flow: flow}
	if _, err := server.Request(within(t, 2*time.Second), to); !errors.Is(err, ErrNoFlow) || server.streams.get(other) == nil {
		t.Errorf("what is for the device goes to another: %v", err)
	}
}

// TestHold: a silent connection stays while a device is registered over it, and no longer.
func TestHold(t *testing.T) {
	server, _, flow, _ := registered(t, "tls")
	st, now := server.streams.get(flow), time.Now()
	for patience := within(t, 10*time.Second); st.users.Load() > 0 && patience.Err() == nil; { // the REGISTER's handler is about to return
		runtime.Gosched()
	}
	for at, want := range map[time.Duration]bool{0: true, 59 * time.Second: true, 2 * time.Minute: false} {
		if st.needed(now.Add(at)) != want {
			t.Errorf("needed after %s: %v", at, !want)
		}
	}
}

// TestPinned: a Contact at the flow's own address with another port is not believed, nor a route, as they would be in a call that came in.
func TestPinned(t *testing.T) {
	flow := netip.MustParseAddrPort("127.0.0.1:40000")
	for pinned, want := range map[bool]string{true: "127.0.0.1:40000", false: "127.0.0.1:5060"} {
		d := &Dialog{e: new(Endpoint), pinned: pinned, first: &Request{Transport: "udp"}}
		d.retarget([]string{"<sip:phone@127.0.0.1>"}, flow)
		if d.peer.String() != want || d.target != "sip:phone@127.0.0.1" {
			t.Errorf("pinned %v: %s %s", pinned, d.peer, d.target)
		}
		d.peer, d.routes = flow, []string{"<sip:127.0.0.1;lr>"}
		if w, err := d.way(t.Context()); err != nil || w.to.String() != want {
			t.Errorf("pinned %v: routed to %s, %v", pinned, w.to, err)
		}
	}
}
