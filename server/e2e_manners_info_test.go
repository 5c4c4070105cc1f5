package server

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestKeysByInfo: a phone that knows no telephone-event enters the PIN and mutes itself by INFO; one that tells of its keys both ways does
// each thing once.
func TestKeysByInfo(t *testing.T) {
	s := serveTest(t, strings.Replace(mannersYAML, `pin: "0471"`, `pin: "0471", keys: true`, 1))
	h := newPhone(t, s).lift(attempt{room: "club", transport: "tls", as: enrolled(t, s, NewAccount{Name: "one"})}, toneOne)
	sits(t, s, "club", "one", waits(waitsForPIN))
	tell := func(media, body string) int {
		res, err := h.outcome.dialog.Send(t.Context(), "INFO", nil, media, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		return res.Status
	}
	for _, key := range "0471#" {
		if status := tell("application/dtmf-relay", fmt.Sprintf("Signal=%c\r\nDuration=100\r\n", key)); status != 200 {
			t.Fatalf("%c: %d", key, status)
		}
		h.press(string(key)) // the same one, as media: it would be a wrong PIN with each digit twice
	}
	sits(t, s, "club", "one", waits(waitsNot))
	if a, b := tell("application/dtmf", "**"), tell("text/plain", "*"); a != 400 || b != 415 {
		t.Errorf("what tells of no key: %d and %d", a, b)
	}
	tell("application/dtmf", "*")
	tell("application/dtmf", "6")
	sits(t, s, "club", "one", func(v SeatView) bool { return v.Muted })
	m := measured(t, s)
	for result, want := range map[string]float64{"taken": 7, "twice": 0, "malformed": 1, "foreign": 1} {
		if n := m[`conclave_info_total{result="`+result+`"}`]; n != want {
			t.Errorf("%s: %v, want %v", result, n, want)
		}
	}
}

// TestKeysByInfoOverUDP: where anybody can write the address of a call, the phone proves each key by its digest.
func TestKeysByInfoOverUDP(t *testing.T) {
	s := serveTest(t, "rooms: {permanent: [{name: hall, keys: true}]}\n")
	leg, _ := newMobile(t, s, enrolled(t, s, NewAccount{Name: "ann"}), "phone").joins("hall")
	for _, key := range "*5" {
		if res, err := leg.Dialog().Send(t.Context(), "INFO", nil, "application/dtmf", []byte(string(key))); err != nil || res.Status != 200 {
			t.Fatalf("%c: %+v, %v", key, res, err)
		}
	}
	sits(t, s, "hall", "ann", func(v SeatView) bool { return v.Hand })
	if n := measured(t, s)[`conclave_refusals_total{reason="no_proof"}`]; n < 2 { // the INVITE's, and an INFO's
		t.Errorf("%v challenges", n)
	}
}

// TestKeptLock: what a moderator's key does to a kept room is kept, as what the API does.
func TestKeptLock(t *testing.T) {
	s := serveTest(t, mannersYAML)
	if _, err := s.CreateRoom(t.Context(), NewRoom{Name: "board", Keys: new(true), Moderators: []string{"teacher"}}); err != nil {
		t.Fatal(err)
	}
	h := newPhone(t, s).lift(attempt{room: "board", transport: "tls", as: enrolled(t, s, NewAccount{Name: "teacher"})}, toneOne)
	sits(t, s, "board", "teacher", waits(waitsNot))
	for _, locked := range []bool{true, false} {
		h.press("*1")
		until(t, "the lock is kept", func() bool { r, err := s.store.Room("board"); return err == nil && r.Locked == locked })
		if v, err := s.Room(t.Context(), "board"); err != nil || v.Locked != locked || !slices.Equal(v.Moderators, []string{"teacher"}) {
			t.Errorf("%+v, %v", v, err)
		}
	}
	if err := s.store.DeleteRoom("board"); err != nil { // so that nothing can be kept of it
		t.Fatal(err)
	}
	h.press("*1*5")
	sits(t, s, "board", "teacher", func(v SeatView) bool { return v.Hand })
	if v, err := s.Room(t.Context(), "board"); err != nil || v.Locked {
		t.Errorf("a lock that could not be kept holds: %+v, %v", v, err)
	}
}

// TestChangedManners: moderators, tones and prompts that the API gives a room hold for who is there: who waits goes in once it may, who is
// in stays in.
func TestChangedManners(t *testing.T) {
	s := serveTest(t, mannersYAML)
	one, two, boss := enrolled(t, s, NewAccount{Name: "one"}), enrolled(t, s, NewAccount{Name: "two"}), enrolled(t, s, NewAccount{Name: "boss"})
	p := newPhone(t, s)
	change := func(room string, c RoomPatch) {
		t.Helper()
		if _, err := s.PatchRoom(t.Context(), room, c); err != nil {
			t.Fatal(err)
		}
	}
	p.lift(attempt{room: "club", transport: "tls", as: one}, toneOne)
	sits(t, s, "club", "one", waits(waitsForPIN))
	p.lift(attempt{room: "club", transport: "tls", as: boss}, toneTwo)
	sits(t, s, "club", "boss", waits(waitsForPIN))
	change("club", RoomPatch{Moderators: &[]string{"BOSS"}}) // who needs no PIN any more; the other does
	sits(t, s, "club", "boss", waits(waitsNot))
	sits(t, s, "club", "one", waits(waitsForPIN))
	change("club", RoomPatch{Moderators: &[]string{"teacher"}, PIN: new("")}) // nobody of whom is there
	sits(t, s, "club", "one", waits(waitsForModerator))
	sits(t, s, "club", "boss", waits(waitsNot))
	change("club", RoomPatch{Moderators: &[]string{"boss", "teacher"}}) // one is in already
	sits(t, s, "club", "one", waits(waitsNot))

	h := p.lift(attempt{room: "class", transport: "tls", as: one}, toneOne)
	sits(t, s, "class", "one", waits(waitsForModerator))
	change("class", RoomPatch{Moderators: &[]string{}, Prompts: new(true), Keys: new(true)})
	sits(t, s, "class", "one", waits(waitsNot))
	h.press("*6")
	sits(t, s, "class", "one", func(v SeatView) bool { return v.Muted })

	plain := p.lift(attempt{room: "plain", transport: "tls", as: one}, toneOne)
	sits(t, s, "plain", "one", waits(waitsNot))
	change("plain", RoomPatch{Tones: new(true)})
	if _, any := plain.heard(toneOne); any > 0 {
		t.Errorf("%d frames before anybody came", any)
	}
	p.lift(attempt{room: "plain", transport: "tls", as: two}, toneTwo)
	until(t, "the tone is heard", func() bool { _, n := plain.heard(toneOne); return n > 5 })
}
