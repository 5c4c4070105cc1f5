package recording

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/conclave/conclave/mixer/codec"
)

// TestRoomEndsARecording: one that reaches a bound ends by itself, can be read up to there, and says why; no other begins until there is room.
func TestRoomEndsARecording(t *testing.T) {
	for name, c := range map[string]struct {
		bound  func(s *Shelf)
		reason string
		err    error
	}{
		"all": {func(s *Shelf) { s.Keep = 100 << 10 }, Full, ErrFull},
		"the disk": {func(s *Shelf) {
			s.Free, s.space = 1<<20, func(string) (int64, error) { return 1<<20 + 100<<10 - s.used.Load(), nil }
		}, NoSpace, ErrNoSpace},
		"one": {func(s *Shelf) { s.Longest = 5 * time.Second }, TooLong, nil},
	} {
		s, who := desk(t)
		c.bound(s)
		told := make(chan string, 1)
		r, err := s.Begin("hall", first(told))
		if err != nil {
			t.Fatal(err)
		}
		sent, reason := 0, ""
		tick := time.NewTicker(5 * time.Millisecond)
		for reason == "" {
			for len(r.queue) < queueLength/2 {
				r.Send(codec.Tick(1+sent), codec.Packet{Payload: frame(sent)})
				sent++
			}
			select {
			case reason = <-told:
			case <-tick.C:
			}
		}
		if tick.Stop(); reason != c.reason {
			t.Errorf("%s: told %q", name, reason)
		}
		for range 100 { // the room takes its time
			r.Send(codec.Tick(1+sent), codec.Packet{Payload: frame(sent)})
		}
		r.Stop(nobody, c.reason)
		e := ended(t, s, r.ID())
		packets := opened(t, s, r.ID(), who)
		if e.Reason != c.reason || e.Seconds != float64(len(packets))/50 || len(packets) > sent || e.Octets != s.Octets() || e.Octets > 200<<10 {
			t.Errorf("%s: %+v, %d packets, %d octets of all", name, e, len(packets), s.Octets())
		}
		if short := s.CutShort(); short != map[bool]uint64{true: 1, false: 0}[c.err != nil] {
			t.Errorf("%s: %d were cut short", name, short)
		}
		if c.err == nil {
			continue
		}
		if _, err := s.Begin("hall", func(*Recorder, string) {}); !errors.Is(err, c.err) {
			t.Errorf("%s: another begins: %v", name, err)
		}
		if err := s.Delete(r.ID()); err != nil || s.Octets() != 0 {
			t.Errorf("%s: %v, %d octets are left of none", name, err, s.Octets())
		}
		begin(t, s).Stop(nobody, "stopped")
	}
}

// TestTheShelfCounts what it finds, and what somebody has taken away without it.
func TestTheShelfCounts(t *testing.T) {
	s, _ := desk(t)
	r := begin(t, s)
	r.Stop(nobody, "stopped")
	e := ended(t, s, r.ID())
	again, err := New(s.Config)
	if err != nil || again.Octets() != e.Octets || e.Octets == 0 {
		t.Fatalf("%v: %d octets, not %d", err, again.Octets(), e.Octets)
	}
	again.Keep = e.Octets
	if _, err := again.Begin("hall", func(*Recorder, string) {}); !errors.Is(err, ErrFull) {
		t.Errorf("begun: %v", err)
	}
	if err := os.Remove(s.path(r.ID())); err != nil {
		t.Fatal(err)
	}
	begin(t, again).Stop(nobody, "stopped")
	again.Close()
}

// TestRoomThatSomebodyMade: a recording goes on where files were taken away by hand, though they were counted when it began.
func TestRoomThatSomebodyMade(t *testing.T) {
	s, who := desk(t)
	r := begin(t, s)
	r.Stop(nobody, "stopped")
	ended(t, s, r.ID())
	old := s.path(r.ID())
	if err := os.WriteFile(old, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := New(s.Config)
	if err != nil {
		t.Fatal(err)
	}
	again.Keep = 1<<20 + 100<<10
	told := make(chan string, 1)
	r, err = again.Begin("hall", first(told))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(old); err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for sent := 0; sent < 3000 && len(told) == 0; <-tick.C { // 240 kB, for which there is room
		for len(r.queue) < queueLength/2 {
			r.Send(codec.Tick(1+sent), codec.Packet{Payload: frame(sent)})
			sent++
		}
	}
	r.Stop(nobody, "stopped")
	e := ended(t, again, r.ID())
	if packets := opened(t, again, r.ID(), who); len(told) > 0 || e.Reason != "stopped" || len(packets) < 3000 {
		t.Errorf("%+v, %d packets; told %d times", e, len(packets), len(told))
	}
	if again.Octets() != e.Octets {
		t.Errorf("%d octets are counted, not %d", again.Octets(), e.Octets)
	}
}
