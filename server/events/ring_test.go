package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience bounds every wait: what it guards against is a hang.
const patience = 30 * time.Second

// named is the data of an event.
type named struct {
	Name string `json:"display_name"`
}

// testRing makes a ring of so many events.
func testRing(t *testing.T, kept int) *Ring {
	t.Helper()
	v := New(kept, time.Now)
	t.Cleanup(v.Close)
	return v
}

// read takes so many events.
func read(t *testing.T, u *Subscription, n int) (got []Event) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for len(got) < n {
		some, err := u.Next(ctx)
		if err != nil {
			t.Fatalf("after %d of %d events: %v", len(got), n, err)
		}
		got = append(got, some...)
	}
	return got
}

// TestEventsInOrder: a listener gets what comes after it began, each once, in order, numbered by one, and as JSON.
func TestEventsInOrder(t *testing.T) {
	v := testRing(t, 64)
	v.Publish(Event{Type: "room.opened", Room: "before"})
	u := v.Subscribe(Latest)
	defer u.Close()
	for i := range 40 {
		v.Publish(Event{Type: "seat.joined", Room: fmt.Sprint(i), Data: named{"<b>"}})
	}
	for i, e := range read(t, u, 40) {
		if e.Room != fmt.Sprint(i) || e.ID != v.first+1+uint64(i) || e.Time.IsZero() {
			t.Fatalf("event %d is %+v", i, e)
		}
		var back struct {
			ID   uint64
			Type string
			Data struct {
				Name string `json:"display_name"`
			}
		}
		if err := json.Unmarshal(e.JSON(), &back); err != nil || back.ID != e.ID || back.Type != "seat.joined" || back.Data.Name != "<b>" {
			t.Errorf("%s: %v", e.JSON(), err)
		}
		if strings.ContainsAny(string(e.JSON()), "<\n") {
			t.Errorf("a name comes back unescaped: %s", e.JSON())
		}
	}
}

// TestEventsResume: who was away gets what it missed, or is told that it is not all kept any more.
func TestEventsResume(t *testing.T) {
	v := testRing(t, 8)
	for range 20 {
		v.Publish(Event{Type: "room.opened"})
	}
	newest := v.first + 19
	for name, test := range map[string]struct {
		after, next uint64
		missed      bool
	}{
		"what was the last":       {newest - 3, newest - 2, false},
		"the oldest that is kept": {newest - 8, newest - 7, false},
		"one too old":             {newest - 9, newest - 7, true},
		"of an earlier run":       {v.first - 4_000_000, newest - 7, true},
		"of no run":               {newest + 1, newest - 7, true},
		"all that is kept":        {0, newest - 7, false},
	} {
		t.Run(name, func(t *testing.T) {
			u := v.Subscribe(test.after)
			defer u.Close()
			got := read(t, u, 1)
			if got[0].ID != test.next || u.Missed() != test.missed {
				t.Errorf("begins at %d, missed %t; want %+v", got[0].ID, u.Missed(), test)
			}
			if rest := read(t, u, int(newest-got[len(got)-1].ID)); len(rest) > 0 && rest[len(rest)-1].ID != newest {
				t.Errorf("ends at %d", rest[len(rest)-1].ID)
			}
		})
	}
}

// TestSlowListener: who does not take what comes is cut off, and costs whoever publishes nothing; who does is not.
func TestSlowListener(t *testing.T) {
	v := testRing(t, 16)
	slow, quick := v.Subscribe(Latest), v.Subscribe(Latest)
	defer quick.Close()
	for range 17 {
		v.Publish(Event{Type: "room.opened"})
		read(t, quick, 1)
	}
	if _, err := slow.Next(t.Context()); !errors.Is(err, ErrSlow) || !errors.Is(slow.Err(), ErrSlow) {
		t.Errorf("a listener 17 behind of 16: %v", err)
	}
	if quick.Err() != nil || len(v.listeners) != 1 {
		t.Errorf("the other: %v; %d listeners", quick.Err(), len(v.listeners))
	}
}

// TestListenersAreBounded, and come to an end with the server.
func TestListenersAreBounded(t *testing.T) {
	v := testRing(t, 16)
	all := make([]*Subscription, maxListeners)
	for i := range all {
		if all[i] = v.Subscribe(Latest); all[i].Err() != nil {
			t.Fatal(all[i].Err())
		}
	}
	if u := v.Subscribe(Latest); !errors.Is(u.Err(), ErrTooMany) {
		t.Errorf("one too many: %v", u.Err())
	}
	all[0].Close()
	if _, err := all[0].Next(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("a closed one: %v", err)
	}
	last := v.Subscribe(Latest)
	if last.Err() != nil {
		t.Error("no room after one has gone")
	}
	ended := make(chan error, 1)
	go func() { _, err := last.Next(context.Background()); ended <- err }()
	v.Close()
	if err := <-ended; !errors.Is(err, ErrEnded) {
		t.Errorf("at the end: %v", err)
	}
	if u := v.Subscribe(0); !errors.Is(u.Err(), ErrEnded) {
		t.Errorf("after the end: %v", u.Err())
	}
	v.Publish(Event{Type: "room.closed"}) // harms nobody
}

// TestThousandListeners: each hears everything that several publish at a time.
func TestThousandListeners(t *testing.T) {
	v := testRing(t, 4096)
	const listeners, writers, each = 1000, 4, 50
	var wg sync.WaitGroup
	sums := make([]uint64, listeners)
	for i := range listeners {
		u := v.Subscribe(Latest)
		wg.Go(func() {
			defer u.Close()
			for n := 0; n < writers*each; {
				some, err := u.Next(context.Background())
				if err != nil {
					t.Error(err)
					return
				}
				for _, e := range some {
					sums[i] = sums[i]*31 + e.ID
				}
				n += len(some)
			}
		})
	}
	for range writers {
		wg.Go(func() {
			for range each {
				v.Publish(Event{Type: "seat.speaking", Data: named{"x"}})
			}
		})
	}
	wg.Wait()
	if slices.ContainsFunc(sums, func(s uint64) bool { return s != sums[0] }) {
		t.Error("not all heard the same, in the same order")
	}
}

// TestPublishCostsNothingToSpeakOf: no listener adds to what publishing allocates.
func TestPublishCostsNothingToSpeakOf(t *testing.T) {
	v := testRing(t, 4096)
	e := Event{Type: "seat.speaking", Data: named{"x"}}
	if n := testing.AllocsPerRun(100, func() { v.Publish(e) }); n != 0 {
		t.Errorf("%v allocations an event", n)
	}
}

func BenchmarkPublish(b *testing.B) {
	for _, listeners := range []int{0, 1000} {
		b.Run(fmt.Sprint(listeners), func(b *testing.B) {
			v := New(4096, time.Now)
			defer v.Close()
			for range listeners {
				defer v.Subscribe(Latest).Close()
			}
			e := Event{Type: "seat.speaking", Data: named{"x"}}
			for b.Loop() {
				v.Publish(e)
			}
		})
	}
}
