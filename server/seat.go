package server

import (
	"time"

	"github.com/conclave/conclave/legs"
	"github.com/conclave/conclave/mixer"
	"github.com/conclave/conclave/server/gate"
)

// seat is one participant in a room. Its fields belong to the room's goroutine once the seat is taken. It stands as long as a leg fills
// it, or is on its way to it, or its owner is waited for.
type seat struct {
	room        *room // for good
	id, display string
	who         gate.Who
	joined      time.Time
	muted, deaf bool
	invited     bool // the API called
	gainDB      float64
	position    *Position // replaced, never changed; nil: none was given
	mix         *mixer.Seat
	tenant      *tenancy    // whose leg fills the seat; nil while its call is set up, and while its owner is away
	coming      *tenancy    // of the leg that is to fill it next: the first, that of an owner who comes back, or that of a move
	told, spoke bool        // the last that its events told: that it is there, and that it speaks
	away        *time.Timer // until when the owner is waited for; nil: he is not
	manner
}

// leg is the one that fills the seat; nil: none does.
func (st *seat) leg() *legs.Leg {
	if st.tenant == nil {
		return nil
	}
	return st.tenant.leg
}

// take gives a caller a seat: the one that waits for him, as he left it, or a new one. It runs in the room's goroutine.
func (r *room) take(st *seat, o *tenancy) (*seat, error) {
	if waiting := r.waitingFor(st.who); waiting != nil {
		waiting.stay()
		waiting.coming, o.returning = o, true
		return waiting, nil
	}
	switch {
	case r.closing:
		return nil, errRoomClosed
	case r.draining.Load():
		return nil, ErrDraining
	case r.locked && !st.invited: // neither lock nor PIN nor lobby is meant for whom the API calls
		return nil, errRoomLocked
	}
	if len(r.seats) >= r.maxSeats {
		return nil, errRoomFull
	}
	if err := r.receive(st); err != nil {
		return nil, err
	}
	st.room, st.coming = r, o
	r.seats[st.id] = st
	return st, nil
}

// waitingFor finds the seat that waits for an account; nil: none does. Of several it is the one that was taken first.
func (r *room) waitingFor(who gate.Who) (found *seat) {
	for _, st := range r.seats {
		if st.away != nil && st.who == who && (found == nil || st.joined.Before(found.joined)) {
			found = st
		}
	}
	return found
}

// fill gives a leg that stands its place in the seat: it hears the room, and but for one that a move brings it is the one that fills it
// from now on. It runs in the room's goroutine.
func (r *room) fill(o *tenancy) {
	st := o.seat
	select {
	case <-st.mix.Turned(): // of an earlier move
	default:
	}
	st.mix.Attach(o.leg.Stream())
	o.attached = true
	if o.move == nil && st.coming == o {
		st.tenant, st.coming = o, nil
		r.joined(st)
		r.welcome(st, o.leg)
	}
	r.publish(o.legState(o.leg, "confirmed", ""))
}

// joined tells that a seat has a leg: for the first time, or since its owner came back.
func (r *room) joined(st *seat) {
	if st.told {
		r.publish(st.about(EventSeatChanged))
		return
	}
	st.told = true
	r.publish(st.about(EventSeatJoined))
}

// left tells that a seat is no more, if anybody was told that it was.
func (r *room) left(st *seat) {
	if st.told {
		st.told = false
		r.publish(st.about(EventSeatLeft))
	}
}

// handOver makes the leg that was on its way the one that fills the seat, and gives the one that did, nil where that is gone. A move that
// was called off does not get so far. It runs in the room's goroutine.
func (r *room) handOver(o *tenancy) (old *tenancy, done bool) {
	st := o.seat
	if st.coming != o || !o.attached || o.move.life.Err() != nil || st.waits == waitsToLeave { // who is sent away gets no other leg
		return nil, false
	}
	old, st.tenant, st.coming = st.tenant, o, nil
	if old == nil { // whom we called, or who has lost his leg meanwhile
		r.joined(st)
		r.welcome(st, o.leg)
	}
	return old, true
}

// part takes a leg from its seat, or takes back that one was on its way. A seat that is left without one is free, or waits for its
// owner: where he lost the leg, or waits still. The channel is closed once the mixer touches the leg's stream no more. It runs in the
// room's goroutine.
func (r *room) part(o *tenancy, lost bool) <-chan struct{} {
	st := o.seat
	switch o {
	case st.tenant:
		st.tenant = nil
		if st.coming != nil {
			st.coming.returning = lost // whose failure is then that of the owner's return
		}
	case st.coming:
		st.coming, lost = nil, lost || o.returning
	default: // its seat has another already, or none: what becomes of that is not for this one to say
		return o.detach()
	}
	switch {
	case st.tenant != nil || st.coming != nil:
	case lost && r.seatWait > 0 && st.waits != waitsToLeave && !r.closing && o.mayReturn():
		r.await(st)
	default:
		return r.leave(st)
	}
	return o.detach()
}

// mayReturn says whether the owner of the seat may call again: where he has an account, still.
func (o *tenancy) mayReturn() bool {
	account := o.seat.who.Account
	return account != "" && o.server.accounts.enabled(account) != nil
}

// detach takes the leg's stream from the seat's ports, where it is one; the channel is closed once the mixer touches it no more.
func (o *tenancy) detach() <-chan struct{} {
	if !o.attached {
		gone := make(chan struct{})
		close(gone)
		return gone
	}
	return o.seat.mix.Detach(o.leg.Stream())
}

// await keeps the seat for its owner, for a while.
func (r *room) await(st *seat) {
	var timer *time.Timer
	timer = time.AfterFunc(r.seatWait, func() {
		_ = r.post(func() { // a room that has closed has no seats
			if st.away == timer {
				r.leave(st)
				r.log.Info("a seat was given up: its owner did not come back", "room", r.name, "seat", st.id, "account", st.who.Account)
			}
		})
	})
	st.away = timer
	r.ledger.waits(1)
	r.publish(st.about(EventSeatAway))
}

// stay ends the wait for the seat's owner.
func (st *seat) stay() {
	if st.away != nil {
		st.away.Stop()
		st.away = nil
		st.room.ledger.waits(-1)
	}
}

// forsake frees the seats that wait for an account which is closed: one that is made anew under its name is somebody else's. It runs in the
// room's goroutine.
func (r *room) forsake(account string) {
	for _, st := range r.seats {
		if st.away != nil && st.who.Account == account {
			r.leave(st)
		}
	}
}

// leave frees a seat; the channel is closed once the mixer touches its ports no more. It runs in the room's goroutine.
func (r *room) leave(st *seat) <-chan struct{} {
	st.stay()
	if st.changed.lock != nil { // nobody else would turn it
		r.tellKeyed(st)
	}
	r.left(st)
	delete(r.seats, st.id)
	r.depart(st)
	return st.mix.Leave()
}
