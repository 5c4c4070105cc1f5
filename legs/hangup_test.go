package legs

import (
	"errors"
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

// TestNobodyWaitsForALegThatNeverRuns: a command that came before it was given up is not done, and whoever waits for it is told.
func TestNobodyWaitsForALegThatNeverRuns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l, err := w.calling.line.newLeg(keying.Call{Local: alice, Peer: room, Policy: w.policy}, newOwner(t))
	if err != nil {
		t.Fatal(err)
	}
	moved := make(chan error, 1)
	go func() { moved <- l.Roam(within(t), l.Stream().LocalAddr().Addr(), false) }()
	eventually(t, "the command waits", func() bool { return len(l.mailbox) == 1 })
	l.Release()
	if err := got(t, moved, "a command that is not done"); !errors.Is(err, ErrEnded) {
		t.Errorf("the command that waited: %v", err)
	}
	got(t, l.Done(), "the end")
	if err := l.Hold(within(t), true); !errors.Is(err, ErrEnded) || l.State() != Ended {
		t.Errorf("a command after that: %v, %v", err, l.State())
	}
}
