package legs

import (
	"bytes"
	"errors"
	"net/netip"
	"testing"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs/dialog"
	"github.com/conclave/conclave/legs/offer"
)

// told is one word of Line.OnRekey.
type told struct {
	ours bool
	err  error
}

func tell(s *side) <-chan told {
	c := make(chan told, 16)
	s.line.OnRekey = func(_ *Leg, ours bool, err error) { c <- told{ours, err} }
	return c
}

// TestOnRekey: both sides are told of every change of keys, by whom it was and how it ended; refreshes and holds are none.
func TestOnRekey(t *testing.T) {
	t.Parallel()
	var caller, callee <-chan told
	w := newWorld(t, func(w *world) { caller, callee = tell(w.calling), tell(w.answering) })
	c := w.call(w.outgoing(keying.MIKEYPSK))
	hold(t, c.caller, true)
	hold(t, c.caller, false)
	if err := c.callee.Reinvite(within(t)); err != nil {
		t.Fatal(err)
	}
	if err := c.caller.Rekey(within(t)); err != nil {
		t.Fatal(err)
	}
	if a, b := got(t, caller, "word"), got(t, callee, "word"); !a.ours || b.ours || a.err != nil || b.err != nil {
		t.Errorf("told %+v and %+v", a, b)
	}
	w.callingHook.set(refuseInvites)
	if err := c.callee.Rekey(within(t)); err == nil {
		t.Error("no refusal")
	}
	if b := got(t, callee, "word"); !b.ours || b.err == nil {
		t.Errorf("told %+v", b)
	}
	if len(caller)+len(callee) > 0 {
		t.Error("told more often than keys were changed")
	}
}

// TestOnShaken: of first keys that come after the call stands both sides are told once, when the terms name their suite.
func TestOnShaken(t *testing.T) {
	t.Parallel()
	suites := make(chan keying.Suite, 16)
	listen := func(s *side) { s.line.OnShaken = func(l *Leg) { suites <- l.Terms().Posture.Suite } }
	for _, method := range []keying.Method{keying.DTLSSRTP, keying.MIKEYDH} {
		w := newWorld(t, func(w *world) { listen(w.calling); listen(w.answering) })
		c := w.call(w.outgoing(method))
		c.flows()
		if method == keying.DTLSSRTP {
			if a, b := got(t, suites, "caller's suite"), got(t, suites, "callee's suite"); a == "" || a != b {
				t.Errorf("told %q and %q", a, b)
			}
		}
		if len(suites) > 0 {
			t.Errorf("%s: told too often", method)
		}
	}
}

func refuseInvites(r *dialog.Request) *dialog.Response {
	if r.Method == "INVITE" {
		return &dialog.Response{Status: 488}
	}
	return nil
}

// TestRefusedRekeyEndsTheLeg, whoever asked for it; a refused refresh or hold changes nothing.
func TestRefusedRekeyEndsTheLeg(t *testing.T) {
	t.Parallel()
	for _, byCaller := range []bool{true, false} {
		w := newWorld(t)
		c := w.call(w.outgoing(keying.MIKEYDH))
		c.flows()
		w.answeringHook.set(refuseInvites)
		w.callingHook.set(refuseInvites)
		side, peer, owner, peerOwner := c.caller, c.callee, c.callerOwner, c.calleeOwner
		if !byCaller {
			side, peer, owner, peerOwner = c.callee, c.caller, c.calleeOwner, c.callerOwner
		}
		before, beforePeer := side.Terms(), peer.Terms()
		var refused *Refused
		if err := side.Reinvite(within(t)); !errors.As(err, &refused) || refused.Status != 488 {
			t.Errorf("refresh: %v", err)
		}
		if err := side.Hold(within(t), true); !errors.As(err, &refused) || refused.Status != 488 {
			t.Errorf("hold: %v", err)
		}
		if side.Terms() != before || side.State() != Confirmed || peer.Terms() != beforePeer || peer.State() != Confirmed {
			t.Error("a refusal changed something")
		}
		c.flows()
		if err := side.Rekey(within(t)); !errors.As(err, &refused) || refused.Status != 488 {
			t.Errorf("rekey: %v", err)
		}
		if e := got(t, owner.ended, "an ending"); e.Reason != "rekey_failed" {
			t.Errorf("ended by %+v", e)
		}
		if e := got(t, peerOwner.ended, "an ending"); e.Reason != "bye" {
			t.Errorf("the peer ended by %+v", e)
		}
	}
}

// TestSpoiledRekey: an answer that does not authenticate ends the leg, and its keys are never sent under.
func TestSpoiledRekey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.call(w.outgoing(keying.MIKEYPSK))
	c.flows()
	before := c.caller.Terms()
	running := c.callee.Terms().Running.Message()
	w.answeringHook.set(func(r *dialog.Request) *dialog.Response { // somebody answers in the place of the callee
		if r.Method != "INVITE" {
			return nil
		}
		var body []byte
		d, err := offer.Parse(r.Body)
		if err == nil {
			err = c.callee.within(within(t), func() {
				local := c.callee.local
				local.Keys.MIKEY = running
				body, _, err = offer.Answer(d, local)
			})
		}
		if err != nil {
			t.Error(err)
		}
		return &dialog.Response{Status: 200, ContentType: offer.ContentType, Body: body}
	})
	if err := c.caller.Rekey(within(t)); !errors.Is(err, ErrAnswer) {
		t.Fatalf("%v, want ErrAnswer", err)
	}
	if e := got(t, c.callerOwner.ended, "an ending"); e.Reason != "rekey_failed" {
		t.Errorf("ended by %+v", e)
	}
	if after := c.caller.Terms(); after.Rekeys != before.Rekeys {
		t.Error("the keys were changed")
	}
}

// TestPeerDiesDuringRekey: the offer is never answered.
func TestPeerDiesDuringRekey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.call(w.outgoing(keying.MIKEYPSK))
	c.flows()
	goOn := make(chan struct{})
	w.answeringHook.set(func(*dialog.Request) *dialog.Response {
		<-goOn
		return &dialog.Response{Status: 500}
	})
	err := c.caller.Rekey(within(t))
	if !errors.Is(err, dialog.ErrTimeout) && !errors.Is(err, ErrEnded) {
		t.Errorf("%v, want a timeout", err)
	}
	if e := got(t, c.callerOwner.ended, "an ending"); e.Reason != "rekey_failed" {
		t.Errorf("ended by %+v", e)
	}
	close(goOn)
	_ = c.callee.Hangup(within(t), "hangup")
}

// TestAddressBound: a refresh proves that a new address is the peer's, and what somebody on the way makes of one is refused.
func TestAddressBound(t *testing.T) {
	t.Parallel()
	for _, gated := range []bool{true, false} {
		for _, m := range []keying.Method{keying.MIKEYPSK, keying.MIKEYDH} {
			w := newWorld(t, func(w *world) { w.gated = gated })
			c := w.call(w.outgoing(m))
			c.flows()
			moved := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), c.caller.Stream().LocalAddr().Port())
			before := c.callee.Terms()
			if err := c.caller.within(within(t), func() { c.caller.local.Addr = moved }); err != nil {
				t.Fatal(err)
			}
			w.answeringHook.set(func(r *dialog.Request) *dialog.Response {
				r.Body = bytes.ReplaceAll(r.Body, []byte("c=IN IP4 127.0.0.2"), []byte("c=IN IP4 127.0.0.9"))
				return nil
			})
			var refused *Refused
			if err := c.caller.Reinvite(within(t)); !errors.As(err, &refused) || refused.Status != 488 {
				t.Fatalf("an address changed on the way: %v, want 488", err)
			}
			if c.callee.Terms() != before || c.callee.State() != Confirmed {
				t.Error("the callee followed it")
			}
			c.flows()
			w.answeringHook.set(func(*dialog.Request) *dialog.Response { return nil })
			if err := c.caller.Reinvite(within(t)); err != nil {
				t.Fatal(err)
			}
			after := c.callee.Terms()
			if after.Remote != moved {
				t.Errorf("media goes to %v, want %v", after.Remote, moved)
			}
			sameKeys(t, c.callee, before)
		}
	}
}

// TestUpdateChangesKeys: an UPDATE has no ACK; the answerer goes over to the new keys with the offerer's first packet, and where the
// offerer is silent after a while.
func TestUpdateChangesKeys(t *testing.T) {
	t.Parallel()
	for _, silent := range []bool{false, true} {
		w := newWorld(t)
		c := w.call(w.outgoing(keying.MIKEYPSK))
		c.flows()
		c.callerOwner.mute.Store(silent)
		i := c.initiate(keying.MIKEYPSK)
		body := c.body(i.Attributes().MIKEY, nil)
		resp, err := c.caller.Dialog().Send(within(t), "UPDATE", nil, offer.ContentType, body)
		if err != nil || resp.Status != 200 {
			t.Fatalf("%v %+v", err, resp)
		}
		answer, err := offer.Parse(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		keys, err := answer.Attributes()
		if err != nil {
			t.Fatal(err)
		}
		agreement, err := i.Complete(within(t), keys)
		if err != nil {
			t.Fatal(err)
		}
		c.adopt(agreement)
		c.rekeyed(1)
		eventually(t, "new keys on both sides", func() bool {
			return c.caller.Stream().Snapshot().Rekeys == 1 && c.callee.Stream().Snapshot().Rekeys == 1
		})
		c.callerOwner.mute.Store(false)
		c.flows()
		c.lossless()
	}
}

// TestFallback: a method that the peer refuses is followed by the next, in a new call, and somebody is told with what the peer said.
func TestFallback(t *testing.T) {
	t.Parallel()
	var wide keying.Policy // of the calling side
	w := newWorld(t, func(w *world) {
		wide = *w.policy
		w.policy.Methods, w.policy.Suites = []keying.Method{keying.MIKEYPSK}, []keying.Suite{keying.AEADAES128GCM}
	})
	o := w.outgoing(keying.MIKEYDH)
	o.Policy = &wide
	o.Suite = keying.AEADAES128GCM
	o.Methods = []keying.Method{keying.MIKEYDH, keying.MIKEYDHHMAC, keying.MIKEYPSK}
	var steps []string
	o.OnFallback = func(from, to keying.Method, why *Refused) {
		steps = append(steps, string(from)+" "+string(to))
		if why.Status != 488 || why.Hint == nil || len(why.Hint.Numbers) != 1 || why.Hint.Words == "" {
			t.Errorf("refused by %+v, hint %+v", why, why.Hint)
		}
	}
	c := w.call(o)
	c.flows()
	if m := c.caller.Terms().Posture.Method; m != keying.MIKEYPSK || len(steps) != 2 {
		t.Errorf("called by %s after %q", m, steps)
	}
	o.Methods = o.Methods[:2]
	var refused *Refused
	if _, err := w.calling.line.Call(within(t), w.calling.endpoint, o, newOwner(t)); !errors.As(err, &refused) || refused.Status != 488 {
		t.Errorf("nothing left to fall back to: %v", err)
	}
}
