package server

import (
	"testing"

	"github.com/conclave/conclave/server/gate"
)

// waitYAML ends legs that bring no media soon, and lets accounts use SDES, so that a phone without sound is lost by itself.
const waitYAML = `
media: {timeout: 1s}
policies: {open: {methods: [mikey-dh, sdes]}}
rooms: {seat_wait: 2s, permanent: [{name: open, policy: open}]}
trunks: [{name: sbc, from: [127.0.0.0/8], transports: [udp], methods: [sdes], codecs: [pcmu], calls: 9}]
`

// TestOwnerComesBack: a seat whose leg was lost waits for its owner and is as he left it, also in a room that was locked meanwhile, of a server that is being emptied;
// where nobody comes it is given up.
func TestOwnerComesBack(t *testing.T) {
	t.Parallel()
	s := serveTest(t, waitYAML)
	desk := enrolled(t, s, NewAccount{Name: "desk"})
	p := newPhone(t, s)
	_, seat := p.joins(attempt{room: "open", transport: "tls", as: desk})
	muted, gain := true, -6.0
	if _, err := s.PatchSeat(t.Context(), "open", seat.ID, SeatPatch{Muted: &muted, GainDB: &gain}); err != nil {
		t.Fatal(err)
	}
	until(t, "the leg is lost and the seat waits", func() bool {
		v, err := s.Seat(t.Context(), "open", seat.ID)
		return err == nil && v.Leg == nil && s.ledger.total() == 0
	})
	if err := s.rooms.find("open").do(t.Context(), func() { s.rooms.find("open").locked = true }); err != nil {
		t.Fatal(err)
	}
	if v := s.Drain(t.Context(), true); v.Calls != 0 || v.Away != 1 {
		t.Errorf("drained of %+v", v)
	}
	_, again := p.joins(attempt{room: "open", transport: "tls", as: desk})
	if again.ID != seat.ID || !again.Muted || again.GainDB != gain || !again.JoinedAt.Equal(seat.JoinedAt) || again.Leg.ID == seat.Leg.ID {
		t.Errorf("came back to %+v, left %+v", again, seat)
	}
	until(t, "the seat is given up", func() bool {
		seats, err := s.Seats(t.Context(), "open")
		return err == nil && len(seats) == 0
	})
	if v := s.Node(t.Context()); v.Calls != 0 || v.Away != 0 {
		t.Errorf("left of %+v", v)
	}
}

// TestSeatsThatDoNotWait: who hangs up frees the seat, an operator frees one that waits, and a caller of a trunk has no name to come
// back by.
func TestSeatsThatDoNotWait(t *testing.T) {
	t.Parallel()
	s := serveTest(t, waitYAML)
	desk := enrolled(t, s, NewAccount{Name: "desk"})
	p := newPhone(t, s)
	empty := func() bool {
		seats, err := s.Seats(t.Context(), "open")
		return err == nil && len(seats) == 0
	}
	o, _ := p.joins(attempt{room: "open", transport: "tls", as: desk})
	if err := o.dialog.Bye(t.Context()); err != nil {
		t.Fatal(err)
	}
	until(t, "a BYE frees the seat", empty)

	_, seat := p.joins(attempt{room: "open", transport: "tls", as: desk})
	until(t, "the seat waits", func() bool {
		v, err := s.Seat(t.Context(), "open", seat.ID)
		return err == nil && v.Leg == nil
	})
	if err := s.HangUp(t.Context(), "open", seat.ID); err != nil || !empty() {
		t.Errorf("a seat that waits is not freed: %v", err)
	}

	p.joins(attempt{room: "open", transport: "udp"})
	until(t, "a lost leg of a trunk frees its seat", empty)

	_, seat = p.joins(attempt{room: "open", transport: "tls", as: desk})
	until(t, "the seat waits", func() bool {
		v, err := s.Seat(t.Context(), "open", seat.ID)
		return err == nil && v.Leg == nil
	})
	if err := s.DeleteAccount(t.Context(), "desk"); err != nil || !empty() {
		t.Errorf("a seat waits for an account that is no more: %v", err)
	}
}

// TestReturnThatFails: a seat goes on waiting where the call that was to fill it came to nothing, and no other account gets it.
func TestReturnThatFails(t *testing.T) {
	s := serveTest(t, waitYAML)
	enrolled(t, s, NewAccount{Name: "desk"})
	r := s.rooms.find("open")
	who := gate.Who{Account: "desk"}
	first := newTenancy(s)
	if err := s.rooms.seat(t.Context(), "open", &seat{id: "s1", who: who}, first); err != nil {
		t.Fatal(err)
	}
	in := func(f func()) {
		if err := r.do(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	in(func() { <-r.part(first, true) })
	other := newTenancy(s)
	if err := s.rooms.seat(t.Context(), "open", &seat{id: "s2", who: gate.Who{Account: "tisch"}}, other); err != nil || other.seat == first.seat {
		t.Fatalf("another account has the seat: %v", err)
	}
	for range 2 {
		back := newTenancy(s)
		if err := s.rooms.seat(t.Context(), "open", &seat{id: "s3", who: who}, back); err != nil || back.seat != first.seat {
			t.Fatalf("the seat was not found again: %v", err)
		}
		in(func() {
			if first.seat.away != nil {
				t.Error("the wait goes on although its owner is coming")
			}
			<-r.part(back, false)
			if first.seat.away == nil {
				t.Error("the seat does not wait any more")
			}
		})
	}
	in(func() { <-r.leave(first.seat); <-r.part(other, false) })
}

// TestNobodyReturns: no seat waits for the owner whose account is closed, or whose room is ended, while he is on his way back.
func TestNobodyReturns(t *testing.T) {
	s := serveTest(t, waitYAML)
	enrolled(t, s, NewAccount{Name: "desk"})
	if _, err := s.CreateRoom(t.Context(), NewRoom{Name: "hut"}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		room  string
		close func() error
	}{
		{"hut", func() error { return s.DeleteRoom(t.Context(), "hut") }},
		{"open", func() error { return s.DeleteAccount(t.Context(), "desk") }},
	} {
		r, who := s.rooms.find(tt.room), gate.Who{Account: "desk"}
		first, back := newTenancy(s), newTenancy(s)
		if err := s.rooms.seat(t.Context(), tt.room, &seat{id: "s1", who: who}, first); err != nil {
			t.Fatal(err)
		}
		if err := r.do(t.Context(), func() { <-r.part(first, true) }); err != nil {
			t.Fatal(err)
		}
		if err := s.rooms.seat(t.Context(), tt.room, &seat{id: "s2", who: who}, back); err != nil || back.seat != first.seat {
			t.Fatalf("%s: the seat was not found again: %v", tt.room, err)
		}
		if err := tt.close(); err != nil {
			t.Fatal(err)
		}
		_ = r.do(t.Context(), func() { <-r.part(back, false) }) // a room that has closed has no seats
		if _, away := s.ledger.left(); away != 0 {
			t.Errorf("%s: a seat waits for nobody", tt.room)
		}
	}
}
