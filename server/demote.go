package server

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/conclave/conclave/server/store"
)

// ErrStillModerates says that an account was deleted, but that a room may have it among its moderators still: one that could not be reached, or
// not be kept without it.
var ErrStillModerates = errors.New("server: a room may have the deleted account among its moderators still")

// ErrRoomDamaged says that an account was not deleted: a kept room cannot be read, which may have it among its moderators.
var ErrRoomDamaged = errors.New("server: a kept room cannot be read, which the account may moderate")

// demote takes an account that is no more out of the moderators of the rooms that are open: one that is made anew under its name is somebody
// else's. A room that has no moderator left is locked: it let in nobody without one, and an operator may see to it.
func (s *Server) demote(ctx context.Context, name string) error {
	var failed []error
	for _, r := range s.rooms.list() {
		err := r.hear(ctx, name)
		if again := s.rooms.find(r.name); err != nil && again != nil && again != r { // it failed meanwhile, and is open anew, as it was
			err = again.hear(ctx, name)
		}
		if err != nil && !errors.Is(err, errRoomClosed) {
			s.log.Error("a deleted account stands on among the moderators of a room: change them by the admin API", "account", name, "room", r.name, "err", err)
			failed = append(failed, fmt.Errorf("%w: room %s: %w", ErrStillModerates, r.name, err))
		}
	}
	return errors.Join(failed...)
}

// hear tells the room that an account was deleted, and waits until it has taken that in.
func (r *room) hear(ctx context.Context, name string) (err error) {
	posted := r.do(ctx, func() { err = r.demote(name) })
	return errors.Join(posted, err)
}

// errNoModerator says that a key's presser is no moderator any more.
var errNoModerator = errors.New("server: whoever pressed the key is no moderator any more")

// demote takes an account that was deleted out of the moderators, of what is kept too. It runs in the room's goroutine.
func (r *room) demote(name string) (err error) {
	if r.closing {
		return nil
	}
	if r.stored {
		err = r.kept.strike(r.name, name)
	}
	if r.moderators[name] {
		r.lose([]string{name})
	}
	return err
}

// strike takes a deleted account out of the moderators of one room. It is out since its deletion, which costs a look, but where a change of
// the room has named it after that.
func (k *keptRooms) strike(room, account string) error {
	kept, err := k.store.Room(room)
	if err == nil && slices.Contains(kept.Moderators, account) {
		err = k.store.UpdateRoom(room, func(kept *store.Room) error { kept.Demote(account); return nil })
	}
	return roomError(err)
}

// deleted are the moderators that are out of those that are kept: their accounts were deleted, in the store's same step.
func (r *room) deleted(kept []string) []string {
	return slices.DeleteFunc(r.moderatorList(), func(name string) bool { return slices.Contains(kept, name) })
}

// lose takes moderators out whose accounts were deleted. Where none is left, who waits is sent away and the room is locked, as what is kept of
// it is already.
func (r *room) lose(gone []string) {
	if len(gone) == 0 {
		return
	}
	left, locked := slices.DeleteFunc(r.moderatorList(), func(name string) bool { return slices.Contains(gone, name) }), true
	c := roomChange{RoomPatch: RoomPatch{Moderators: &left}, moderators: left}
	if len(left) == 0 {
		c.Locked = &locked
		for _, st := range r.seats {
			r.dismiss(st)
		}
		r.log.Warn("a room is locked: its only moderator's account was deleted; give it others, or open it, by the admin API", "room", r.name, "accounts", gone)
	}
	r.turn(c, c.over(r.opening()))
}

// dismiss sends away who waits in a room that has no moderator any more, also for the PIN: he would have to wait for one next. One whose call is
// still being set up hears so when it stands.
func (r *room) dismiss(st *seat) {
	switch {
	case st.waits != waitsForPIN && st.waits != waitsForModerator:
	case st.leg() == nil && st.coming != nil:
		st.calm()
		st.waits = waitsToLeave
	default:
		r.sendAway(st, sayTooLate, "no_moderator")
	}
}
