package legs

import (
	"testing"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs/dialog"
)

// TestMediaTimeout: a leg that brings nothing authentic is ended, and says so to its peer.
func TestMediaTimeout(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.answering.line.MediaTimeout = 3 * time.Second })
	c := w.call(w.outgoing(keying.MIKEYPSK))
	c.flows()
	c.callerOwner.stop()
	if e := got(t, c.calleeOwner.ended, "an ending"); e.Reason != "media_timeout" {
		t.Errorf("ended by %+v, want media_timeout", e)
	}
	if e := got(t, c.callerOwner.ended, "an ending"); e.Reason != "bye" {
		t.Errorf("the peer ended by %+v, want bye", e)
	}
	if s := c.callee.State(); s != Ended {
		t.Errorf("state %v", s)
	}
}

// TestHeldLegIsAsked: a leg that hears nothing because of a hold does not end for it, whoever holds, but is asked by OPTIONS. A
// phone that holds by sendonly may play no music.
func TestHeldLegIsAsked(t *testing.T) {
	for holder, hold := range map[string]func(*connected) *Leg{
		"held by the server": func(c *connected) *Leg { return c.callee },
		"held by the caller": func(c *connected) *Leg { return c.caller },
	} {
		t.Run(holder, func(t *testing.T) {
			t.Parallel()
			asked := make(chan struct{}, 8)
			w := newWorld(t, func(w *world) {
				w.answering.line.MediaTimeout = time.Second
				w.callingHook.set(func(r *dialog.Request) *dialog.Response {
					if r.Method == "OPTIONS" {
						asked <- struct{}{}
					}
					return nil
				})
			})
			c := w.call(w.outgoing(keying.MIKEYPSK))
			c.flows()
			if err := hold(c).Hold(within(t), true); err != nil { // from now on the caller sends nothing
				t.Fatal(err)
			}
			c.callerOwner.stop()
			got(t, asked, "OPTIONS")
			ticks := time.NewTicker(liveness)
			defer ticks.Stop()
			for range 3 { // longer than the timeout that would end a leg that is not on hold
				got(t, ticks.C, "a second")
			}
			if s := c.callee.State(); s != Held {
				t.Errorf("state %v, want held", s)
			}
			if n := len(asked); n > 1 {
				t.Errorf("asked %d times in three seconds", n+1)
			}
		})
	}
}

// TestHeldLegThatIsGone: nobody answers for the dialog any more, and the leg ends.
func TestHeldLegThatIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) {
		w.callingHook.set(func(r *dialog.Request) *dialog.Response {
			if r.Method == "OPTIONS" {
				return &dialog.Response{Status: 481}
			}
			return nil
		})
	})
	c := w.call(w.outgoing(keying.MIKEYPSK))
	c.flows()
	if err := c.callee.Hold(within(t), true); err != nil {
		t.Fatal(err)
	}
	if e := got(t, c.calleeOwner.ended, "an ending"); e.Reason != "signalling_lost" {
		t.Errorf("ended by %+v, want signalling_lost", e)
	}
	_ = c.caller.Hangup(within(t), "hangup") // its peer said nothing: the dialog was gone
}

// TestNoAck: a call whose 200 nobody acknowledges is given up.
func TestNoAck(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l, err := w.calling.line.newLeg(keying.Call{Local: alice, Peer: room, Policy: w.policy, SDPIDs: sdpIDs}, newOwner(t))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	body, err := l.firstOffer(within(t), keying.MIKEYPSK)
	if err != nil {
		t.Fatal(err)
	}
	silent := newStranger(t, w.answering.endpoint.Addr("udp").String())
	silent.invite(string(body))
	callee := got(t, w.callee, "call")
	if s := callee.State(); s != Answered {
		t.Errorf("state %v before the ACK", s)
	}
	if e := got(t, w.answeringOwner.ended, "an ending"); e.Reason != "signalling_lost" && e.Reason != "no_ack" {
		t.Errorf("ended by %+v", e)
	}
	<-callee.Done()
	if n := len(w.answeringOwner.confirmed); n > 0 {
		t.Error("confirmed without an ACK")
	}
}

// TestBeats: legs look around about once a second, all at the same few moments.
func TestBeats(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	moments := map[time.Duration]bool{}
	for at := time.Duration(0); at < 3*liveness; at += 7 * time.Millisecond {
		wait := untilBeat(start.Add(at))
		if wait <= liveness-liveness/beats || wait > liveness {
			t.Fatalf("%v: in %v", at, wait)
		}
		moments[(at+wait)%liveness] = true
	}
	if len(moments) != beats {
		t.Errorf("looks at %d moments, want %d", len(moments), beats)
	}
}
