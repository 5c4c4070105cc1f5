package server

import (
	"context"
	"errors"
	"slices"

	"github.com/conclave/conclave/server/store"
)

// demote takes an account that is no more out of the moderators of all rooms: one that is made anew under its name is somebody else's. A room
// that has no moderator left is locked: it let in nobody without one, and an operator may see to it.
func (s *Server) demote(ctx context.Context, name string) {
	failed := func(room string, err error) {
		s.log.Error("a deleted account stands on among the moderators of a room: change them by the admin API", "account", name, "room", room, "err", err)
	}
	for _, r := range s.rooms.list() {
		err := r.demoted(ctx, name)
		if again := s.rooms.find(r.name); err != nil && again != nil && again != r { // it failed meanwhile, and is open anew, as it was
			err = again.demoted(ctx, name)
		}
		if err != nil && !errors.Is(err, errRoomClosed) && !errors.Is(err, ErrUnknownRoom) {
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
			if err := s.store.UpdateRoom(kept.Name, func(r *store.Room) error {
				r.Moderators = without(r.Moderators, name)
				r.Locked = r.Locked || len(r.Moderators) == 0
				return nil
			}); err != nil {
				failed(kept.Name, err)
			}
		}
		if after = next; next == "" {
			return
		}
	}
}

// demoted runs demote in the room's goroutine.
func (r *room) demoted(ctx context.Context, name string) (err error) {
	return errors.Join(r.do(ctx, func() { err = r.demote(name) }), err)
}

// demote takes an account out of the moderators, as the API would. Where it was the only one, who waits for a moderator is sent away. It runs
// in the room's goroutine.
func (r *room) demote(name string) error {
	if !r.moderators[name] || r.closing {
		return nil
	}
	left, locked := without(r.moderatorList(), name), true
	c := roomChange{RoomPatch: RoomPatch{Moderators: &left}, moderators: left}
	if len(left) == 0 {
		c.Locked = &locked
		for _, st := range r.seats {
			if st.waits == waitsForModerator {
				r.sendAway(st, sayTooLate, "no_moderator")
			}
		}
		r.log.Warn("a room is locked: its only moderator's account was deleted; give it others, or open it, by the admin API", "room", r.name, "account", name)
	}
	return r.change(c)
}

// without is a list of its own that does not hold the name.
func without(names []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == name })
}
