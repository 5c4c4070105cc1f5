package dialog

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func transports(t *testing.T, f func(t *testing.T, transport string)) {
	for _, transport := range []string{"udp", "tcp", "tls"} {
		t.Run(transport, func(t *testing.T) { f(t, transport) })
	}
}

func TestEarlyOffer(t *testing.T) {
	transports(t, func(t *testing.T, transport string) {
		server, caller, callee, call := pair(t, transport)
		r := callee.Request()
		if r.From.URI.Identity() != "sip:alice@conf.test" || r.From.Display != `Alice "A, B"` || r.URI.User != "room" {
			t.Errorf("request %+v", r)
		}
		if r.Transport != transport || string(r.Body) != "v=0 offer\r\n" || r.ContentType != sdpType {
			t.Errorf("request %+v", r)
		}
		if err := call.Bye(within(t, 5*time.Second)); err != nil {
			t.Fatal(err)
		}
		if ev := next(t, call, Gone); ev.Err != nil {
			t.Errorf("gone: %v", ev.Err)
		}
		next(t, callee, Bye)
		if ev := next(t, callee, Gone); !errors.Is(ev.Err, ErrRemoteBye) {
			t.Errorf("gone: %v", ev.Err)
		}
		if n := server.Stats().Dialogs + caller.Stats().Dialogs; n != 0 {
			t.Errorf("%d dialogs left", n)
		}
	})
}

func TestServerHangsUp(t *testing.T) {
	transports(t, func(t *testing.T, transport string) {
		_, _, callee, call := pair(t, transport)
		if err := callee.Bye(within(t, 5*time.Second)); err != nil {
			t.Fatal(err)
		}
		next(t, call, Bye)
		next(t, call, Gone)
		next(t, callee, Gone)
	})
}

func TestLateOffer(t *testing.T) {
	transports(t, func(t *testing.T, transport string) {
		accepted := make(chan *Dialog, 1)
		big := "v=0 " + strings.Repeat("k", 6000)
		server := open(t, &taker{invite: func(in *Incoming, _ any) {
			if in.Request.Body != nil {
				t.Error("a body in a late offer")
			}
			d, err := in.Accept(sdpType, []byte(big))
			if err != nil {
				t.Errorf("accept: %v", err)
			}
			accepted <- d
		}})
		caller := open(t, &taker{})
		inv := invitation(transport, server)
		inv.Body = nil
		inv.Ack = func(r *Response) (string, []byte, error) {
			if string(r.Body) != big {
				t.Errorf("offer of %d octets", len(r.Body))
			}
			return sdpType, []byte("v=0 late answer"), nil
		}
		call, _, err := caller.Invite(within(t, 10*time.Second), inv)
		if err != nil {
			t.Fatal(err)
		}
		d := got(t, accepted, "call")
		if ev := next(t, d, Ack); string(ev.Request.Body) != "v=0 late answer" {
			t.Errorf("ACK body %q", ev.Request.Body)
		}
		if err := call.Bye(within(t, 5*time.Second)); err != nil {
			t.Fatal(err)
		}
	})
}

func TestAckRefused(t *testing.T) {
	accepted := make(chan *Dialog, 1)
	server := open(t, &taker{invite: func(in *Incoming, _ any) {
		d, _ := in.Accept(sdpType, []byte("v=0"))
		accepted <- d
	}})
	caller := open(t, &taker{})
	inv := invitation("udp", server)
	sorry := errors.New("bad answer")
	inv.Ack = func(*Response) (string, []byte, error) { return "", nil, sorry }
	if _, _, err := caller.Invite(within(t, 10*time.Second), inv); !errors.Is(err, sorry) {
		t.Fatalf("error %v", err)
	}
	d := got(t, accepted, "call")
	for ev := range d.Inbox() { // the BYE may overtake the ACK: it ends the call anyway
		if ev.Kind == Gone && !errors.Is(ev.Err, ErrRemoteBye) {
			t.Errorf("gone: %v", ev.Err)
		}
	}
}

func TestReject(t *testing.T) {
	transports(t, func(t *testing.T, transport string) {
		server := open(t, &taker{invite: func(in *Incoming, _ any) {
			if err := in.Ring(180); err != nil {
				t.Errorf("ring: %v", err)
			}
			if err := in.Reject(Response{Status: 488, Header: []HeaderField{{"Warning", `399 conf.test "no"`}}}); err != nil {
				t.Errorf("reject: %v", err)
			}
			if _, err := in.Accept("", nil); !errors.Is(err, ErrAnswered) {
				t.Errorf("accept after reject: %v", err)
			}
		}})
		caller := open(t, &taker{})
		inv := invitation(transport, server)
		rang := false
		inv.OnProvisional = func(r *Response) { rang = r.Status == 180 }
		d, res, err := caller.Invite(within(t, 10*time.Second), inv)
		if err != nil || d != nil || res.Status != 488 || len(res.Values("Warning")) != 1 {
			t.Fatalf("%v %+v %v", d, res, err)
		}
		if !rang && transport == "udp" {
			t.Log("180 was overtaken")
		}
	})
}

func TestCancel(t *testing.T) {
	transports(t, func(t *testing.T, transport string) {
		cause := make(chan error, 1)
		ringing := make(chan struct{})
		server := open(t, &taker{invite: func(in *Incoming, _ any) {
			_ = in.Ring(180)
			<-in.Context().Done()
			if _, err := in.Accept(sdpType, nil); !errors.Is(err, ErrCancelled) {
				t.Errorf("accept after CANCEL: %v", err)
			}
			cause <- context.Cause(in.Context())
		}})
		caller := open(t, &taker{})
		ctx, cancel := context.WithCancel(context.Background())
		inv := invitation(transport, server)
		inv.OnProvisional = func(*Response) { close(ringing) }
		go func() { <-ringing; cancel() }()
		if _, _, err := caller.Invite(ctx, inv); !errors.Is(err, context.Canceled) {
			t.Fatalf("invite: %v", err)
		}
		if err := got(t, cause, "cause"); !errors.Is(err, ErrCancelled) {
			t.Errorf("cause %v", err)
		}
	})
}

// TestCancelBeforeProvisional gives up before the callee said anything: the CANCEL waits for a provisional response.
func TestCancelBeforeProvisional(t *testing.T) {
	cause := make(chan error, 1)
	begun, begin := make(chan struct{}), make(chan struct{})
	server := open(t, &taker{invite: func(in *Incoming, _ any) {
		close(begun)
		<-begin
		_ = in.Ring(180)
		<-in.Context().Done()
		cause <- context.Cause(in.Context())
	}})
	caller := open(t, &taker{})
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-begun; cancel() }()
	if _, _, err := caller.Invite(ctx, invitation("udp", server)); !errors.Is(err, context.Canceled) {
		t.Fatalf("invite: %v", err)
	}
	close(begin)
	if err := got(t, cause, "cause"); !errors.Is(err, ErrCancelled) {
		t.Errorf("cause %v", err)
	}
}

func TestInDialogRequests(t *testing.T) {
	transports(t, func(t *testing.T, transport string) {
		_, _, callee, call := pair(t, transport)
		for _, c := range []struct {
			method string
			kind   Kind
			status int
		}{{"INFO", Info, 200}, {"REFER", Refer, 202}, {"NOTIFY", Notify, 200}, {"UPDATE", Update, 488}} {
			go func() { next(t, callee, c.kind).Reply(Response{Status: c.status}) }()
			res, err := call.Send(within(t, 5*time.Second), c.method, nil, sdpType, []byte("x"))
			if err != nil || res.Status != c.status {
				t.Errorf("%s: %v %+v", c.method, err, res)
			} else if got := len(res.Values("contact")); got != map[string]int{"REFER": 1}[c.method] {
				t.Errorf("%s: %d Contacts", c.method, got)
			}
		}
		for method, want := range map[string]int{"OPTIONS": 200, "MESSAGE": 405, "PRACK": 405, "FOO": 501} {
			res, err := callee.Send(within(t, 5*time.Second), method, nil, "", nil)
			if err != nil || res.Status != want {
				t.Errorf("%s: %v %+v, want %d", method, err, res, want)
			}
		}
		if err := callee.Bye(within(t, 5*time.Second)); err != nil {
			t.Error(err)
		}
		if _, err := callee.Send(within(t, time.Second), "INFO", nil, "", nil); !errors.Is(err, ErrEnded) {
			t.Errorf("after the end: %v", err)
		}
	})
}

// TestAnswerToCancelled: who answers a cancelled re-INVITE with 200 all the same goes on from what the peer never sees: the call ends.
func TestAnswerToCancelled(t *testing.T) {
	_, _, callee, call := pair(t, "udp")
	ctx, cancel := context.WithCancel(within(t, 10*time.Second))
	go func() { _, _ = call.Reinvite(ctx, Modification{Offer: fixed([]byte("x"))}) }()
	ev := next(t, callee, Reinvite)
	ev.Reply(Response{Status: 183}) // without one nobody may cancel
	cancel()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for tries := 0; !errors.Is(ev.Sendable(Response{Status: 200}), ErrCancelled); tries++ {
		if <-ticker.C; tries == 500 {
			t.Fatal("the CANCEL was not noticed")
		}
	}
	ev.Reply(Response{Status: 200, ContentType: sdpType, Body: []byte("y")})
	if gone := next(t, callee, Gone); !errors.Is(gone.Err, ErrCancelled) {
		t.Errorf("gone: %v", gone.Err)
	}
	next(t, call, Bye)
}
