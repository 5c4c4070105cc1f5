package legs

import (
	"testing"
	"time"

	"github.com/conclave/conclave/keying"
)

// TestRenewal: keys are changed before they are as old as the policy allows, and before they have protected as much.
func TestRenewal(t *testing.T) {
	t.Parallel()
	for name, limit := range map[string]func(*keying.Policy){
		"age":     func(p *keying.Policy) { p.MaxKeyAge = 3 * time.Second },
		"packets": func(p *keying.Policy) { p.MaxKeyPackets = 80 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(w *world) {
				w.answering.line.Renew = true
				limit(w.policy)
			})
			c := w.call(w.outgoing(keying.MIKEYPSK))
			eventually(t, "two renewals", func() bool { return c.callee.Terms().Rekeys >= 2 && c.caller.Terms().Rekeys >= 2 })
			if c.callee.Terms().Overdue {
				t.Error("overdue although renewed in time")
			}
			c.lossless()
		})
	}
}

// TestRenewalIsSpread: the instants lie between 80 and 95 per cent of the age.
func TestRenewalIsSpread(t *testing.T) {
	t.Parallel()
	for drawn, want := range map[float64]time.Duration{0: 48 * time.Minute, 0.5: 52*time.Minute + 30*time.Second, 0.999999: 57 * time.Minute} {
		if got := renewAfter(time.Hour, drawn); (got - want).Abs() > time.Second {
			t.Errorf("drawn %v: %v, want %v", drawn, got, want)
		}
	}
}

// TestAging looks at one leg by a clock of the test's: what is due once is asked for once, and tried again later when it failed.
func TestAging(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.policy.MaxKeyAge = time.Hour })
	c := w.call(w.outgoing(keying.MIKEYPSK))
	l := c.callee
	at := func(after time.Duration, renew bool) (waiting int) {
		t.Helper()
		if err := l.within(within(t), func() {
			line := *l.line
			line.Renew = renew
			l.line = &line
			l.age(within(t), l.renewal.since.Add(after))
			waiting = len(l.waiting)
			l.waiting = nil
		}); err != nil {
			t.Fatal(err)
		}
		return waiting
	}
	for _, step := range []struct {
		after   time.Duration
		renew   bool
		want    int
		overdue bool
	}{
		{47 * time.Minute, true, 0, false},
		{58 * time.Minute, false, 0, false},
		{58 * time.Minute, true, 1, false},
		{58*time.Minute + 5*time.Second, true, 0, false}, // not again at once
		{58*time.Minute + 16*time.Second, true, 1, false},
		{61 * time.Minute, false, 0, true},
	} {
		if n := at(step.after, step.renew); n != step.want || l.Terms().Overdue != step.overdue {
			t.Errorf("after %v, renew %v: %d changes asked for, overdue %v; want %d and %v", step.after, step.renew, n, l.Terms().Overdue, step.want, step.overdue)
		}
	}
	if err := c.caller.Rekey(within(t)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "no longer overdue", func() bool { return !l.Terms().Overdue })
}
