package admin

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/conclave/conclave/server"
)

func (f *fake) Seats(_ context.Context, room string) ([]server.SeatView, error) {
	if err := f.enter(); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.open(room) {
		return nil, server.ErrUnknownRoom
	}
	return slices.Clone(f.seats), nil
}

// open says whether the room with the seats is there; mu is held.
func (f *fake) open(room string) bool {
	return room == "demo" && slices.ContainsFunc(f.rooms, func(r server.RoomView) bool { return r.Name == room })
}

func (f *fake) with(room, id string, change func(*server.SeatView)) (server.SeatView, error) {
	if err := f.enter(); err != nil {
		return server.SeatView{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.open(room) {
		return server.SeatView{}, server.ErrUnknownRoom
	}
	for i := range f.seats {
		if f.seats[i].ID == id {
			change(&f.seats[i])
			return f.seats[i], nil
		}
	}
	return server.SeatView{}, server.ErrUnknownSeat
}

func (f *fake) Seat(_ context.Context, room, id string) (server.SeatView, error) {
	return f.with(room, id, func(*server.SeatView) {})
}

func (f *fake) PatchSeat(ctx context.Context, room, id string, p server.SeatPatch, musts ...server.Must[server.SeatView]) (server.SeatView, error) {
	if v, err := f.Seat(ctx, room, id); err != nil || must(musts, v) != nil {
		return server.SeatView{}, cmp.Or(err, must(musts, v))
	}
	return f.with(room, id, func(s *server.SeatView) {
		if p.Muted != nil {
			s.Muted = *p.Muted
		}
		if p.Deaf != nil {
			s.Deaf = *p.Deaf
		}
		if p.GainDB != nil {
			s.GainDB = *p.GainDB
		}
		if p.Position != nil {
			place, _ := p.Position.Place()
			s.Position = &place
		}
	})
}

func (f *fake) Rekey(_ context.Context, room, id string) error { return f.change(room, id) }

func (f *fake) Reinvite(_ context.Context, room, id string) error { return f.change(room, id) }

// MoveSeat goes well where the target is a phone of the seat's account.
func (f *fake) MoveSeat(_ context.Context, room, id string, ask server.MoveRequest) (server.MoveView, error) {
	v, err := f.with(room, id, func(*server.SeatView) {})
	if err == nil && !strings.HasPrefix(ask.Target, "sip:"+v.Account+"@") {
		err = server.ErrNotADevice
	}
	return server.MoveView{ID: "m1", Room: room, Seat: id, Account: v.Account, Target: ask.Target, How: "invite", State: "inviting"}, err
}

// CallOut knows one device.
func (f *fake) CallOut(_ context.Context, room string, ask server.CallRequest) (server.MoveView, error) {
	if err := f.enter(); err != nil {
		return server.MoveView{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case !f.open(room):
		return server.MoveView{}, server.ErrUnknownRoom
	case ask.URI != "sip:bob@test":
		return server.MoveView{}, server.ErrNotADevice
	}
	return server.MoveView{ID: "m2", Room: room, Seat: "s8", Account: "bob", Target: ask.URI, How: "dial", State: "inviting"}, nil
}

func (f *fake) Move(id string) (server.MoveView, error) {
	if err := f.enter(); err != nil {
		return server.MoveView{}, err
	}
	if id != "m1" {
		return server.MoveView{}, server.ErrUnknownMove
	}
	return server.MoveView{ID: id, Room: "demo", State: "done"}, nil
}

// change is of a call that stands, and counts as a change of its keys.
func (f *fake) change(room, id string) error {
	up := true
	_, err := f.with(room, id, func(s *server.SeatView) {
		if up = s.Leg != nil; up {
			s.Leg.Keying.Rekeys++
		}
	})
	if !up {
		return fmt.Errorf("%w: the call is still being set up", server.ErrUnavailable)
	}
	return err
}

func (f *fake) HangUp(ctx context.Context, room, id string, musts ...server.Must[server.SeatView]) error {
	v, err := f.Seat(ctx, room, id)
	if err = cmp.Or(err, must(musts, v)); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seats = slices.DeleteFunc(f.seats, func(s server.SeatView) bool { return s.ID == id })
	return nil
}
