package server

import "context"

// askPIN asks for the PIN, or for it again.
func (r *room) askPIN(st *seat, how string) {
	r.say(st, how)
	r.bear(st, r.attendant.pinPatience, func() { r.sendAway(st, sayNoPIN, "no_pin") })
}

// typePIN takes a key of whoever is asked for the PIN. Who types has heard enough.
func (r *room) typePIN(st *seat, key byte) {
	if len(st.typed) == 0 {
		st.mix.Play()
	}
	switch {
	case key == '#':
		r.submitPIN(st)
	case key == '*':
		st.typed = st.typed[:0]
	case key >= '0' && key <= '9' && len(st.typed) <= mostPINDigits: // one too many, so that it is wrong
		st.typed = append(st.typed, key)
	}
}

// submitPIN has the PIN computed: by somebody else, since that takes a while.
func (r *room) submitPIN(st *seat) {
	if st.checking || len(st.typed) == 0 {
		return
	}
	digits, pin := string(st.typed), r.pin
	clear(st.typed)
	st.typed = st.typed[:0]
	if !r.attendant.tries.take(r.name, st.who) {
		r.sendAway(st, sayNoMoreTries, "pin_refused")
		return
	}
	st.checking = r.attendant.chores.begin(func(context.Context) {
		ok := pin.matches(digits)
		_ = r.post(func() { r.checkedPIN(st, ok) }) // a room that has closed lets nobody in
	})
	if !st.checking { // too many are being computed
		r.attendant.tries.forget(r.name, st.who, 1)
		r.askPIN(st, sayPIN)
	}
}

// pass lets a seat go on that need not enter a PIN, or not any more.
func (r *room) pass(st *seat) {
	if r.moderated() || r.moderates(st.who) {
		r.enter(st)
		return
	}
	r.lobby(st)
}

// reconsider has those go on who wait for what the room does not ask of them any more, after its PIN or its moderators have changed. Who is
// in stays in, and who has entered the PIN of before is not asked for another.
func (r *room) reconsider() {
	for _, st := range r.seats {
		free := r.moderates(st.who)
		switch {
		case st.waits == waitsForPIN && (free || r.pin == nil):
		case st.waits == waitsForModerator && (free || r.moderated()):
		default:
			continue
		}
		if st.patience == nil {
			st.waits = waitsForModerator // he has yet to be greeted
			continue
		}
		r.pass(st)
	}
}

// checkedPIN takes the outcome.
func (r *room) checkedPIN(st *seat, ok bool) {
	st.checking = false
	if r.seats[st.id] != st || st.waits != waitsForPIN {
		return
	}
	switch {
	case ok:
		r.attendant.tries.forget(r.name, st.who, 1)
		r.pass(st)
		return
	case st.tries+1 >= maxTriesOfCall:
		r.sendAway(st, sayNoMoreTries, "pin_refused")
	default:
		r.askPIN(st, sayWrongPIN)
	}
	st.tries++
	r.log.Info("a PIN was wrong", "room", r.name, "seat", st.id, "account", st.who.Account, "trunk", st.who.Trunk, "tries", st.tries)
}
