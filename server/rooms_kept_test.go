package server

import (
	"errors"
	"slices"
	"testing"

	"github.com/conclave/conclave/server/store"
)

// TestKeptRoomsHaveALimitOfTheirOwn: they and the rooms that come and go do not crowd out each other, however they came to be kept.
func TestKeptRoomsHaveALimitOfTheirOwn(t *testing.T) {
	s := serveTest(t, deskYAML+"limits: {rooms: 2}\n")
	create := func(name string, kept bool, want error) {
		t.Helper()
		if _, err := s.CreateRoom(t.Context(), NewRoom{Name: name, Permanent: &kept}); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	patch := func(want error) {
		t.Helper()
		if _, err := s.PatchRoom(t.Context(), "open", RoomPatch{PIN: new("4711")}); !errors.Is(err, want) {
			t.Errorf("a PIN: %v, want %v", err, want)
		}
	}
	create("kept1", true, nil)
	create("kept2", true, nil)
	create("kept3", true, ErrTooManyKept)
	create("open", false, nil) // beside the hall
	create("more", false, ErrTooManyRooms)
	patch(ErrTooManyKept)
	if kept, _, err := s.store.Rooms("", 9); err != nil || len(kept) != 2 {
		t.Errorf("kept: %v, %v", kept, err)
	}
	if err := s.DeleteRoom(t.Context(), "kept1"); err != nil {
		t.Fatal(err)
	}
	patch(nil)
	create("kept3", true, ErrTooManyKept)
	until(t, "there is room for one that is not kept", func() bool {
		_, err := s.CreateRoom(t.Context(), NewRoom{Name: "more"})
		return err == nil
	})
}

// TestABarredRoomNeedNotBeKept: where nobody opens a room by calling its name it closes when it is empty.
func TestABarredRoomNeedNotBeKept(t *testing.T) {
	s := serveTest(t, "rooms: {on_demand: false}\n")
	v, err := s.CreateRoom(t.Context(), NewRoom{Name: "meeting", PIN: "1234", Moderators: []string{"ann"}, Permanent: new(false)})
	if err != nil || v.Permanent || !v.PIN {
		t.Errorf("%+v, %v", v, err)
	}
	if v, err = s.PatchRoom(t.Context(), "meeting", RoomPatch{PIN: new("4711")}); err != nil || v.Permanent {
		t.Errorf("%+v, %v", v, err)
	}
	if kept, _, err := s.store.Rooms("", 9); err != nil || len(kept) > 0 {
		t.Errorf("kept: %v, %v", kept, err)
	}
}

// TestADeletedAccountModeratesNothing: neither a room that is open nor one that is kept and left out, and listeners of events are told.
func TestADeletedAccountModeratesNothing(t *testing.T) {
	s := serveTest(t, deskYAML)
	enrolled(t, s, NewAccount{Name: "ann"})
	if _, err := s.CreateRoom(t.Context(), NewRoom{Name: "board", Moderators: []string{"ann", "bob"}}); err != nil {
		t.Fatal(err)
	}
	if err := s.store.CreateRoom(store.Room{Name: "hall", Moderators: []string{"ann"}}); err != nil { // the configuration has one of its name
		t.Fatal(err)
	}
	events := s.Subscribe(LatestEvent)
	defer events.Close()
	if err := s.DeleteAccount(t.Context(), "ann"); err != nil {
		t.Fatal(err)
	}
	if v, err := s.Room(t.Context(), "board"); err != nil || !slices.Equal(v.Moderators, []string{"bob"}) {
		t.Errorf("%+v, %v", v, err)
	}
	saw(t, events, EventRoomChanged)
	kept, _, err := s.store.Rooms("", 9)
	if err != nil || len(kept) != 2 || !slices.Equal(kept[0].Moderators, []string{"bob"}) || len(kept[1].Moderators) > 0 {
		t.Errorf("kept: %+v, %v", kept, err)
	}
}

// TestAChangeDoesNotBringADeletedModeratorBack: one that comes between the deletion and the room's hearing of it.
func TestAChangeDoesNotBringADeletedModeratorBack(t *testing.T) {
	s := serveTest(t, deskYAML)
	enrolled(t, s, NewAccount{Name: "ann"})
	if _, err := s.CreateRoom(t.Context(), NewRoom{Name: "board", Moderators: []string{"ann", "bob"}}); err != nil {
		t.Fatal(err)
	}
	if err := s.store.DeleteAccount("ann"); err != nil {
		t.Fatal(err)
	}
	v, err := s.PatchRoom(t.Context(), "board", RoomPatch{Tones: new(true)})
	if err != nil || !slices.Equal(v.Moderators, []string{"bob"}) || !v.Tones {
		t.Errorf("%+v, %v", v, err)
	}
	if kept, err := s.store.Room("board"); err != nil || !slices.Equal(kept.Moderators, []string{"bob"}) || !kept.Manners.Tones {
		t.Errorf("kept: %+v, %v", kept, err)
	}
}

// TestABusyRoomKeepsItsDeletedModerator: whoever deleted the account is told; it is kept without him all the same.
func TestABusyRoomKeepsItsDeletedModerator(t *testing.T) {
	t.Parallel()
	s := serveTest(t, deskYAML)
	enrolled(t, s, NewAccount{Name: "ann"})
	if _, err := s.CreateRoom(t.Context(), NewRoom{Name: "board", Moderators: []string{"ann", "bob"}}); err != nil {
		t.Fatal(err)
	}
	r, hold := s.rooms.find("board"), make(chan struct{})
	defer close(hold)
	for range 1 + roomMailbox { // the first is held, and the others take all places behind it
		if err := r.post(func() { <-hold }); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.DeleteAccount(t.Context(), "ann"); !errors.Is(err, ErrStillModerates) {
		t.Errorf("a room too busy: %v", err)
	}
	if kept, err := s.store.Room("board"); err != nil || !slices.Equal(kept.Moderators, []string{"bob"}) {
		t.Errorf("kept: %+v, %v", kept, err)
	}
	if _, err := s.Account(t.Context(), "ann"); !errors.Is(err, ErrUnknownAccount) {
		t.Errorf("the account: %v", err)
	}
}
