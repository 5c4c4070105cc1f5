package server

import (
	"errors"
	"time"

	"github.com/conclave/conclave/legs"
)

// Pressed implements legs.Owner.
func (o *tenancy) Pressed(_ *legs.Leg, key byte) {
	_ = o.room.post(func() { o.room.pressed(o, key) }) // a room that has closed has no use for it
}

// pressed takes a key of the leg that fills a seat. One that presses faster than people do is not listened to.
func (r *room) pressed(o *tenancy, key byte) {
	st := o.seat
	switch {
	case st.tenant != o || !st.pace.Allow():
	case st.waits == waitsForPIN:
		r.typePIN(st, key)
	case st.inside && r.manners.Keys:
		r.command(st, key)
	}
}

// command takes a key of whoever is in the room: * and a digit are a command.
func (r *room) command(st *seat, key byte) {
	if key == '*' {
		st.starred = time.Now()
		return
	}
	if time.Since(st.starred) > starPatience {
		return
	}
	st.starred = time.Time{}
	switch key {
	case '6':
		r.toggleMute(st)
	case '5':
		st.hand = !st.hand
		r.answer(st, sayHandDown, sayHandUp, st.hand)
	case '7':
		r.louder(st, -keyGain)
	case '9':
		r.louder(st, keyGain)
	case '1':
		r.toggleLock(st)
	}
}

// byKeys is what the keys of a seat have changed and nobody was told yet: something of the seat, or the lock, which then is yet to be made
// what they want it to be.
type byKeys struct {
	seat bool
	lock *bool // a moderator's, see dropLocks; nil: they want nothing of it
}

// keyed has it told what keys have changed: at once, or, where some of the same seat was told a moment ago, with what they change until
// then. So whoever presses all day fills neither the ring of events nor the audit trail, and a moderator does not have the disk wait for him.
func (r *room) keyed(st *seat) {
	if st.telling == nil {
		r.tellKeyed(st)
	}
}

// tellKeyed tells how things stand by the keys of a seat, if they changed anything, and locks the room or opens it if they want that.
func (r *room) tellKeyed(st *seat) {
	c := st.changed
	st.changed, st.telling = byKeys{}, nil
	if c == (byKeys{}) {
		return
	}
	if c.seat && st.told {
		r.publish(st.about(EventSeatChanged))
	}
	if c.lock != nil && *c.lock != r.locked && !r.closing {
		r.lock(st, *c.lock)
	}
	var timer *time.Timer
	timer = time.AfterFunc(keysTold, func() {
		_ = r.post(func() { // a room that has closed has told all
			if st.telling == timer {
				r.tellKeyed(st)
			}
		})
	})
	st.telling = timer
}

// answer says what a key did, and tells it to the listeners of events.
func (r *room) answer(st *seat, no, yes string, is bool) {
	st.changed.seat = true
	r.keyed(st)
	if !r.manners.Prompts {
		return
	}
	if is {
		no = yes
	}
	r.say(st, no)
}

func (r *room) toggleMute(st *seat) {
	if !st.held {
		st.muted = !st.muted
		st.apply()
	}
	r.answer(st, sayUnmuted, sayMuted, st.muted)
}

// louder changes how loud the others hear the seat, within what keys may.
func (r *room) louder(st *seat, db float64) {
	if to := st.gainDB + db; to >= -keyGainMost && to <= keyGainMost {
		st.gainDB = to
		st.mix.SetGain(to)
		st.changed.seat = true
		r.keyed(st)
	}
}

// mayLock says whether the keys of a seat may lock the room: a moderator's may.
func (r *room) mayLock(st *seat) bool { return r.moderates(st.who) }

// toggleLock is for moderators. What they see is how the room is, or will be by what they pressed last.
func (r *room) toggleLock(st *seat) {
	if !r.mayLock(st) {
		return
	}
	wanted := !r.locked
	if last := st.changed.lock; last != nil {
		wanted = !*last
	}
	st.changed.lock = &wanted
	r.keyed(st)
}

// dropLocks forgets what keys want of the lock and was not done yet, after a change of the room: everything where the lock was asked for, since
// that is newer, and otherwise what those want who are moderators no more.
func (r *room) dropLocks(asked bool) {
	for _, st := range r.seats {
		if asked || !r.mayLock(st) {
			st.changed.lock = nil
		}
	}
}

// lock locks the room, or opens it, as the API would, for a moderator. All are to know of it.
func (r *room) lock(st *seat, locked bool) {
	switch err := r.change(roomChange{RoomPatch: RoomPatch{Locked: &locked}, presser: st.who.Account}); {
	case errors.Is(err, errNoModerator):
		return
	case err != nil:
		r.log.Error("a room was not locked or opened by its moderator: that cannot be kept", "room", r.name, "err", err)
		return
	}
	if words := map[bool]string{true: sayLocked, false: sayUnlocked}[r.locked]; r.manners.Prompts {
		r.mix.Announce(r.attendant.clips([]string{words})...)
	}
}
