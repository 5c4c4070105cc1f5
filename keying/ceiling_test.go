package keying

import (
	"errors"
	"testing"
	"time"
)

func TestCeilingFresh(t *testing.T) {
	clock, store := &hands{at: began}, &shelf{}
	r := newReplay(t, ReplayConfig{Now: clock.now, Ceiling: store})
	if err := r.commit(stampAt(began.Add(-30*time.Second), 1)); err != nil {
		t.Errorf("a fresh store made us wait: %v", err)
	}
	if err := newReplay(t, ReplayConfig{Now: clock.now, Ceiling: &shelf{}}).Close(); err != nil {
		t.Error(err)
	}
}

// TestCeilingCrash holds that after a crash everything up to the reserved ceiling is refused, and for how long.
func TestCeilingCrash(t *testing.T) {
	w := newWorld(t)
	store := &shelf{}
	w.restart(store)
	message, c := plainOffer(alice, MIKEYDH)(w)
	if _, _, err := w.server.Respond(t.Context(), w.verified(message, c), c); err != nil {
		t.Fatal(err)
	}
	done := w.pool.Done()
	w.restart(store)
	w.clock.move(time.Second)
	_, err := w.server.Verify(Attributes{MIKEY: message}, c)
	wantRefusal(t, err, ReasonStale)
	later, _ := plainOffer(bob, MIKEYDH)(w)
	_, err = w.server.Verify(Attributes{MIKEY: later}, c)
	wantRefusal(t, err, ReasonStale)
	if w.pool.Done() != done {
		t.Error("it cost Diffie-Hellman")
	}
	w.clock.move(ceilingAhead)
	later, _ = plainOffer(bob, MIKEYDH)(w)
	w.verified(later, c)
}

// TestCeilingCoversTheFuture holds that a message of a peer whose clock is fast does not become new by a crash.
func TestCeilingCoversTheFuture(t *testing.T) {
	clock, store := &hands{at: began}, &shelf{}
	s := stampAt(began.Add(30*time.Second), 1)
	if err := newReplay(t, ReplayConfig{Now: clock.now, Ceiling: store}).commit(s); err != nil {
		t.Fatal(err)
	}
	clock.move(40 * time.Second)
	if err := newReplay(t, ReplayConfig{Now: clock.now, Ceiling: store}).commit(s); !errors.Is(err, ErrStale) {
		t.Errorf("after a crash: %v", err)
	}
}

// slowShelf is a Ceiling that is asked to store once and takes as long as the test wants.
type slowShelf struct {
	shelf
	entered, leave chan struct{}
}

func (s *slowShelf) StoreCeiling(v uint64) error {
	close(s.entered)
	<-s.leave
	return s.shelf.StoreCeiling(v)
}

// TestReplayRacesTheCeiling holds that a copy of a message that comes while the ceiling is being stored for the first is refused.
func TestReplayRacesTheCeiling(t *testing.T) {
	store := &slowShelf{entered: make(chan struct{}), leave: make(chan struct{})}
	looks := make(chan struct{}, 16)
	r := newReplay(t, ReplayConfig{Ceiling: store, Now: func() time.Time {
		looks <- struct{}{}
		return began
	}})
	s := stampAt(began, 1)
	results := make(chan error, 2)
	go func() { results <- r.commit(s) }()
	<-store.entered
	for len(looks) > 0 {
		<-looks
	}
	go func() { results <- r.commit(s) }()
	for range 2 { // the copy has passed its first check when it has looked at the clock twice
		<-looks
	}
	close(store.leave)
	if a, b := <-results, <-results; (a == nil) == (b == nil) {
		t.Errorf("%v and %v", a, b)
	}
}

func TestCeilingCleanRestart(t *testing.T) {
	w := newWorld(t)
	store := &shelf{}
	w.restart(store)
	message, c := plainOffer(alice, MIKEYPSK)(w)
	if _, _, err := w.server.Respond(t.Context(), w.verified(message, c), c); err != nil {
		t.Fatal(err)
	}
	if err := w.replay.Close(); err != nil {
		t.Fatal(err)
	}
	w.restart(store)
	_, err := w.server.Verify(Attributes{MIKEY: message}, c)
	wantRefusal(t, err, ReasonStale)
	w.clock.move(time.Millisecond)
	later, _ := plainOffer(alice, MIKEYPSK)(w)
	w.verified(later, c)
}

// TestCeilingSeldomWritten holds that a busy server writes once in five seconds.
func TestCeilingSeldomWritten(t *testing.T) {
	clock, store := &hands{at: began}, &shelf{}
	r := newReplay(t, ReplayConfig{Now: clock.now, Ceiling: store})
	for n := range 1000 {
		clock.move(10 * time.Millisecond)
		if err := r.commit(stampAt(clock.now(), n)); err != nil {
			t.Fatal(err)
		}
	}
	if store.writes > 3 {
		t.Errorf("%d writes in 10 s", store.writes)
	}
}

func TestCeilingFails(t *testing.T) {
	store := &shelf{}
	r := newReplay(t, ReplayConfig{Now: (&hands{at: began}).now, Ceiling: store})
	store.fail = errors.New("disk full")
	if err := r.commit(stampAt(began, 1)); err == nil || r.Len() != 0 {
		t.Error("accepted without a ceiling")
	}
	if _, err := NewReplay(ReplayConfig{Ceiling: store}); err == nil {
		t.Error("opened without a ceiling")
	}
	store.fail = nil
	if err := r.commit(stampAt(began, 1)); err != nil {
		t.Error(err)
	}
	store.fail = errors.New("disk full")
	if err := r.Close(); err == nil {
		t.Error("closed without a ceiling")
	}
}
