package keying

import (
	"errors"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// shelf is a Ceiling of tests; a crash is forgetting the Replay and keeping the shelf.
type shelf struct {
	mu     sync.Mutex
	value  uint64
	filled bool
	writes int
	fail   error
}

func (s *shelf) LoadCeiling() (uint64, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.value, s.filled, s.fail
}

func (s *shelf) StoreCeiling(v uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return s.fail
	}
	s.value, s.filled, s.writes = v, true, s.writes+1
	return nil
}

func newReplay(tb testing.TB, c ReplayConfig) *Replay {
	tb.Helper()
	r, err := NewReplay(c)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func stampAt(t time.Time, n int) stamp { return stamp{alice, uint32(n), ntpOf(t)} }

func TestReplayWindow(t *testing.T) {
	clock := &hands{at: began}
	r := newReplay(t, ReplayConfig{Now: clock.now})
	cases := []struct {
		off  time.Duration
		want error
	}{
		{0, nil}, {-time.Minute, nil}, {time.Minute, nil},
		{-time.Minute - time.Second, ErrStale}, {time.Minute + time.Second, ErrStale},
		{time.Hour, ErrStale}, {-50 * 365 * 24 * time.Hour, ErrStale},
	}
	for n, c := range cases {
		if err := r.commit(stampAt(began.Add(c.off), n)); !errors.Is(err, c.want) {
			t.Errorf("%v off: %v", c.off, err)
		}
	}
}

// TestReplayEra holds that the wrap of NTP in February 2036 is an instant like any other.
func TestReplayEra(t *testing.T) {
	wrap := time.Unix(1<<32-ntpEpoch, 0)
	clock := &hands{at: wrap.Add(-time.Second)}
	r := newReplay(t, ReplayConfig{Now: clock.now, Ceiling: &shelf{}})
	for n := range 8 {
		s := stampAt(wrap.Add(time.Duration(n-4)*5*time.Second), n)
		if err := r.commit(s); err != nil {
			t.Errorf("%d: %v", n, err)
		}
		if err := r.check(s); !errors.Is(err, ErrReplayed) {
			t.Errorf("%d again: %v", n, err)
		}
	}
}

func TestReplayKnowsByStamp(t *testing.T) {
	r := newReplay(t, ReplayConfig{Now: (&hands{at: began}).now})
	s := stampAt(began, 1)
	if err := r.commit(s); err != nil {
		t.Fatal(err)
	}
	for name, other := range map[string]stamp{
		"another sender": {bob, 1, s.time}, "another CSB": {alice, 2, s.time}, "another time": {alice, 1, s.time + 1},
	} {
		if err := r.check(other); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReplayFull(t *testing.T) {
	clock := &hands{at: began}
	r := newReplay(t, ReplayConfig{Now: clock.now, Entries: 4})
	for n := range 4 {
		if err := r.commit(stampAt(began, n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.commit(stampAt(began, 4)); !errors.Is(err, ErrFull) {
		t.Errorf("fifth of four: %v", err)
	}
	if err := r.check(stampAt(began, 0)); !errors.Is(err, ErrReplayed) {
		t.Errorf("a live entry was forgotten: %v", err)
	}
	clock.move(2 * defaultSkew)
	if err := r.commit(stampAt(clock.now(), 5)); err != nil || r.Len() != 1 {
		t.Errorf("after the window: %v, %d entries", err, r.Len())
	}
}

// TestReplayClockSetBack holds that what was forgotten while the clock was wrong does not become new when it is set right.
func TestReplayClockSetBack(t *testing.T) {
	clock := &hands{at: began}
	r := newReplay(t, ReplayConfig{Now: clock.now})
	old := stampAt(began, 1)
	if err := r.commit(old); err != nil {
		t.Fatal(err)
	}
	clock.move(time.Hour)
	if err := r.commit(stampAt(clock.now(), 2)); err != nil {
		t.Fatal(err)
	}
	clock.move(-time.Hour)
	if err := r.commit(old); err == nil {
		t.Error("replayed")
	}
}

// TestReplayModel runs random commits, clock steps, crashes and clean restarts: no stamp is ever accepted twice, and after a
// run that accepted something and ended cleanly nothing newer than the newest accepted one is refused.
func TestReplayModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		clock, store := &hands{at: began}, &shelf{}
		open := func() *Replay {
			r, err := NewReplay(ReplayConfig{Now: clock.now, Ceiling: store, Entries: 64})
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		r, accepted, newest, since := open(), map[stamp]bool{}, time.Time{}, false
		t.Repeat(map[string]func(*rapid.T){
			"commit": func(t *rapid.T) {
				at := clock.now().Add(time.Duration(rapid.IntRange(-70, 70).Draw(t, "off")) * time.Second)
				s := stampAt(at, rapid.IntRange(0, 3).Draw(t, "csb"))
				if r.commit(s) != nil {
					return
				}
				if accepted[s] {
					t.Fatalf("%v accepted twice", s)
				}
				accepted[s], since = true, true
				if at.After(newest) {
					newest = at
				}
			},
			"step":  func(t *rapid.T) { clock.move(time.Duration(rapid.IntRange(-90, 200).Draw(t, "s")) * time.Second) },
			"crash": func(*rapid.T) { r, since = open(), false },
			"restart": func(t *rapid.T) {
				if err := r.Close(); err != nil {
					t.Fatal(err)
				}
				if r = open(); since && newest.Before(clock.now()) {
					if err := r.check(stampAt(clock.now(), 9)); err != nil {
						t.Fatalf("a new message after a clean restart: %v", err)
					}
				}
				since = false
			},
		})
	})
}

func TestNTP(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "s"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns"))
		d := time.Duration(rapid.Int64Range(-int64(300*time.Second), int64(300*time.Second)).Draw(t, "d"))
		for what, got := range map[string]time.Duration{
			"sub": ntpOf(at.Add(d)).sub(ntpOf(at)), "add": ntpOf(at).add(d).sub(ntpOf(at)),
		} {
			if got-d > 2 || got-d < -2 {
				t.Errorf("%s %v gives %v", what, d, got)
			}
		}
		if ntpOf(at.Add(d)).after(ntpOf(at)) != (d > 0) {
			t.Errorf("after, %v", d)
		}
	})
	if got := ntpOf(time.Unix(0, 0)); got != ntpEpoch<<32 {
		t.Errorf("%x", uint64(got))
	}
}
