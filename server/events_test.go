package server

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

// testEvents makes a ring of so many events.
func testEvents(t *testing.T, kept int) *events {
	t.Helper()
	v := newEvents(kept, time.Now)
	t.Cleanup(v.close)
	return v
}

// read takes so many events.
func read(t *testing.T, u *Subscription, n int) (got []Event) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), e2ePatience)
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
	v := testEvents(t, 64)
	v.publish(Event{Type: EventRoomOpened, Room: "before"})
	u := v.subscribe(LatestEvent)
	defer u.Close()
	for i := range 40 {
		v.publish(Event{Type: EventSeatJoined, Room: fmt.Sprint(i), Data: SeatState{DisplayName: "<b>"}})
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
		if err := json.Unmarshal(e.JSON(), &back); err != nil || back.ID != e.ID || back.Type != EventSeatJoined || back.Data.Name != "<b>" {
			t.Errorf("%s: %v", e.JSON(), err)
		}
		if strings.ContainsAny(string(e.JSON()), "<\n") {
			t.Errorf("a name comes back unescaped: %s", e.JSON())
		}
	}
}

// TestEventsResume: who was away gets what it missed, or is told that it is not all kept any more.
func TestEventsResume(t *testing.T) {
	v := testEvents(t, 8)
	for range 20 {
		v.publish(Event{Type: EventRoomOpened})
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
			u := v.subscribe(test.after)
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
	v := testEvents(t, 16)
	slow, quick := v.subscribe(LatestEvent), v.subscribe(LatestEvent)
	defer quick.Close()
	for range 17 {
		v.publish(Event{Type: EventRoomOpened})
		read(t, quick, 1)
	}
	if _, err := slow.Next(t.Context()); !errors.Is(err, ErrSlowListener) || !errors.Is(slow.Err(), ErrSlowListener) {
		t.Errorf("a listener 17 behind of 16: %v", err)
	}
	if quick.Err() != nil || len(v.listeners) != 1 {
		t.Errorf("the other: %v; %d listeners", quick.Err(), len(v.listeners))
	}
}

// TestListenersAreBounded, and come to an end with the server.
func TestListenersAreBounded(t *testing.T) {
	v := testEvents(t, 16)
	all := make([]*Subscription, maxListeners)
	for i := range all {
		if all[i] = v.subscribe(LatestEvent); all[i].Err() != nil {
			t.Fatal(all[i].Err())
		}
	}
	if u := v.subscribe(LatestEvent); !errors.Is(u.Err(), ErrUnavailable) {
		t.Errorf("one too many: %v", u.Err())
	}
	all[0].Close()
	if _, err := all[0].Next(t.Context()); !errors.Is(err, errListenerClosed) {
		t.Errorf("a closed one: %v", err)
	}
	last := v.subscribe(LatestEvent)
	if last.Err() != nil {
		t.Error("no room after one has gone")
	}
	ended := make(chan error, 1)
	go func() { _, err := last.Next(context.Background()); ended <- err }()
	v.close()
	if err := taken(t, ended); !errors.Is(err, ErrUnavailable) {
		t.Errorf("at the end: %v", err)
	}
	if u := v.subscribe(0); !errors.Is(u.Err(), ErrUnavailable) {
		t.Errorf("after the end: %v", u.Err())
	}
	v.publish(Event{Type: EventRoomClosed}) // harms nobody
}

// TestThousandListeners: each hears everything that several publish at a time.
func TestThousandListeners(t *testing.T) {
	v := testEvents(t, keptEvents)
	const listeners, writers, each = 1000, 4, 50
	var wg sync.WaitGroup
	sums := make([]uint64, listeners)
	for i := range listeners {
		u := v.subscribe(LatestEvent)
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
				v.publish(Event{Type: EventSeatSpeaking, Data: Speaking{true}})
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
	v := testEvents(t, keptEvents)
	e := Event{Type: EventSeatSpeaking, Data: Speaking{true}}
	if n := testing.AllocsPerRun(100, func() { v.publish(e) }); n != 0 {
		t.Errorf("%v allocations an event", n)
	}
}

// TestRefusalsArePaced: a flood of refusals is told in part, and its size with the next that is told.
func TestRefusalsArePaced(t *testing.T) {
	p := pace{most: 3}
	now, told := time.Unix(1000, 0), 0
	for range 100 {
		if _, ok := p.pass(now); ok {
			told++
		}
	}
	if held, ok := p.pass(now.Add(time.Second)); told != 3 || !ok || held != 97 {
		t.Errorf("%d told, then %d untold (%t)", told, held, ok)
	}
	if held, ok := p.pass(now.Add(time.Second)); !ok || held != 0 {
		t.Errorf("counted twice: %d", held)
	}
}

// TestEventTypesAreClosed: each type is listed once.
func TestEventTypesAreClosed(t *testing.T) {
	types := EventTypes()
	slices.Sort(types)
	if n := len(slices.Compact(slices.Clone(types))); n != len(types) || n != 25 {
		t.Errorf("%d types, %d of them different", len(types), n)
	}
}

func BenchmarkPublish(b *testing.B) {
	for _, listeners := range []int{0, 1000} {
		b.Run(fmt.Sprint(listeners), func(b *testing.B) {
			v := newEvents(keptEvents, time.Now)
			defer v.close()
			for range listeners {
				defer v.subscribe(LatestEvent).Close()
			}
			e := Event{Type: EventSeatSpeaking, Data: Speaking{true}}
			for b.Loop() {
				v.publish(e)
			}
		})
	}
}
