package legs

import (
	"flag"
	"testing"

	"pgregory.net/rapid"

	"github.com/conclave/conclave/keying"
)

// machine is a call and what it should be.
type machine struct {
	c      *connected
	holds  [2]bool // caller, callee
	rekeys uint64
	csbID  uint32
}

// TestMachine: holds, rekeys and refreshes from both sides in any order, and two at a time, while both talk: the sides always agree, and
// not one packet is lost or refused.
func TestMachine(t *testing.T) {
	// A check is a call of its own with some twenty changes, each of which waits for the wire.
	for name, value := range map[string]string{"rapid.checks": "2", "rapid.steps": "16"} {
		if f := flag.Lookup(name); f.Value.String() == f.DefValue {
			if err := flag.Set(name, value); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, m := range []keying.Method{keying.MIKEYPSK, keying.MIKEYDH, keying.SDES} {
		t.Run(string(m), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(rt *rapid.T) {
				w := newWorld(t, func(w *world) { w.gated, w.secured = rapid.Bool().Draw(rt, "gated"), true })
				x := &machine{c: w.call(w.outgoing(m))}
				x.c.flows()
				x.csbID = x.c.caller.Terms().Posture.CSBID
				rt.Repeat(map[string]func(*rapid.T){
					"one": func(rt *rapid.T) { x.change(rt, rapid.IntRange(0, 1).Draw(rt, "side"), drawKind(rt)) },
					"two": func(rt *rapid.T) { x.both(rt, drawKind(rt), drawKind(rt)) },
					"":    x.check,
				})
				x.c.lossless()
				if err := x.c.caller.Hangup(t.Context(), "hangup"); err != nil {
					t.Fatal(err)
				}
				got(t, x.c.calleeOwner.ended, "an ending")
			})
		})
	}
}

func drawKind(rt *rapid.T) kind {
	return rapid.SampledFrom([]kind{holding, resuming, rekeying, refreshing}).Draw(rt, "kind")
}

func (x *machine) leg(side int) *Leg { return []*Leg{x.c.caller, x.c.callee}[side] }

// change makes one change, which must succeed.
func (x *machine) change(rt *rapid.T, side int, k kind) {
	if err := x.leg(side).request(within(x.c.t), k); err != nil {
		rt.Fatalf("side %d, kind %d: %v", side, k, err)
	}
	x.expect(side, k)
}

// both makes one of each side at once.
func (x *machine) both(rt *rapid.T, a, b kind) {
	results := make(chan error, 2)
	for side, k := range []kind{a, b} {
		go func() { results <- x.leg(side).request(within(x.c.t), k) }()
	}
	for range 2 {
		if err := got(x.c.t, results, "an answer"); err != nil {
			rt.Fatalf("kinds %d and %d at once: %v", a, b, err)
		}
	}
	x.expect(0, a)
	x.expect(1, b)
}

// expect moves the model.
func (x *machine) expect(side int, k kind) {
	switch k {
	case holding, resuming:
		x.holds[side] = k == holding
	case rekeying:
		x.rekeys++
	}
}

// check compares both sides with the model. The answerer is ready when it has the ACK.
func (x *machine) check(rt *rapid.T) {
	for side := range 2 {
		l, other := x.leg(side), x.holds[1-side]
		state := Confirmed
		if x.holds[0] || x.holds[1] {
			state = Held
		}
		eventually(x.c.t, "the state of the model", func() bool { return l.State() == state && l.Terms().Rekeys == x.rekeys })
		terms := l.Terms()
		if terms.Send == other || terms.Receive == x.holds[side] || terms.Posture.CSBID != x.csbID {
			rt.Errorf("side %d: send %v, receive %v, CSB %08x; holds are %v", side, terms.Send, terms.Receive, terms.Posture.CSBID, x.holds)
		}
		if s := l.Stream().Snapshot(); s.AuthFailed+s.Replayed+s.Lost > 0 {
			rt.Errorf("side %d: %d failed to authenticate, %d replayed, %d lost", side, s.AuthFailed, s.Replayed, s.Lost)
		}
	}
}
