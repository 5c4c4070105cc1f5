package server

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs"
)

// Rooms returns a view of every open room, by name.
func (s *Server) Rooms(ctx context.Context) ([]RoomView, error) {
	var views []RoomView
	for _, r := range s.rooms.list() {
		if v, err := r.view(ctx); err == nil { // a room that closed meanwhile is no room
			views = append(views, v)
		}
	}
	return views, nil
}

// Room returns a view of one open room, or ErrUnknownRoom.
func (s *Server) Room(ctx context.Context, name string) (RoomView, error) {
	r := s.rooms.find(name)
	if r == nil {
		return RoomView{}, ErrUnknownRoom
	}
	v, err := r.view(ctx)
	if err != nil {
		return RoomView{}, ErrUnknownRoom
	}
	return v, nil
}

// Seats returns a view of every seat of a room in the order of joining, or ErrUnknownRoom.
func (s *Server) Seats(ctx context.Context, name string) ([]SeatView, error) {
	r := s.rooms.find(name)
	if r == nil {
		return nil, ErrUnknownRoom
	}
	var views []SeatView
	err := r.do(ctx, func() {
		for _, st := range r.seats {
			views = append(views, st.view(r.name))
		}
	})
	if err != nil {
		return nil, ErrUnknownRoom
	}
	slices.SortFunc(views, func(a, b SeatView) int {
		if c := a.JoinedAt.Compare(b.JoinedAt); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return views, nil
}

// Seat returns a view of one seat, or ErrUnknownRoom or ErrUnknownSeat.
func (s *Server) Seat(ctx context.Context, room, id string) (SeatView, error) {
	var v SeatView
	err := s.withSeat(ctx, room, id, func(st *seat) { v = st.view(room) })
	return v, err
}

// PatchSeat changes a seat from the next tick on and returns its new view.
func (s *Server) PatchSeat(ctx context.Context, room, id string, p SeatPatch, musts ...Must[SeatView]) (v SeatView, err error) {
	if p.Position != nil {
		if _, ok := p.Position.Place(); !ok {
			return v, fmt.Errorf("%w: a position is an azimuth, or x, y and z", ErrInvalid)
		}
	}
	posted := s.withSeat(ctx, room, id, func(st *seat) {
		if err = all(musts, st.view(room)); err != nil {
			return
		}
		st.patch(p)
		st.room.publish(st.about(EventSeatChanged))
		v = st.view(room)
	})
	return v, errors.Join(posted, err)
}

// HangUp ends the leg of a seat with a BYE, and a move of it; the seat is free once the mixer let go of it.
func (s *Server) HangUp(ctx context.Context, room, id string, musts ...Must[SeatView]) error {
	var leg *legs.Leg
	var unmet error
	away, moving := false, false
	err := s.withSeat(ctx, room, id, func(st *seat) {
		if unmet = all(musts, st.view(room)); unmet != nil {
			return
		}
		leg, moving = st.leg(), st.coming != nil && st.coming.move != nil
		st.coming.callOff()
		if away = st.away != nil; away {
			st.room.leave(st)
		}
	})
	switch {
	case err != nil, unmet != nil, away, moving && leg == nil:
		return errors.Join(err, unmet)
	case leg == nil:
		return fmt.Errorf("%w: the call is still being set up", ErrUnavailable)
	}
	if err := leg.Hangup(ctx, "hangup"); !errors.Is(err, legs.ErrEnded) {
		return err
	}
	return nil // it ended meanwhile, which is what was asked for
}

// withSeat runs f on a seat in its room's goroutine.
func (s *Server) withSeat(ctx context.Context, room, id string, f func(*seat)) error {
	r := s.rooms.find(room)
	if r == nil {
		return ErrUnknownRoom
	}
	found := false
	err := r.do(ctx, func() {
		if st := r.seats[id]; st != nil {
			found = true
			f(st)
		}
	})
	switch {
	case err != nil:
		return ErrUnknownRoom
	case !found:
		return ErrUnknownSeat
	}
	return nil
}

// patch applies what is asked; it runs in the room's goroutine.
func (st *seat) patch(p SeatPatch) {
	if p.Muted != nil {
		st.muted, st.held = *p.Muted, *p.Muted
	}
	if p.Deaf != nil {
		st.deaf = *p.Deaf
	}
	st.apply()
	if p.GainDB != nil {
		st.gainDB = *p.GainDB
		st.mix.SetGain(st.gainDB)
	}
	if p.Position != nil {
		if place, ok := p.Position.Place(); ok {
			st.position = &place
		}
	}
}

// view of a room, taken in its goroutine.
func (r *room) view(ctx context.Context) (v RoomView, err error) {
	err = r.do(ctx, func() { v = r.look() })
	return v, err
}

// look is the view; it runs in the room's goroutine.
func (r *room) look() RoomView {
	v := RoomView{
		Name: r.name, Policy: r.policy.Load().Name, Locked: r.locked, MaxSeats: r.maxSeats, PIN: r.pin != nil, Recorded: r.recorder != nil, Permanent: r.permanent,
		Keys: r.manners.Keys, Tones: r.manners.Tones, Prompts: r.manners.Prompts, Moderators: append([]string{}, r.moderatorList()...),
		Seats: len(r.seats), Speaking: []string{}, CreatedAt: r.created,
	}
	for _, st := range r.seats {
		if st.mix.Speaking() {
			v.Speaking = append(v.Speaking, st.id)
		}
		v.Weakest = weaker(v.Weakest, st.leg())
	}
	slices.Sort(v.Speaking)
	return v
}

// weaker returns the weaker of a keying found so far and that of a leg.
func weaker(w *WeakestView, l *legs.Leg) *WeakestView {
	if l == nil || l.Terms() == nil {
		return w
	}
	p := l.Terms().Posture
	this := &WeakestView{Method: string(p.Method), Suite: string(p.Suite), ForwardSecrecy: p.ForwardSecrecy}
	if w == nil || strength(this) < strength(w) {
		return this
	}
	return w
}

// strength orders keyings for weaker: without keys yet, as long as a handshake runs; keys that every proxy of the signalling
// reads (SDES); keys that a long-term key opens; forward secret ones; and within each the suite.
func strength(w *WeakestView) int {
	suites := keying.Suites() // strongest first
	at := slices.Index(suites, keying.Suite(w.Suite))
	if at < 0 {
		return 0
	}
	class := 2
	switch {
	case w.ForwardSecrecy:
		class = 3
	case keying.Method(w.Method) == keying.SDES:
		class = 1
	}
	return class*len(suites) + len(suites) - at
}

// view of a seat; it runs in the room's goroutine.
func (st *seat) view(room string) SeatView {
	v := SeatView{
		ID: st.id, Room: room, Account: st.who.Account, Trunk: st.who.Trunk, DisplayName: st.display, JoinedAt: st.joined,
		Waiting: string(st.waits), Hand: st.hand, Muted: st.muted, Deaf: st.deaf, GainDB: st.gainDB, Position: st.position, Speaking: st.mix.Speaking(), LevelDBFS: st.mix.LevelDBFS(),
	}
	leg := st.leg()
	if leg == nil || leg.Terms() == nil {
		return v
	}
	t, m := leg.Terms(), leg.Stream().Snapshot()
	v.Leg = &LegView{
		ID: leg.ID(), State: leg.State().String(), Transport: leg.Dialog().Transport(), SignallingAddr: leg.Dialog().RemoteSource().String(),
		MediaAddr: address(m.Remote), Codec: t.Codec,
		Keying:  keyingView(t),
		Quality: QualityView{LossPct: m.LossPct, JitterMS: m.JitterMS, RTTMS: m.RTTMS, MOS: m.MOS},
	}
	return v
}

// keyingView tells the posture of a leg.
func keyingView(t *legs.Terms) KeyingView {
	p := t.Posture
	v := KeyingView{
		Method: string(p.Method), Suite: string(p.Suite), Group: string(p.Group), ForwardSecrecy: p.ForwardSecrecy, CSBID: p.CSBID,
		Rekeys: t.Rekeys, Overdue: t.Overdue, PeerIdentity: p.PeerIdentity, PeerFingerprint: p.PeerFingerprint,
	}
	if p.Suite != "" { // there are keys to be of an age
		v.KeyAgeS = time.Since(p.Since).Seconds()
	}
	return v
}

// address writes an address, "" for one that is not known yet.
func address(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}
