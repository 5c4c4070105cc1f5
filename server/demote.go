package server

import (
	"context"
	"errors"
	"slices"

	"github.com/conclave/conclave/server/store"
)

// demote takes an account that is no more out of the moderators of all rooms: one that is made anew under its name is somebody else's.
func (s *Server) demote(ctx context.Context, name string) {
	failed := func(room string, err error) {
		s.log.Error("a deleted account stands on among the moderators of a room: change them by the admin API", "account", name, "room", room, "err", err)
	}
	for _, r := range s.rooms.list() {
		var err error
		posted := r.do(ctx, func() { err = r.demote(name) })
		if err = errors.Join(posted, err); err != nil && !errors.Is(err, errRoomClosed) && !errors.Is(err, ErrUnknownRoom) {
			failed(r.name, err)
		}
	}
	for after := ""; ; { // those left out because the configuration has one of their name
		page, next, err := s.store.Rooms(after, accountsPage)
		if err != nil {
			failed("", err)
			return
		}
		for _, kept := range page {
			if !slices.Contains(kept.Moderators, name) {
				continue
			}
			if err := s.store.UpdateRoom(kept.Name, func(r *store.Room) error { r.Moderators = without(r.Moderators, name); return nil }); err != nil {
				failed(kept.Name, err)
			}
		}
		if after = next; next == "" {
			return
		}
	}
}

// demote takes an account out of the moderators, as the API would. It runs in the room's goroutine.
func (r *room) demote(name string) error {
	if !r.moderators[name] {
		return nil
	}
	left := without(r.moderatorList(), name)
	return r.change(roomChange{RoomPatch: RoomPatch{Moderators: &left}, moderators: left})
}

// without is a list of its own that does not hold the name.
func without(names []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == name })
}
