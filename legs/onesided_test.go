package legs

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs/dialog"
	"github.com/conclave/conclave/legs/offer"
)

// TestAnswerThatCannotBeSent: of an update whose answer does not go out the leg keeps nothing, for the peer has nothing of it.
func TestAnswerThatCannotBeSent(t *testing.T) {
	t.Parallel()
	for _, m := range []keying.Method{keying.MIKEYPSK, keying.MIKEYDH} {
		w := newWorld(t)
		c := w.call(w.outgoing(m))
		c.flows()
		before := c.callee.Terms()
		i := c.initiate(m)
		defer i.Abandon()
		d, err := offer.Parse(c.body(i.Attributes().MIKEY, nil))
		if err != nil {
			t.Fatal(err)
		}
		if posted := c.callee.within(within(t), func() {
			var v *keying.Verified
			if v, err = c.callee.verify(d); err == nil {
				_, err = c.callee.answerIf(context.Background(), d, v, func([]byte) error { return dialog.ErrTooLarge })
			}
			if r := c.callee.reject(err, d); r.Status != 488 || r.Reason != "too_large" {
				t.Errorf("refused by %+v", r)
			}
			if c.callee.readied {
				t.Error("keys were made ready that the peer will not have")
			}
		}); posted != nil {
			t.Fatal(posted)
		}
		if !errors.Is(err, dialog.ErrTooLarge) || c.callee.Terms() != before {
			t.Errorf("%s: %v; terms changed: %v", m, err, c.callee.Terms() != before)
		}
		if err := c.caller.Rekey(within(t)); err != nil {
			t.Error(err)
		}
		c.flows()
		c.lossless()
	}
}

// TestSettlingIsNotCounted: an offer that comes too soon is made again. It is no refusal of new keys.
func TestSettlingIsNotCounted(t *testing.T) {
	t.Parallel()
	var callee <-chan told
	w := newWorld(t, func(w *world) { callee = tell(w.answering) })
	c := w.call(w.outgoing(keying.MIKEYPSK))
	shaking := func(on bool) {
		if err := c.callee.within(within(t), func() { c.callee.shaking = on }); err != nil {
			t.Error(err)
		}
	}
	shaking(true)
	var offers atomic.Int32
	w.answeringHook.set(func(r *dialog.Request) *dialog.Response {
		if r.Method != "INVITE" {
			return nil
		}
		if offers.Add(1) == 2 { // the first was answered 491
			shaking(false)
		}
		return nil
	})
	if err := c.caller.Rekey(within(t)); err != nil {
		t.Fatal(err)
	}
	if n := offers.Load(); n != 2 {
		t.Errorf("%d offers", n)
	}
	if word := got(t, callee, "word"); word.err != nil || word.ours {
		t.Errorf("told %+v", word)
	}
}

// TestWhoLeadsToKeysOfAHandshake: the side whose handshake ends last. The other follows its packets, and no ACK.
func TestWhoLeadsToKeysOfAHandshake(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) {
		w.answering.line.HandshakeTimeout, w.calling.line.HandshakeTimeout = patience, patience
	})
	c := w.call(w.outgoing(keying.DTLSSRTP))
	c.keyed()
	c.flows()
	c.callerOwner.mute.Store(true) // so that nobody leads before it was looked at
	c.calleeOwner.mute.Store(true)
	if err := c.caller.Rekey(within(t)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "new keys on both sides", func() bool { return c.caller.Terms().Rekeys == 1 && c.callee.Terms().Rekeys == 1 })
	last := 0
	for _, l := range []*Leg{c.caller, c.callee} {
		if err := l.within(within(t), func() {
			wait := time.Until(l.switchAt)
			if l.handshake.Last() {
				last++
				if wait > switchPatience {
					t.Errorf("the client leads in %v", wait)
				}
			} else if wait < switchPatience {
				t.Errorf("the server does not wait for the client: %v", wait)
			}
			if l.acknowledged(dialog.Event{Kind: dialog.Ack, Request: &dialog.Request{}}); l.stream.Snapshot().Rekeys == 0 && !l.readied {
				t.Error("the ACK of another exchange led")
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	if last != 1 {
		t.Errorf("%d sides lead", last)
	}
	c.callerOwner.mute.Store(false)
	c.calleeOwner.mute.Store(false)
	eventually(t, "both under new keys", func() bool {
		return c.caller.Stream().Snapshot().Rekeys == 1 && c.callee.Stream().Snapshot().Rekeys == 1
	})
	c.flows()
	c.lossless()
}
