package server

import (
	"flag"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs"
	"github.com/conclave/conclave/server/gate"
)

// seatMachine is a room with its seats and tenancies, and what they should be.
type seatMachine struct {
	t      *testing.T
	server *Server
	room   *room
	seats  map[string]*seatModel
	legs   []*tenancy // not ended yet
	stands map[*tenancy]bool
	n      int // seats taken so far
}

// seatModel is what a seat should be. Lost: the owner did not mean to go, so that a seat without a leg waits for him.
type seatModel struct {
	account        string
	tenant, coming *tenancy
	lost, away     bool
}

// TestSeatMachine: calls, moves, hand-overs, losses and returns in any order leave each seat with one tenant at most and one on its way, in
// the books as often as it is there, and nobody at the mixer who is gone.
func TestSeatMachine(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{"rapid.checks": "12", "rapid.steps": "30"} { // each end of a leg waits for a tick
		if f := flag.Lookup(name); f.Value.String() == f.DefValue {
			if err := flag.Set(name, value); err != nil {
				t.Fatal(err)
			}
		}
	}
	s := serveTest(t, "rooms: {seat_wait: 1h, permanent: [{name: hall, max_seats: 4}]}\nlimits: {calls_per_account: 3}\n")
	t.Cleanup(s.rooms.attendant.chores.stop) // nobody is greeted whose leg gets no keys
	for _, name := range []string{"ann", "ben"} {
		enrolled(t, s, NewAccount{Name: name})
	}
	rapid.Check(t, func(rt *rapid.T) {
		x := &seatMachine{t: t, server: s, room: s.rooms.find("hall"), seats: map[string]*seatModel{}, stands: map[*tenancy]bool{}}
		defer x.clear()
		rt.Repeat(map[string]func(*rapid.T){
			"call": x.call, "stand": x.stand, "move": x.move, "hand over": x.handOver, "end": x.end, "give up": x.giveUp, "call off": x.callOff, "": x.check,
			"sit": func(rt *rapid.T) { x.call(rt); x.stand(rt) }, "go over": func(rt *rapid.T) { x.move(rt); x.stand(rt); x.handOver(rt) },
		})
		for len(x.legs) > 0 {
			x.ends(x.legs[0], false)
		}
		x.check(rt)
	})
}

// clear frees what is left, for the next run.
func (x *seatMachine) clear() {
	for _, o := range x.legs {
		o.vacate(false)
	}
	x.in(func() {
		for _, st := range x.room.seats {
			<-x.room.leave(st)
		}
	})
}

// in runs f in the room's goroutine.
func (x *seatMachine) in(f func()) {
	if err := x.room.do(x.t.Context(), f); err != nil {
		x.t.Fatal(err)
	}
}

// legFor gives a tenancy a leg of its own, with a stream that the mixer can have; no dialog is needed here.
func (x *seatMachine) legFor(o *tenancy, account string) {
	var err error
	o.leg, err = x.server.line.Prepare(x.t.Context(), legs.Admission{
		Local: x.server.uri("hall"), Peer: x.server.uri(account), Policy: keying.StandardPolicy(), Method: keying.MIKEYPSK,
	}, o)
	if err != nil {
		x.t.Fatal(err)
	}
	x.legs = append(x.legs, o)
}

func drawOf[T any](rt *rapid.T, what string, all []T) T {
	if len(all) == 0 {
		rt.Skip("there is nothing to draw for: " + what) // the machine tries another action
	}
	return all[rapid.IntRange(0, len(all)-1).Draw(rt, what)]
}

// ids are the seats that hold.
func (x *seatMachine) ids(holds func(*seatModel) bool) (list []string) {
	for i := 1; i <= x.n; i++ {
		if m := x.seats[seatName(i)]; m != nil && holds(m) {
			list = append(list, seatName(i))
		}
	}
	return list
}

func seatName(n int) string { return string(rune('a'+n/26)) + string(rune('a'+n%26)) }

// call has an account call: it gets the seat that waits for it, or a new one where there is room.
func (x *seatMachine) call(rt *rapid.T) {
	who := gate.Who{Account: rapid.SampledFrom([]string{"ann", "ben"}).Draw(rt, "account")}
	if err := x.server.ledger.reserve(who); err != nil {
		if x.server.ledger.of(who.Account) < 3 {
			rt.Fatalf("%v", err)
		}
		return
	}
	o := newTenancy(x.server)
	x.n++
	err := x.server.rooms.seat(x.t.Context(), "hall", &seat{id: seatName(x.n), who: who, joined: time.Now()}, o)
	waiting := x.ids(func(m *seatModel) bool { return m.away && m.account == who.Account })
	switch {
	case err != nil:
		x.server.ledger.release(who)
		if len(x.seats) < 4 || len(waiting) > 0 {
			rt.Fatalf("no seat among %d: %v", len(x.seats), err)
		}
		return
	case len(waiting) > 0:
		m := x.seats[waiting[0]] // the first that was taken
		if o.seat.id != waiting[0] {
			rt.Fatalf("got seat %s, not the one that waited", o.seat.id)
		}
		m.coming, m.away, m.lost = o, false, true
	case len(x.seats) >= 4:
		rt.Fatalf("a fifth seat")
	default:
		x.seats[o.seat.id] = &seatModel{account: who.Account, coming: o}
	}
	x.legFor(o, who.Account)
}

// stand has a leg that was on its way hear the room.
func (x *seatMachine) stand(rt *rapid.T) {
	id := drawOf(rt, "seat", x.ids(func(m *seatModel) bool { return m.coming != nil && !x.stands[m.coming] }))
	m := x.seats[id]
	o := m.coming
	x.in(func() { x.room.fill(o) })
	x.stands[o] = true
	if o.move == nil {
		m.tenant, m.coming, m.lost = o, nil, false
	}
}

// move promises a seat to another device.
func (x *seatMachine) move(rt *rapid.T) {
	id := drawOf(rt, "seat", x.ids(func(*seatModel) bool { return true }))
	m := x.seats[id]
	var o *tenancy
	var err error
	x.in(func() { o, err = x.room.promise(x.server, x.room.seats[id], byReplaces, "") })
	if movable := m.tenant != nil && m.coming == nil; (err == nil) != movable {
		rt.Fatalf("a seat of %+v: %v", m, err)
	}
	if err == nil {
		m.coming = o
		x.legFor(o, m.account)
	}
}

// handOver gives the seat to the leg that was on its way, where that stands.
func (x *seatMachine) handOver(rt *rapid.T) {
	id := drawOf(rt, "seat", x.ids(func(m *seatModel) bool { return m.coming != nil && m.coming.move != nil }))
	m := x.seats[id]
	o, old, done := m.coming, (*tenancy)(nil), false
	x.in(func() { old, done = x.room.handOver(o) })
	if due := x.stands[o] && o.move.life.Err() == nil; done != due || done && old != m.tenant {
		rt.Fatalf("handed over: %v, from %p; %+v", done, old, m)
	}
	if done {
		m.tenant, m.coming, m.lost = o, nil, false
	}
}

// callOff ends a move, as an operator does.
func (x *seatMachine) callOff(rt *rapid.T) {
	id := drawOf(rt, "seat", x.ids(func(m *seatModel) bool { return m.coming != nil && m.coming.move != nil }))
	x.in(func() { x.room.seats[id].coming.callOff() })
}

// end has a leg end: one that fills its seat, one on its way, or one that has given its seat to another.
func (x *seatMachine) end(rt *rapid.T) {
	x.ends(drawOf(rt, "leg", x.legs), rapid.Bool().Draw(rt, "lost"))
}

func (x *seatMachine) ends(o *tenancy, lost bool) {
	o.vacate(lost)
	for i, other := range x.legs {
		if other == o {
			x.legs = append(x.legs[:i], x.legs[i+1:]...)
			break
		}
	}
	delete(x.stands, o)
	id, m := o.seat.id, x.seats[o.seat.id]
	switch {
	case m == nil, m.tenant != o && m.coming != o:
		return
	case m.tenant == o:
		m.tenant, m.lost = nil, lost
	default:
		m.coming, m.lost = nil, lost || m.lost
	}
	if m.tenant == nil && m.coming == nil {
		if m.away = m.lost; !m.away {
			delete(x.seats, id)
		}
	}
}

// giveUp ends the wait for an owner.
func (x *seatMachine) giveUp(rt *rapid.T) {
	x.leaves(drawOf(rt, "seat", x.ids(func(m *seatModel) bool { return m.away })))
}

func (x *seatMachine) leaves(id string) {
	x.in(func() { x.room.leave(x.room.seats[id]) })
	delete(x.seats, id)
}

// check compares the room, the ledger and the mixer with the model.
func (x *seatMachine) check(rt *rapid.T) {
	x.in(func() {
		if len(x.room.seats) != len(x.seats) {
			rt.Errorf("%d seats, want %d", len(x.room.seats), len(x.seats))
		}
		for id, m := range x.seats {
			st := x.room.seats[id]
			if st == nil || st.tenant != m.tenant || st.coming != m.coming || (st.away != nil) != m.away {
				rt.Errorf("seat %s is %+v, want %+v", id, st, m)
			}
		}
	})
	if n := x.server.ledger.total(); n != len(x.legs) {
		rt.Errorf("%d calls in the ledger, %d there", n, len(x.legs))
	}
	if rt.Failed() {
		rt.FailNow()
	}
	heard := 0 // a seat that is free has taken all its legs from the mixer
	for o := range x.stands {
		if x.seats[o.seat.id] != nil {
			heard++
		}
	}
	until(x.t, "the mixer has the legs that stand", func() bool { return x.server.pool.Stats().Legs == heard })
}
