package mikey

import (
	"errors"
	"sync"
	"testing"
	"time"
)

// stampOf is a whole number of NTP units as a time stamp.
func stampOf(n uint64) Timestamp { return Timestamp{tsNTPUTC, n} }

func TestClock(t *testing.T) {
	const start = 1 << 40
	type step struct {
		do   func(*clock, Timestamp) error
		at   int // from start
		want error
	}
	claim, accept, finish, check := (*clock).claim, (*clock).accept, (*clock).finish, (*clock).check
	saw := func(c *clock, t Timestamp) error { c.saw(t); return nil }
	for name, steps := range map[string][]step{
		"the first one is used":        {{claim, 0, ErrOldTime}, {accept, 0, ErrOldTime}, {check, 0, ErrOldTime}, {check, 1, nil}},
		"ours rise":                    {{claim, 5, nil}, {claim, 5, ErrOldTime}, {claim, 4, ErrOldTime}, {claim, 6, nil}},
		"theirs rise":                  {{accept, 5, nil}, {accept, 5, ErrOldTime}, {accept, 4, ErrOldTime}, {accept, 6, nil}},
		"ours come after theirs":       {{accept, 5, nil}, {claim, 5, ErrOldTime}, {claim, 6, nil}},
		"ours sent back":               {{claim, 5, nil}, {check, 5, ErrOldTime}, {accept, 5, ErrOldTime}, {check, 4, nil}, {check, 6, nil}},
		"a slower clock after a glare": {{claim, 9, nil}, {accept, 4, nil}, {accept, 9, ErrOldTime}, {claim, 10, nil}, {accept, 5, nil}},
		"ours answered":                {{claim, 5, nil}, {finish, 5, nil}, {accept, 4, ErrOldTime}, {accept, 6, nil}},
		"ours overtaken":               {{claim, 5, nil}, {accept, 6, nil}, {finish, 5, ErrOldTime}},
		"seen and refused":             {{saw, 7, nil}, {claim, 7, ErrOldTime}, {claim, 8, nil}, {accept, 7, nil}},
		"more of ours open than are remembered": {
			{claim, 11, nil}, {claim, 12, nil}, {claim, 13, nil}, {claim, 14, nil}, {claim, 15, nil}, {claim, 16, nil},
			{claim, 17, nil}, {claim, 18, nil}, {claim, 19, nil}, {check, 11, ErrOldTime}, {check, 10, ErrOldTime},
			{check, 12, ErrOldTime}, {check, 19, ErrOldTime}, {check, 20, nil}, {finish, 11, ErrOldTime}, {finish, 12, nil},
		},
	} {
		for _, era := range []uint64{start, 1<<64 - 3} { // the second one wraps, as NTP seconds do in 2036
			c := newClock(stampOf(era))
			for n, s := range steps {
				if err := s.do(c, stampOf(era+uint64(s.at))); !errors.Is(err, s.want) {
					t.Errorf("%s from %x, step %d: got %v, want %v", name, era, n, err, s.want)
				}
			}
			if len(c.pending) > maxPending {
				t.Errorf("%s: %d remembered", name, len(c.pending))
			}
		}
	}
}

// TestNextTime: above everything in use, and now where that is enough.
func TestNextTime(t *testing.T) {
	for _, now := range []time.Time{ntpTime(t, "2026-02-03T04:05:06.789Z"), ntpTime(t, "2036-02-07T06:28:15.9Z")} {
		c := &CSB{clock: newClock(NewTimestamp(now))}
		for _, ahead := range []time.Duration{0, 1, 30 * time.Second, -time.Hour} {
			c.clock.saw(NewTimestamp(now.Add(ahead)))
			for range 3 {
				at := c.NextTime(now)
				if err := c.clock.claim(NewTimestamp(at)); err != nil {
					t.Errorf("%v ahead of %v: %v: %v", ahead, now, at, err)
				}
				if at.Before(now) || at.Sub(now) > 31*time.Second {
					t.Errorf("%v became %v", now, at)
				}
			}
		}
		if later := now.Add(time.Minute); !c.NextTime(later).Equal(later) {
			t.Errorf("a clock that runs well became %v", c.NextTime(later))
		}
	}
}

// TestStateFromAnyGoroutine: whatever happens at once to the states of one bundle, no T of ours is used twice and Wipe ends it.
func TestStateFromAnyGoroutine(t *testing.T) {
	for _, b := range bundles(t, PRFSHA1) {
		if !b.alice.csb.Enveloped() {
			continue
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		used := map[Timestamp]bool{}
		states := []*CSB{b.alice.csb, b.first.CSB()}
		for n := range 4 {
			p := b.alice.params(t, b.bob)
			p.Prior = states[n%2]
			wg.Go(func() {
				for range 20 {
					p.Time = p.Prior.NextTime(p.Time)
					i, err := InitiatePSK(p, nil)
					if err != nil {
						continue // another was quicker, or it is wiped
					}
					m, err := Parse(i.Message())
					mu.Lock()
					if err != nil || used[m.Timestamp()] {
						t.Errorf("%s: a T twice, or %v", b.name, err)
					}
					used[m.Timestamp()] = true
					mu.Unlock()
				}
				p.Prior.Wipe()
			})
		}
		wg.Wait()
		if len(used) == 0 || states[0].CanUpdate() || states[1].CanUpdate() {
			t.Errorf("%s: %d updates, and the states can be updated after Wipe", b.name, len(used))
		}
	}
}
