package server

import (
	"errors"
	"testing"

	"github.com/conclave/conclave/server/gate"
)

// TestSeatsKeptForTheirOwner: orders of events that the machine seldom draws, in which the owner of a seat is waited for.
func TestSeatsKeptForTheirOwner(t *testing.T) {
	t.Parallel()
	s := serveTest(t, "rooms: {seat_wait: 1h, permanent: [{name: hall}]}\n")
	t.Cleanup(s.rooms.attendant.chores.stop) // nobody is greeted whose leg gets no keys
	enrolled(t, s, NewAccount{Name: "ann"})
	for name, end := range map[string]func(x *seatMachine, old, moved *tenancy){
		"both are lost, the old one last":             func(x *seatMachine, old, moved *tenancy) { x.hands(moved); moved.vacate(true); old.vacate(false) },
		"the old one is lost before the new one came": func(_ *seatMachine, old, moved *tenancy) { old.vacate(true); moved.vacate(false) },
		"the new one is lost after the old one went":  func(x *seatMachine, old, moved *tenancy) { x.hands(moved); old.vacate(false); moved.vacate(true) },
	} {
		x, old, moved := moving(t, s, name)
		x.in(func() { x.room.fill(moved) })
		end(x, old, moved)
		x.in(func() {
			if x.room.seats[name] != old.seat || old.seat.away == nil {
				t.Errorf("%s: the seat is gone", name)
				return
			}
			x.room.leave(old.seat)
		})
	}
}

// TestWhoIsSentAwayStaysAway: a move of a seat that is told to go fails, and the seat is free when its leg has ended.
func TestWhoIsSentAwayStaysAway(t *testing.T) {
	t.Parallel()
	s := serveTest(t, "rooms: {seat_wait: 1h, permanent: [{name: hall}]}\n")
	t.Cleanup(s.rooms.attendant.chores.stop) // nobody is greeted whose leg gets no keys
	enrolled(t, s, NewAccount{Name: "ann"})
	x, old, moved := moving(t, s, "a")
	x.in(func() {
		x.room.fill(moved)
		old.seat.waits = waitsToLeave
		if _, done := x.room.handOver(moved); done {
			t.Error("the seat has another leg, which nobody ends")
		}
	})
	old.vacate(false)
	moved.vacate(true)
	x.in(func() {
		if len(x.room.seats) != 0 {
			t.Error("the seat is taken")
		}
	})
}

// moving is a seat of ann's in the hall whose move to another leg stands, but for the filling of it.
func moving(t *testing.T, s *Server, id string) (x *seatMachine, old, moved *tenancy) {
	t.Helper()
	x = &seatMachine{t: t, server: s, room: s.rooms.find("hall")}
	old, who := newTenancy(s), gate.Who{Account: "ann"}
	if err := errors.Join(s.ledger.reserve(who), s.rooms.seat(t.Context(), "hall", &seat{id: id, who: who}, old)); err != nil {
		t.Fatal(err)
	}
	x.legFor(old, "ann")
	var err error
	x.in(func() {
		x.room.fill(old)
		moved, err = x.room.promise(s, old.seat, byReplaces, "")
	})
	if err != nil {
		t.Fatal(err)
	}
	x.legFor(moved, "ann")
	return x, old, moved
}

// hands gives a leg that stands its seat.
func (x *seatMachine) hands(o *tenancy) {
	x.in(func() {
		if _, done := x.room.handOver(o); !done {
			x.t.Error("not handed over")
		}
	})
}
