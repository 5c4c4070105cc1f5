package server

import (
	"strings"
	"testing"
	"time"
)

// mannersYAML has rooms that take SDES of accounts, each with manners of its own.
const mannersYAML = `
policies: {open: {methods: [mikey-dh, sdes]}}
rooms:
  policy: open
  permanent:
    - {name: club, pin: "0471"}
    - {name: class, moderators: [teacher]}
    - {name: hall, keys: true, tones: true, prompts: true, moderators: [teacher]}
    - {name: plain}
`

// sits waits until an account has a seat in a room for which that holds.
func sits(t *testing.T, s *Server, room, account string, holds func(SeatView) bool) (view SeatView) {
	t.Helper()
	until(t, account+" has a seat as it should be", func() bool {
		seats, err := s.Seats(t.Context(), room)
		if err != nil {
			return false
		}
		for _, v := range seats {
			if v.Account == account && v.Leg != nil && holds(v) {
				view = v
				return true
			}
		}
		return false
	})
	return view
}

func waits(what waiting) func(SeatView) bool {
	return func(v SeatView) bool { return v.Waiting == string(what) }
}

// TestPINRoom: who has not entered the PIN hears a voice, and nothing of the room although somebody talks there all the time, nor is he
// heard there. With the PIN he is in the room.
func TestPINRoom(t *testing.T) {
	s := serveTest(t, mannersYAML)
	one, two := enrolled(t, s, NewAccount{Name: "one"}), enrolled(t, s, NewAccount{Name: "two"})
	p := newPhone(t, s)
	first := p.lift(attempt{room: "club", transport: "tls", as: one}, toneOne)
	sits(t, s, "club", "one", waits(waitsForPIN))
	first.press("0471#")
	sits(t, s, "club", "one", waits(waitsNot))
	first.talks.Store(true)

	second := p.lift(attempt{room: "club", transport: "tls", as: two}, toneTwo)
	second.talks.Store(true)
	seat := sits(t, s, "club", "two", waits(waitsForPIN))
	until(t, "the second is asked for the PIN", func() bool { _, n := second.heard(toneOne); return n > 25 })
	open := false
	if _, err := s.PatchSeat(t.Context(), "club", seat.ID, SeatPatch{Muted: &open, Deaf: &open}); err != nil {
		t.Fatal(err) // an operator who unmutes somebody does not let him in
	}
	second.press("1234#")
	until(t, "the wrong PIN was looked at", func() bool { return triesOf(t, s, "club", seat.ID) == 1 })
	_, before := second.heard(toneOne)
	until(t, "the second is told", func() bool { _, n := second.heard(toneOne); return n > before+25 })
	if n, _ := second.heard(toneOne); n > 0 {
		t.Errorf("%d frames of the room were heard in the waiting place", n)
	}
	if n, _ := first.heard(toneTwo); n > 0 {
		t.Errorf("%d frames of the waiting place were heard in the room", n)
	}
	second.press("99*0471#") // * begins anew
	sits(t, s, "club", "two", waits(waitsNot))
	until(t, "they hear one another", func() bool {
		a, _ := first.heard(toneTwo)
		b, _ := second.heard(toneOne)
		return a > 10 && b > 10
	})
}

func triesOf(t *testing.T, s *Server, room, id string) (n int) {
	t.Helper()
	if err := s.withSeat(t.Context(), room, id, func(st *seat) { n = st.tries }); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestWrongPINs: three wrong ones end the call; six shut the account out, with its other calls, and nobody else.
func TestWrongPINs(t *testing.T) {
	s := serveTest(t, mannersYAML)
	one, two := enrolled(t, s, NewAccount{Name: "one"}), enrolled(t, s, NewAccount{Name: "two"})
	p := newPhone(t, s)
	for range 2 {
		h := p.lift(attempt{room: "club", transport: "tls", as: one}, toneOne)
		seat := sits(t, s, "club", "one", waits(waitsForPIN))
		for n := 1; n <= 2; n++ {
			h.press("0000#")
			until(t, "the PIN was looked at", func() bool { return triesOf(t, s, "club", seat.ID) == n })
		}
		h.press("11110471#") // not within what was typed either
		until(t, "the call is ended", func() bool { seats, err := s.Seats(t.Context(), "club"); return err == nil && len(seats) == 0 })
	}
	if o := p.call(attempt{room: "club", transport: "tls", as: one}); o.status != 403 || !strings.Contains(o.warning, "too many wrong PINs") {
		t.Errorf("a seventh: %d %s", o.status, o.warning)
	}
	p.lift(attempt{room: "plain", transport: "tls", as: one}, toneOne) // another room
	h := p.lift(attempt{room: "club", transport: "tls", as: two}, toneOne)
	h.press("0471#")
	sits(t, s, "club", "two", waits(waitsNot))
}

// TestWithoutAPIN: who types nothing is sent away.
func TestWithoutAPIN(t *testing.T) {
	s := serveTest(t, mannersYAML)
	s.attendant.pinPatience = 200 * time.Millisecond
	p := newPhone(t, s)
	p.lift(attempt{room: "club", transport: "tls", as: enrolled(t, s, NewAccount{Name: "one"})}, toneOne)
	until(t, "the call has been", func() bool { return s.ledger.total() == 1 })
	until(t, "and is over", func() bool { return s.ledger.total() == 0 })
	if n := measured(t, s)[`conclave_endings_total{reason="no_pin"}`]; n != 1 {
		t.Errorf("%v legs ended so", n)
	}
}

// TestModerator: the others wait until a moderator comes, and go on when he leaves; who comes then waits.
func TestModerator(t *testing.T) {
	s := serveTest(t, mannersYAML)
	one, teacher := enrolled(t, s, NewAccount{Name: "one"}), enrolled(t, s, NewAccount{Name: "teacher"})
	p := newPhone(t, s)
	pupil := p.lift(attempt{room: "class", transport: "tls", as: one}, toneOne)
	pupil.talks.Store(true)
	sits(t, s, "class", "one", waits(waitsForModerator))
	until(t, "it is told to wait", func() bool { _, n := pupil.heard(toneTwo); return n > 25 })
	master := p.lift(attempt{room: "class", transport: "tls", as: teacher}, toneTwo)
	master.talks.Store(true)
	sits(t, s, "class", "one", waits(waitsNot))
	until(t, "they hear one another", func() bool {
		a, _ := pupil.heard(toneTwo)
		b, _ := master.heard(toneOne)
		return a > 10 && b > 10
	})
	if err := master.outcome.dialog.Bye(t.Context()); err != nil {
		t.Fatal(err)
	}
	two := enrolled(t, s, NewAccount{Name: "two"})
	until(t, "the teacher is gone", func() bool { seats, err := s.Seats(t.Context(), "class"); return err == nil && len(seats) == 1 })
	p.lift(attempt{room: "class", transport: "tls", as: two}, toneTwo)
	sits(t, s, "class", "two", waits(waitsForModerator))
	sits(t, s, "class", "one", waits(waitsNot))
}

// TestTheOnlyModeratorIsDeleted: nobody gets in by it. Who waits is sent away, and the room is locked until somebody sees to it.
func TestTheOnlyModeratorIsDeleted(t *testing.T) {
	s := serveTest(t, mannersYAML)
	one := enrolled(t, s, NewAccount{Name: "one"})
	enrolled(t, s, NewAccount{Name: "teacher"})
	p := newPhone(t, s)
	p.lift(attempt{room: "class", transport: "tls", as: one}, toneOne)
	seat := sits(t, s, "class", "one", waits(waitsForModerator))
	if err := s.DeleteAccount(t.Context(), "teacher"); err != nil {
		t.Fatal(err)
	}
	if v, err := s.Room(t.Context(), "class"); err != nil || !v.Locked || len(v.Moderators) > 0 {
		t.Errorf("%+v, %v", v, err)
	}
	if v, err := s.Seat(t.Context(), "class", seat.ID); err == nil && v.Waiting == string(waitsNot) {
		t.Errorf("who waited is in: %+v", v)
	}
	until(t, "who waited is sent away", func() bool { return s.ledger.total() == 0 })
	if n := measured(t, s)[`conclave_endings_total{reason="no_moderator"}`]; n != 1 {
		t.Errorf("%v legs ended so", n)
	}
}

// TestKeysInTheRoom: mute, hand, loudness and lock, and whom they are for.
func TestKeysInTheRoom(t *testing.T) {
	s := serveTest(t, mannersYAML)
	one, teacher := enrolled(t, s, NewAccount{Name: "one"}), enrolled(t, s, NewAccount{Name: "teacher"})
	p := newPhone(t, s)
	master := p.lift(attempt{room: "hall", transport: "tls", as: teacher}, toneTwo)
	sits(t, s, "hall", "teacher", waits(waitsNot))
	until(t, "who is alone is told so", func() bool { _, n := master.heard(toneOne); return n > 25 })
	pupil := p.lift(attempt{room: "hall", transport: "tls", as: one}, toneOne)
	seat := sits(t, s, "hall", "one", waits(waitsNot))
	pupil.press("6") // without *
	pupil.press("*6")
	sits(t, s, "hall", "one", func(v SeatView) bool { return v.Muted })
	pupil.press("*5*9")
	sits(t, s, "hall", "one", func(v SeatView) bool { return v.Hand && v.GainDB == 3 })
	pupil.press("*6*5*7*7")
	sits(t, s, "hall", "one", func(v SeatView) bool { return !v.Muted && !v.Hand && v.GainDB == -3 })

	muted := true
	if _, err := s.PatchSeat(t.Context(), "hall", seat.ID, SeatPatch{Muted: &muted}); err != nil {
		t.Fatal(err)
	}
	pupil.press("*1*6*5") // no moderator; muted by an operator
	sits(t, s, "hall", "one", func(v SeatView) bool { return v.Hand && v.Muted })
	locked := func() bool { r, err := s.Room(t.Context(), "hall"); return err == nil && r.Locked }
	if locked() {
		t.Error("the room was locked by somebody who is no moderator")
	}
	master.press("*1")
	until(t, "the room is locked", locked)
	master.press("*1")
	until(t, "the room is open", func() bool { return !locked() })
}

// TestKeysAreToldInTurn: who presses without end makes one event a second and not more, with how things stand at the time, also of what he
// pressed last; and a lock is told although he leaves at once.
func TestKeysAreToldInTurn(t *testing.T) {
	s := serveTest(t, mannersYAML)
	p := newPhone(t, s)
	master := p.lift(attempt{room: "hall", transport: "tls", as: enrolled(t, s, NewAccount{Name: "teacher"})}, toneTwo)
	sits(t, s, "hall", "teacher", waits(waitsNot))
	events := s.Subscribe(LatestEvent)
	defer events.Close()
	began := time.Now()
	master.press(strings.Repeat("*5", 41)) // raised in the end
	sits(t, s, "hall", "teacher", func(v SeatView) bool { return v.Hand })
	id := sits(t, s, "hall", "teacher", waits(waitsNot)).ID
	until(t, "nothing is kept back", func() (free bool) {
		return s.withSeat(t.Context(), "hall", id, func(st *seat) { free = st.telling == nil }) == nil && free
	})
	var hands []bool
	for last := s.events.Last(); last > 0; {
		some, err := events.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range some {
			if e.Type == EventSeatChanged {
				hands = append(hands, e.Data.(SeatState).Hand)
			}
			if e.ID >= last {
				last = 0
			}
		}
	}
	if most := int(time.Since(began)/keysTold) + 1; len(hands) > most || len(hands) < 2 || !hands[0] || !hands[len(hands)-1] {
		t.Errorf("%v were told, %d at most", hands, most)
	}
	master.press("*5*1")
	until(t, "the lock is to be turned", func() (due bool) {
		return s.withSeat(t.Context(), "hall", id, func(st *seat) { due = st.changed.lock != nil || st.room.locked }) == nil && due
	})
	if err := master.outcome.dialog.Bye(t.Context()); err != nil {
		t.Fatal(err)
	}
	if e := saw(t, events, EventSeatChanged, EventRoomChanged); !e.Data.(RoomState).Locked {
		t.Errorf("the room is told to be %+v", e.Data)
	}
}

// TestALockByKeysIsNotTurnedLater: what keys want of the lock and was not done yet does not overrule what the API says of the lock meanwhile,
// nor is it done for who has been no moderator since; what else the API changes leaves it as it is.
func TestALockByKeysIsNotTurnedLater(t *testing.T) {
	s := serveTest(t, mannersYAML)
	p := newPhone(t, s)
	p.lift(attempt{room: "hall", transport: "tls", as: enrolled(t, s, NewAccount{Name: "teacher"})}, toneTwo)
	id := sits(t, s, "hall", "teacher", waits(waitsNot)).ID
	for name, c := range map[string]struct {
		pressed int // times within the second in which it is kept back
		patch   RoomPatch
		again   RoomPatch
		want    bool
	}{
		"pressed":            {pressed: 1, want: true},
		"pressed twice":      {pressed: 2, want: false},
		"locked by the API":  {pressed: 1, patch: RoomPatch{Locked: new(true)}, want: true},
		"kept open by it":    {pressed: 1, patch: RoomPatch{Locked: new(false)}, want: false},
		"one moderator more": {pressed: 1, patch: RoomPatch{Moderators: &[]string{"head", "teacher"}}, want: true},
		"a new PIN":          {pressed: 1, patch: RoomPatch{PIN: new("4711")}, want: true},
		"no moderator now":   {pressed: 1, patch: RoomPatch{Moderators: &[]string{"head"}}, want: false},
		"none for a moment":  {pressed: 1, patch: RoomPatch{Moderators: &[]string{"head"}}, again: RoomPatch{Moderators: &[]string{"teacher"}}, want: false},
	} {
		if _, err := s.PatchRoom(t.Context(), "hall", RoomPatch{Locked: new(false), Moderators: &[]string{"teacher"}}); err != nil {
			t.Fatal(err)
		}
		act := func(what func(r *room, st *seat)) {
			t.Helper()
			if err := s.withSeat(t.Context(), "hall", id, func(st *seat) { what(st.room, st) }); err != nil {
				t.Fatal(err)
			}
		}
		act(func(r *room, st *seat) {
			st.telling = time.NewTimer(time.Hour) // something was told a moment ago
			for range c.pressed {
				r.toggleLock(st)
			}
			if r.locked {
				t.Errorf("%s: not kept back", name)
			}
		})
		for _, p := range []RoomPatch{c.patch, c.again} {
			if _, err := s.PatchRoom(t.Context(), "hall", p); err != nil {
				t.Fatal(err)
			}
		}
		act(func(r *room, st *seat) {
			r.tellKeyed(st)
			if r.locked != c.want {
				t.Errorf("%s: locked is %v, want %v", name, r.locked, c.want)
			}
		})
	}
}

// TestPlainRoomSaysNothing: where nothing is configured there is nothing to hear, whatever keys are pressed.
func TestPlainRoomSaysNothing(t *testing.T) {
	s := serveTest(t, mannersYAML)
	p := newPhone(t, s)
	h := p.lift(attempt{room: "plain", transport: "tls", as: enrolled(t, s, NewAccount{Name: "one"})}, toneOne)
	seat := sits(t, s, "plain", "one", waits(waitsNot))
	h.press("*6*5")
	other := p.lift(attempt{room: "plain", transport: "tls", as: enrolled(t, s, NewAccount{Name: "two"})}, toneTwo)
	other.talks.Store(true)
	until(t, "the other is heard", func() bool { n, _ := h.heard(toneTwo); return n > 10 })
	if tone, any := h.heard(toneTwo); any > tone+3 { // where the tone begins
		t.Errorf("%d frames of something else", any-tone)
	}
	if v, err := s.Seat(t.Context(), "plain", seat.ID); err != nil || v.Muted || v.Hand {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestPromptsCanBePlayed(t *testing.T) {
	for _, name := range promptNames() {
		c, err := prompts[name]()
		if err != nil || c.Length() < 500*time.Millisecond || c.Length() > 8*time.Second {
			t.Errorf("%s: %v", name, err)
		}
	}
	files, err := promptFiles.ReadDir("prompts")
	if err != nil || len(files) != len(promptNames()) {
		t.Errorf("%d files, %d names: %v", len(files), len(promptNames()), err)
	}
}

// TestCalledModerator: whom the API calls comes in as one who called: a moderator opens the room for those who wait, and may lock it.
func TestCalledModerator(t *testing.T) {
	s := serveTest(t, mannersYAML)
	one, teacher := enrolled(t, s, NewAccount{Name: "one"}), enrolled(t, s, NewAccount{Name: "teacher"})
	newPhone(t, s).lift(attempt{room: "class", transport: "tls", as: one}, toneOne)
	sits(t, s, "class", "one", waits(waitsForModerator))
	m := newMobile(t, s, teacher, "phone")
	m.register()
	if _, err := s.CallOut(t.Context(), "class", CallRequest{URI: teacher.URI}); err != nil {
		t.Fatal(err)
	}
	taken(t, m.legs)
	sits(t, s, "class", "one", waits(waitsNot))
}
