package server

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/conclave/conclave/server/store"
)

// keeps has a kept room with moderators, whose keys count.
func (s *Server) keeps(t *testing.T, n NewRoom) *room {
	t.Helper()
	n.Name, n.Policy, n.Keys = "board", "open", new(true)
	if _, err := s.CreateRoom(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	return s.rooms.find("board")
}

// shut fails unless the room is locked and moderated by nobody, in memory and as it is kept.
func shut(t *testing.T, s *Server) {
	t.Helper()
	if v, err := s.Room(t.Context(), "board"); err != nil || !v.Locked || len(v.Moderators) > 0 {
		t.Errorf("the room: %+v, %v", v, err)
	}
	if kept, err := s.store.Room("board"); err != nil || !kept.Locked || len(kept.Moderators) > 0 {
		t.Errorf("kept: %+v, %v", kept, err)
	}
}

// sentAway waits until nobody calls any more: one leg ended for want of a moderator.
func sentAway(t *testing.T, s *Server) {
	t.Helper()
	until(t, "who waited is sent away", func() bool { return s.ledger.total() == 0 })
	if n := measured(t, s)[`conclave_endings_total{reason="no_moderator"}`]; n != 1 {
		t.Errorf("%v legs ended so", n)
	}
}

// TestADeletedModeratorOpensNothing: neither by a key pressed between the deletion and the room's hearing of it, nor by one pressed before and
// kept back until then.
func TestADeletedModeratorOpensNothing(t *testing.T) {
	for name, keptBack := range map[string]bool{"pressed then": false, "kept back": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serveTest(t, mannersYAML)
			s.keeps(t, NewRoom{Moderators: []string{"teacher"}})
			newPhone(t, s).lift(attempt{room: "board", transport: "tls", as: enrolled(t, s, NewAccount{Name: "teacher"})}, toneTwo)
			id := sits(t, s, "board", "teacher", waits(waitsNot)).ID
			if _, err := s.PatchRoom(t.Context(), "board", RoomPatch{Locked: new(true)}); err != nil {
				t.Fatal(err)
			}
			act := func(what func(r *room, st *seat)) {
				t.Helper()
				if err := s.withSeat(t.Context(), "board", id, func(st *seat) { what(st.room, st) }); err != nil {
					t.Fatal(err)
				}
			}
			if keptBack {
				act(func(r *room, st *seat) {
					st.telling = time.NewTimer(time.Hour) // something was told a moment ago
					r.toggleLock(st)
				})
			}
			if err := s.store.DeleteAccount("teacher"); err != nil {
				t.Fatal(err)
			}
			act(func(r *room, st *seat) {
				if keptBack {
					r.tellKeyed(st)
					return
				}
				r.toggleLock(st)
			})
			shut(t, s)
			act(func(r *room, _ *seat) {
				if err := r.demote("teacher"); err != nil {
					t.Error(err)
				}
			})
			shut(t, s)
		})
	}
}

// TestAChangeSendsAwayWhoWaits: one of something else, between the deletion of the only moderator and the room's hearing of it.
func TestAChangeSendsAwayWhoWaits(t *testing.T) {
	t.Parallel()
	s := serveTest(t, mannersYAML)
	r := s.keeps(t, NewRoom{Moderators: []string{"teacher"}})
	enrolled(t, s, NewAccount{Name: "teacher"})
	newPhone(t, s).lift(attempt{room: "board", transport: "tls", as: enrolled(t, s, NewAccount{Name: "one"})}, toneOne)
	sits(t, s, "board", "one", waits(waitsForModerator))
	if err := s.store.DeleteAccount("teacher"); err != nil {
		t.Fatal(err)
	}
	if v, err := s.PatchRoom(t.Context(), "board", RoomPatch{Tones: new(true)}); err != nil || !v.Tones {
		t.Errorf("%+v, %v", v, err)
	}
	shut(t, s)
	sentAway(t, s)
	if err := r.hear(t.Context(), "teacher"); err != nil {
		t.Error(err)
	}
	shut(t, s)
}

// TestAChangeThatNamesADeletedModerator waits for the room while he is deleted: he is out of what is kept, too.
func TestAChangeThatNamesADeletedModerator(t *testing.T) {
	t.Parallel()
	s := serveTest(t, mannersYAML)
	r := s.keeps(t, NewRoom{Moderators: []string{"ann"}})
	enrolled(t, s, NewAccount{Name: "ann"})
	hold := make(chan struct{})
	if err := r.post(func() { <-hold }); err != nil {
		t.Fatal(err)
	}
	results := make(chan error, 2)
	go func() {
		_, err := s.PatchRoom(t.Context(), "board", RoomPatch{Moderators: &[]string{"ann", "bob"}})
		results <- err
	}()
	until(t, "the change waits", func() bool { return len(r.mailbox) == 1 })
	go func() { results <- s.DeleteAccount(t.Context(), "ann") }()
	until(t, "so does the deletion", func() bool { return len(r.mailbox) == 2 })
	close(hold)
	for range 2 {
		if err := taken(t, results); err != nil {
			t.Error(err)
		}
	}
	moderatedBy(t, s, "bob")
}

// moderatedBy fails unless they moderate the room, in memory and as it is kept.
func moderatedBy(t *testing.T, s *Server, names ...string) {
	t.Helper()
	if v, err := s.Room(t.Context(), "board"); err != nil || !slices.Equal(v.Moderators, names) {
		t.Errorf("the room: %+v, %v", v, err)
	}
	if kept, err := s.store.Room("board"); err != nil || !slices.Equal(kept.Moderators, names) {
		t.Errorf("kept: %+v, %v", kept, err)
	}
}

// afterwards has something else happen once a room is kept.
type afterwards struct {
	store.Store
	then func()
}

func (a afterwards) CreateRoom(r store.Room) error {
	defer a.then()
	return a.Store.CreateRoom(r)
}

// TestAModeratorDeletedWhileHisRoomIsMade moderates it neither in memory nor as it is kept.
func TestAModeratorDeletedWhileHisRoomIsMade(t *testing.T) {
	t.Parallel()
	s := serveTest(t, mannersYAML)
	enrolled(t, s, NewAccount{Name: "ann"})
	s.rooms.kept.store = afterwards{s.store, func() {
		if err := s.DeleteAccount(t.Context(), "ann"); err != nil {
			t.Error(err)
		}
	}}
	s.keeps(t, NewRoom{Moderators: []string{"ann", "bob"}})
	moderatedBy(t, s, "bob")
}

// TestWhoWouldWaitNextIsSentAway: who is asked for the PIN, and who is on his way, would wait for a moderator next, of whom there is none any more.
func TestWhoWouldWaitNextIsSentAway(t *testing.T) {
	const yaml = "policies: {open: {methods: [sdes]}}\ntrunks: [{name: sbc, from: [127.0.0.7/32], transports: [udp], methods: [sdes], calls: 9}]\n"
	for name, n := range map[string]NewRoom{"asked for the PIN": {PIN: "0471"}, "on his way": {}, "on his way, to be asked for the PIN": {PIN: "0471"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serveTest(t, yaml)
			n.Moderators = []string{"ann"}
			s.keeps(t, n)
			enrolled(t, s, NewAccount{Name: "ann"})
			w := newWire(t, s, "udp", "127.0.0.7")
			stands := w.dials("board")
			onHisWay := name != "asked for the PIN"
			if !onHisWay {
				stands()
				until(t, "he is asked for the PIN", func() bool {
					seats, err := s.Seats(t.Context(), "board")
					return err == nil && len(seats) == 1 && seats[0].Waiting == string(waitsForPIN) && seats[0].Leg != nil
				})
			}
			if err := s.DeleteAccount(t.Context(), "ann"); err != nil {
				t.Fatal(err)
			}
			if onHisWay {
				stands()
			}
			w.next("BYE")
			until(t, "his leg has ended", func() bool { return s.ledger.total() == 0 })
			if n := measured(t, s)[`conclave_endings_total{reason="no_moderator"}`]; n != 1 {
				t.Errorf("%v legs ended so", n)
			}
		})
	}
}

// unreadable is a store in which a kept room cannot be read.
type unreadable struct{ store.Store }

func (unreadable) DeleteAccount(string) error {
	return fmt.Errorf("%w: room board: %w", store.ErrRoomDamaged, store.ErrTampered)
}

// TestADamagedRoomKeepsAccounts: the error says so, and the log which room; the account stands.
func TestADamagedRoomKeepsAccounts(t *testing.T) {
	t.Parallel()
	book := &logbook{}
	s := serveLogging(t, mannersYAML, slog.New(book))
	enrolled(t, s, NewAccount{Name: "ann"})
	s.accounts.store = unreadable{s.store}
	if err := s.DeleteAccount(t.Context(), "ann"); !errors.Is(err, ErrRoomDamaged) {
		t.Error(err)
	}
	if n := book.count("ERROR", "room board", "disable the account"); n != 1 {
		t.Errorf("%d lines tell an operator of it", n)
	}
	if _, err := s.Account(t.Context(), "ann"); err != nil {
		t.Error(err)
	}
}
