package legs

import (
	"testing"

	"github.com/conclave/conclave/keying"
)

// eachMethod runs a test for every method, behind a gate and without one.
func eachMethod(t *testing.T, test func(t *testing.T, w *world, m keying.Method)) {
	t.Helper()
	for i, m := range keying.Methods() {
		t.Run(string(m), func(t *testing.T) {
			t.Parallel()
			test(t, newWorld(t, func(w *world) { w.gated, w.secured, w.late = i%2 == 0, true, m }), m)
		})
	}
}

// keyed waits until both sides have the keys of the call.
func (c *connected) keyed() {
	c.t.Helper()
	got(c.t, c.caller.Keyed(), "keys of the caller")
	got(c.t, c.callee.Keyed(), "keys of the callee")
	if c.caller.Terms().Posture.Suite == "" || c.callee.Terms().Posture.Suite == "" {
		c.t.Error("keyed, and the terms do not tell")
	}
}

// rekeyed waits until both sides have changed their keys so often.
func (c *connected) rekeyed(times uint64) {
	c.t.Helper()
	eventually(c.t, "a change of keys on both sides", func() bool {
		return c.caller.Terms().Rekeys == times && c.callee.Terms().Rekeys == times
	})
}

// lossless holds that every packet of the call arrived, and none was refused: both sides fall silent and count.
func (c *connected) lossless() {
	c.t.Helper()
	c.callerOwner.mute.Store(true)
	c.calleeOwner.mute.Store(true)
	for name, way := range map[string][2]*Leg{"to the callee": {c.caller, c.callee}, "to the caller": {c.callee, c.caller}} {
		from, to := way[0].Stream(), way[1].Stream()
		settled(c.t, func() uint64 { return to.Snapshot().PacketsReceived })
		s, sent := to.Snapshot(), from.Snapshot().PacketsSent
		if s.PacketsReceived+s.Unkeyed < sent {
			c.t.Errorf("%s: of %d packets %d came, %d before the keys", name, sent, s.PacketsReceived, s.Unkeyed)
		}
		if s.AuthFailed+s.Replayed+s.Lost+s.ForeignSSRC+s.Malformed > 0 || from.Snapshot().SendErrors > 0 {
			c.t.Errorf("%s: %d failed to authenticate, %d replayed, %d lost, %d foreign, %d malformed, %d not sent", name,
				s.AuthFailed, s.Replayed, s.Lost, s.ForeignSSRC, s.Malformed, from.Snapshot().SendErrors)
		}
	}
	c.callerOwner.mute.Store(false)
	c.calleeOwner.mute.Store(false)
}

// settled waits until a count has not moved for some ticks.
func settled(t *testing.T, count func() uint64) {
	t.Helper()
	last, still := count(), 0
	eventually(t, "a count that stands still", func() bool {
		if n := count(); n != last {
			last, still = n, 0
		}
		still++
		return still > 20
	})
}

// TestEveryMethod: a call, holds, rekeys and refreshes from either side, and not one packet lost.
func TestEveryMethod(t *testing.T) {
	t.Parallel()
	eachMethod(t, func(t *testing.T, w *world, m keying.Method) {
		c := w.call(w.outgoing(m))
		c.keyed()
		c.flows()
		if a, b := c.caller.Terms().Posture, c.callee.Terms().Posture; a.Method != m || b.Method != m || a.Suite != b.Suite || a.CSBID != b.CSBID {
			t.Errorf("postures %+v and %+v", a, b)
		}
		rekeys := uint64(0)
		for _, side := range []*Leg{c.caller, c.callee} {
			before, beforeCallee := c.caller.Terms(), c.callee.Terms()
			hold(t, side, true)
			eventually(t, "hold", func() bool { return c.caller.State() == Held && c.callee.State() == Held })
			hold(t, side, false)
			eventually(t, "no hold", func() bool { return c.caller.State() == Confirmed && c.callee.State() == Confirmed })
			if err := side.Reinvite(within(t)); err != nil {
				t.Fatalf("refresh: %v", err)
			}
			sameKeys(t, c.caller, before)
			sameKeys(t, c.callee, beforeCallee)
			c.flows()
			if !before.Running.CanUpdate() {
				continue
			}
			if err := side.Rekey(within(t)); err != nil {
				t.Fatalf("rekey: %v", err)
			}
			rekeys++
			c.rekeyed(rekeys)
			a, b := c.caller.Terms().Posture, c.callee.Terms().Posture
			if a.Suite != before.Posture.Suite || b.Suite != a.Suite || a.CSBID != before.Posture.CSBID || b.CSBID != a.CSBID || !a.Since.After(before.Posture.Since) {
				t.Errorf("after a rekey: %+v and %+v", a, b)
			}
			c.flows()
		}
		if err := c.callee.Reinvite(within(t)); err != nil {
			t.Errorf("refresh after rekeys: %v", err)
		}
		c.lossless()
	})
}

// TestEveryMethodLate: the callee offers.
func TestEveryMethodLate(t *testing.T) {
	t.Parallel()
	eachMethod(t, func(t *testing.T, w *world, m keying.Method) {
		if m == keying.MIKEYPKE {
			t.Skip("the answering side knows no certificate of the caller's to encrypt to")
		}
		o := w.outgoing(m)
		o.LateOffer = true
		c := w.call(o)
		c.keyed()
		c.flows()
		for i, side := range []*Leg{c.caller, c.callee} {
			hold(t, side, true)
			hold(t, side, false)
			if !c.caller.Terms().Running.CanUpdate() {
				continue
			}
			if err := side.Rekey(within(t)); err != nil {
				t.Fatalf("rekey: %v", err)
			}
			c.rekeyed(uint64(i) + 1)
			c.flows()
		}
		c.lossless()
	})
}

// TestRekeysCross: both sides change the keys at once, and both changes come about, one after the other.
func TestRekeysCross(t *testing.T) {
	t.Parallel()
	eachMethod(t, func(t *testing.T, w *world, m keying.Method) {
		c := w.call(w.outgoing(m))
		c.keyed()
		c.flows()
		if !c.caller.Terms().Running.CanUpdate() {
			t.Skip("the keys of this method are not changed")
		}
		w.meeting()
		results := make(chan error, 2)
		for _, side := range []*Leg{c.caller, c.callee} {
			go func() { results <- side.Rekey(within(t)) }()
		}
		for range 2 {
			if err := got(t, results, "an answer"); err != nil {
				t.Error(err)
			}
		}
		c.rekeyed(2)
		c.flows()
		c.lossless()
	})
}
