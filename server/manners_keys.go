package server

import (
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

// answer says what a key did, and tells it to the listeners of events.
func (r *room) answer(st *seat, no, yes string, is bool) {
	r.publish(st.about(EventSeatChanged))
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
		r.publish(st.about(EventSeatChanged))
	}
}

// toggleLock is for moderators, and does what the API would. All are to know of it.
func (r *room) toggleLock(st *seat) {
	if !r.moderates(st.who) {
		return
	}
	locked := !r.locked
	if err := r.change(roomChange{RoomPatch: RoomPatch{Locked: &locked}}); err != nil {
		r.log.Error("a room was not locked or opened by its moderator: that cannot be kept", "room", r.name, "err", err)
		return
	}
	if words := map[bool]string{true: sayLocked, false: sayUnlocked}[r.locked]; r.manners.Prompts {
		r.mix.Announce(r.attendant.clips([]string{words})...)
	}
}
