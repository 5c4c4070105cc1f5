package dialog

import (
	"errors"
	"sync"
	"testing"
	"time"
)

// TestManyCalls runs many calls at once from one endpoint, each with a re-INVITE, over every transport.
func TestManyCalls(t *testing.T) {
	transports(t, func(t *testing.T, transport string) {
		const calls = 100
		server := open(t, &taker{invite: func(in *Incoming, _ any) {
			d, err := in.Accept(sdpType, in.Request.Body)
			if err != nil {
				t.Errorf("accept: %v", err)
				return
			}
			for ev := range d.Inbox() {
				if ev.Kind == Reinvite {
					ev.Reply(Response{Status: 200, ContentType: sdpType, Body: ev.Request.Body})
				}
			}
			if !errors.Is(d.Err(), ErrRemoteBye) {
				t.Errorf("ended: %v", d.Err())
			}
		}}, func(c *Config) { c.wait = time.Minute }) // all get their turn; who is sent away, and when, is for the tests of the door
		caller := open(t, &taker{})
		var wg sync.WaitGroup
		begun := time.Now()
		for range calls {
			wg.Go(func() {
				ctx := within(t, 30*time.Second)
				d, res, err := caller.Invite(ctx, invitation(transport, server))
				if err != nil || d == nil {
					t.Errorf("invite: %v %+v", err, res)
					return
				}
				// On a busy machine the ACK may be late beyond patience: 500 with Retry-After, and one tries again.
				for res = nil; err == nil && (res == nil || res.Status == 500 && len(res.Values("Retry-After")) > 0); {
					res, err = d.Reinvite(ctx, Modification{Offer: fixed([]byte("more"))})
				}
				if err != nil || res.Status != 200 {
					t.Errorf("re-INVITE: %v %+v", err, res)
				}
				if err := d.Bye(ctx); err != nil {
					t.Errorf("bye: %v", err)
				}
			})
		}
		wg.Wait()
		t.Logf("%d calls in %v", calls, time.Since(begun))
	})
}

// BenchmarkCall is one call over UDP on loopback: INVITE, 200, ACK, BYE, 200.
func BenchmarkCall(b *testing.B) {
	server, err := Listen(Config{UDP: "127.0.0.1:0", Timers: short}, &taker{invite: func(in *Incoming, _ any) {
		d, err := in.Accept(sdpType, in.Request.Body)
		if err != nil {
			return
		}
		for range d.Inbox() { //nolint:revive // drain
		}
	}})
	if err != nil {
		b.Fatal(err)
	}
	caller, err := Listen(Config{UDP: "127.0.0.1:0", Timers: short}, &taker{})
	if err != nil {
		b.Fatal(err)
	}
	inv := invitation("udp", server)
	b.ReportAllocs()
	for b.Loop() {
		d, _, err := caller.Invite(b.Context(), inv)
		if err != nil {
			b.Fatal(err)
		}
		if err := d.Bye(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	_ = caller.Close(b.Context())
	_ = server.Close(b.Context())
}

// BenchmarkFront is what one INVITE costs before anybody else sees it.
func BenchmarkFront(b *testing.B) {
	f := testFront(1 << 30)
	p := &peer{c: &addressed{}}
	msg := []byte(p.message("INVITE", "x", "", 1, string(make([]byte, 1500))))
	from := source0()
	b.ReportAllocs()
	for b.Loop() {
		if got, _ := f.both(msg, from); got == nil {
			b.Fatal("refused")
		}
	}
}
