package store

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	bolt "go.etcd.io/bbolt"
)

func TestRooms(t *testing.T) {
	b := open(t, newDir(t))
	want := Room{Name: "board", Policy: "strict", MaxSeats: 9, CreatedAt: time.Unix(1, 0).UTC(), Moderators: []string{"ann"}, Manners: &Manners{Tones: true}}
	if err := b.CreateRoom(want); err != nil {
		t.Fatal(err)
	}
	if err := b.CreateAccount(account("board")); !errors.Is(err, ErrExists) {
		t.Errorf("account in the name of a room: %v", err)
	}
	if err := b.UpdateRoom("board", func(r *Room) error { r.Locked = true; return nil }); err != nil {
		t.Fatal(err)
	}
	want.Locked = true
	got, err := b.Room("board")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if all, next, err := b.Rooms("", 10); err != nil || len(all) != 1 || next != "" {
		t.Errorf("list: %v %q %v", all, next, err)
	}
	if err := b.DeleteRoom("board"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Room("board"); !errors.Is(err, ErrNotFound) {
		t.Errorf("after delete: %v", err)
	}
}

// TestDeletedAccountModeratesNothing: its name goes out of all rooms in one step with it, or both stay.
func TestDeletedAccountModeratesNothing(t *testing.T) {
	b := open(t, newDir(t))
	if err := b.CreateAccount(account("ann")); err != nil {
		t.Fatal(err)
	}
	for name, moderators := range map[string][]string{"both": {"ann", "bob"}, "hers": {"ann"}, "his": {"bob"}, "open": nil} {
		if err := b.CreateRoom(Room{Name: name, Moderators: moderators}); err != nil {
			t.Fatal(err)
		}
	}
	his := func(put []byte) (was []byte) {
		if err := b.db.Update(func(tx *bolt.Tx) error {
			was = bytes.Clone(tx.Bucket(roomsBucket).Get([]byte("his")))
			return tx.Bucket(roomsBucket).Put([]byte("his"), put)
		}); err != nil {
			t.Fatal(err)
		}
		return was
	}
	sound := his([]byte("damaged"))
	if err := b.DeleteAccount("ann"); !errors.Is(err, ErrRoomDamaged) || !errors.Is(err, ErrTampered) || !strings.Contains(err.Error(), "room his:") {
		t.Errorf("beside a damaged room: %v", err)
	}
	_, err := b.Account("ann")
	if both, errBoth := b.Room("both"); err != nil || errBoth != nil || !slices.Equal(both.Moderators, []string{"ann", "bob"}) {
		t.Errorf("what was not done is %v, %+v, %v", err, both, errBoth)
	}
	his(sound)
	if err := b.DeleteAccount("ann"); err != nil {
		t.Fatal(err)
	}
	rooms, _, err := b.Rooms("", 9)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range rooms {
		got = append(got, fmt.Sprintf("%s %s %t", r.Name, r.Moderators, r.Locked))
	}
	if diff := cmp.Diff([]string{"both [bob] false", "hers [] true", "his [bob] false", "open [] false"}, got); diff != "" {
		t.Error(diff)
	}
}
