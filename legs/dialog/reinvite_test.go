package dialog

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestReinviteBothWays(t *testing.T) {
	transports(t, func(t *testing.T, transport string) {
		_, _, callee, call := pair(t, transport)
		for i, way := range [][2]*Dialog{{call, callee}, {callee, call}, {call, callee}} {
			from, to := way[0], way[1]
			answered := make(chan struct{})
			go func() {
				defer close(answered)
				ev := next(t, to, Reinvite)
				ev.Reply(Response{Status: 200, ContentType: sdpType, Body: append([]byte("re:"), ev.Request.Body...)})
				ev.Reply(Response{Status: 500}) // exactly once
				next(t, to, Ack)
			}()
			res, err := from.Reinvite(within(t, 5*time.Second), Modification{Offer: fixed([]byte("again"))})
			if err != nil || res.Status != 200 || string(res.Body) != "re:again" {
				t.Fatalf("re-INVITE %d: %v %+v", i, err, res)
			}
			got(t, answered, "answer")
		}
		if err := call.Bye(within(t, 5*time.Second)); err != nil {
			t.Fatal(err)
		}
	})
}

func TestReinviteLateOffer(t *testing.T) {
	_, _, callee, call := pair(t, "tcp")
	body := make(chan string, 1)
	go func() {
		ev := next(t, call, Reinvite)
		if ev.Request.Body != nil {
			t.Error("a body in a late offer")
		}
		ev.Reply(Response{Status: 200, ContentType: sdpType, Body: []byte("offer")})
		body <- string(next(t, call, Ack).Request.Body)
	}()
	_, err := callee.Reinvite(within(t, 5*time.Second), Modification{Ack: func(r *Response) (string, []byte, error) {
		return sdpType, append([]byte("answer to "), r.Body...), nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if b := got(t, body, "ACK"); b != "answer to offer" {
		t.Errorf("ACK body %q", b)
	}
}

func TestReinviteRefused(t *testing.T) {
	_, _, callee, call := pair(t, "udp")
	go func() { next(t, callee, Reinvite).Reply(Response{Status: 488}) }()
	res, err := call.Reinvite(within(t, 5*time.Second), Modification{Offer: fixed([]byte("x"))})
	if err != nil || res.Status != 488 {
		t.Fatalf("%v %+v", err, res)
	}
	go func() {
		next(t, callee, Reinvite).Reply(Response{Status: 200, ContentType: sdpType, Body: []byte("y")})
	}()
	if res, err = call.Reinvite(within(t, 5*time.Second), Modification{Offer: fixed([]byte("x"))}); err != nil || res.Status != 200 {
		t.Fatalf("the dialog did not live on: %v %+v", err, res)
	}
	next(t, callee, Ack)
}

// TestGlare holds an exchange open on one side and offers from the other.
func TestGlare(t *testing.T) {
	_, _, callee, call := pair(t, "udp")
	result := make(chan *Response, 1)
	go func() {
		res, err := callee.Reinvite(within(t, 10*time.Second), Modification{Offer: fixed([]byte("mine"))})
		if err != nil {
			t.Errorf("re-INVITE: %v", err)
		}
		result <- res
	}()
	ev := next(t, call, Reinvite)
	if _, err := call.Reinvite(within(t, time.Second), Modification{Offer: fixed([]byte("yours"))}); !errors.Is(err, ErrPending) {
		t.Fatalf("overlapping offer: %v", err)
	}
	// As if our offer had crossed theirs on the wire: the lock is undone by hand.
	call.mu.Lock()
	call.offer = idle
	call.mu.Unlock()
	res, err := call.Reinvite(within(t, 5*time.Second), Modification{Offer: fixed([]byte("yours"))})
	if err != nil || res.Status != 491 {
		t.Fatalf("glare: %v %+v", err, res)
	}
	call.mu.Lock()
	call.offer = theirs
	call.mu.Unlock()
	ev.Reply(Response{Status: 200, ContentType: sdpType, Body: []byte("ok")})
	if res := got(t, result, "result"); res == nil || res.Status != 200 {
		t.Errorf("result %+v", res)
	}
	next(t, call, Ack)
	if w := call.GlareWait(); w < 2100*time.Millisecond*t1()/usualT1 || w > 4*time.Second*t1()/usualT1 {
		t.Errorf("owner waits %v", w)
	}
	if w := callee.GlareWait(); w > 2*time.Second*t1()/usualT1 {
		t.Errorf("other waits %v", w)
	}
}

// TestReinviteTakenBack: who answers a re-INVITE can tell that it was cancelled, or that his answer will not go out, before he goes on
// from it.
func TestReinviteTakenBack(t *testing.T) {
	_, _, callee, call := pair(t, "udp")
	ctx, cancel := context.WithCancel(within(t, 10*time.Second))
	failed := make(chan error, 1)
	go func() {
		_, err := call.Reinvite(ctx, Modification{Offer: fixed([]byte("x"))})
		failed <- err
	}()
	ev := next(t, callee, Reinvite)
	ev.Reply(Response{Status: 183}) // without one nobody may cancel
	if err := ev.Sendable(Response{Status: 200, ContentType: sdpType, Body: []byte("y")}); err != nil {
		t.Errorf("sendable: %v", err)
	}
	if err := ev.Sendable(Response{Status: 200, ContentType: sdpType, Body: make([]byte, defaultMaxUDP)}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("%v, want ErrTooLarge", err)
	}
	cancel()
	if err := got(t, failed, "failure"); !errors.Is(err, context.Canceled) {
		t.Errorf("failed by %v", err)
	}
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for tries := 0; !errors.Is(ev.Sendable(Response{Status: 200}), ErrCancelled); tries++ {
		if <-ticker.C; tries == 500 {
			t.Fatal("the CANCEL was not noticed")
		}
	}
	ev.Reply(Response{Status: 488})
	go func() {
		next(t, callee, Reinvite).Reply(Response{Status: 200, ContentType: sdpType, Body: []byte("y")})
	}()
	if res, err := call.Reinvite(within(t, 5*time.Second), Modification{Offer: fixed([]byte("x"))}); err != nil || res.Status != 200 {
		t.Fatalf("the dialog did not live on: %v %+v", err, res)
	}
	next(t, callee, Ack)
}
