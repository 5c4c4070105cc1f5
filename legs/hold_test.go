package legs

import (
	"testing"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs/dialog"
)

// TestHeldBySilentPeer: a phone that holds by sendonly and plays no music sends nothing; that is no reason to end its call.
func TestHeldBySilentPeer(t *testing.T) {
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
	if err := c.caller.Hold(within(t), true); err != nil {
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
}

// TestHangupNeverWaits: any number of goroutines may hang up, the leg's own among them; the first reason stands.
func TestHangupNeverWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.call(w.outgoing(keying.MIKEYPSK))
	block := make(chan struct{})
	if err := c.callee.post(within(t), func() {
		for range 3 * mailboxLength {
			_ = c.callee.Hangup(within(t), "first")
		}
		close(block)
	}); err != nil {
		t.Fatal(err)
	}
	got(t, block, "hang-ups that do not wait")
	if e := got(t, c.calleeOwner.ended, "an ending"); e.Reason != "first" {
		t.Errorf("ended by %+v", e)
	}
	<-c.callee.Done()
	if err := c.callee.Hangup(within(t), "late"); err == nil {
		t.Error("a leg that ended took a command")
	}
}
