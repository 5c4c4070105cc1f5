package legs

import (
	"errors"
	"testing"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs/dialog"
)

// alive says whether a running agreement still knows what it is of.
func alive(r *keying.Running) bool {
	d := r.Repeat()
	return r.CanUpdate() || len(r.Message()) > 0 || !d.Empty() && (len(d.Crypto) == 0 || d.Crypto[0].Line() != "")
}

// TestNothingIsKept: what a leg could go on from is wiped when another takes its place, and when the leg has ended, on either side and
// however it ended.
func TestNothingIsKept(t *testing.T) {
	t.Parallel()
	eachMethod(t, func(t *testing.T, w *world, m keying.Method) {
		c := w.call(w.outgoing(m))
		c.keyed()
		first := []*keying.Running{c.caller.Terms().Running, c.callee.Terms().Running}
		for i, r := range first {
			if !alive(r) {
				t.Fatalf("side %d: this test sees nothing", i)
			}
		}
		if err := c.caller.Rekey(within(t)); err != nil {
			t.Fatal(err)
		}
		c.rekeyed(1)
		second := []*keying.Running{c.caller.Terms().Running, c.callee.Terms().Running}
		for i, r := range first {
			eventually(t, "the former agreement is wiped", func() bool { return !alive(r) })
			if !alive(second[i]) {
				t.Errorf("side %d: the running agreement was wiped with the former", i)
			}
		}
		w.answeringHook.set(refuseInvites)
		var refused *Refused
		if err := c.caller.Rekey(within(t)); !errors.As(err, &refused) {
			t.Errorf("%v, want a refusal", err)
		}
		got(t, c.callerOwner.ended, "an ending")
		got(t, c.calleeOwner.ended, "an ending")
		for i, r := range second {
			if alive(r) {
				t.Errorf("side %d: the agreement outlives its leg", i)
			}
		}
	})
}

// TestNothingIsKeptOfAChange: an exchange that was given up is wiped, also when its leg ended over it.
func TestNothingIsKeptOfAChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.call(w.outgoing(keying.MIKEYPSK))
	seen := make(chan *change, 1)
	w.answeringHook.set(func(r *dialog.Request) *dialog.Response {
		if r.Method != "INVITE" {
			return nil
		}
		if err := c.caller.within(within(t), func() { seen <- c.caller.current }); err != nil {
			t.Error(err)
		}
		_ = c.caller.Hangup(within(t), "hangup")
		return &dialog.Response{Status: 491}
	})
	if err := c.caller.Rekey(within(t)); !errors.Is(err, ErrEnded) {
		t.Errorf("%v, want ErrEnded", err)
	}
	<-c.caller.Done()
	if _, err := got(t, seen, "a change").initiation.Complete(within(t), keying.Attributes{}); !errors.Is(err, keying.ErrAbandoned) {
		t.Errorf("the exchange can still be completed: %v", err)
	}
}
