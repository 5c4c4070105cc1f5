package legs

import (
	"testing"

	"github.com/conclave/conclave/keying"
)

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
