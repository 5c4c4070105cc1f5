package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/conclave/conclave/legs"
)

// A move goes: the seat is promised to a new leg (promise), the leg is brought (dial.go, replace.go), it stands and hears the room
// beside the one that fills the seat (filled), its first authentic frame comes, the seat changes hands, and the old leg gets its BYE. Each
// move has one goroutine for that, which is a chore.

// promise makes a move of a seat, and the tenancy of the leg to come. It runs in the room's goroutine.
func (r *room) promise(s *Server, st *seat, way how, target string) (*tenancy, error) {
	switch {
	case r.seats[st.id] != st, r.closing:
		return nil, ErrUnknownSeat
	case st.coming != nil:
		return nil, ErrMovePending
	case st.who.Account == "":
		return nil, fmt.Errorf("%w: a trunk's caller has no devices", ErrNotMovable)
	case st.tenant == nil:
		return nil, fmt.Errorf("%w: its owner is away", ErrNotMovable)
	}
	o := newTenancy(s)
	o.room, o.seat, o.move = r, st, newMove(st, way, target)
	st.coming = o
	s.ledger.extra(st.who) // while the call that fills the seat is counted: a server that stops has not seen its last one yet
	return o, nil
}

// begin starts to carry out a move whose leg bring brings; nil: it is being brought. An error says that nothing came of it and nothing
// is left of it but for a call that has claimed the promise.
func (s *Server) begin(o *tenancy, bring func(context.Context) error, tell func(context.Context, error)) error {
	s.moves.add(o.move)
	s.publish(o.move.event(EventMoveBegun))
	if s.journeys.begin(func(ctx context.Context) { s.carry(ctx, o, bring, tell) }) {
		return nil
	}
	err := fmt.Errorf("%w: too many moves at a time", ErrUnavailable)
	s.concluded(o, 0, err)
	o.abandon()
	return err
}

// carry carries a move out.
func (s *Server) carry(ctx context.Context, o *tenancy, bring func(context.Context) error, tell func(context.Context, error)) {
	err := s.bridge(ctx, o, bring)
	var old *tenancy
	var gap time.Duration
	if err == nil {
		old, gap, err = o.swap()
	}
	s.concluded(o, gap, err)
	if err != nil {
		o.abandon()
	}
	if tell != nil { // before the BYE, which ends the dialog that it is told in
		tell(ctx, err)
	}
	if old != nil {
		_ = old.leg.Hangup(ctx, "moved") // ErrEnded: gone already
	}
}

// bridge brings the new leg and waits until it was heard. It ends at once where the move is called off.
func (s *Server) bridge(ctx context.Context, o *tenancy, bring func(context.Context) error) (err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(o.move.life, func() { cancel(context.Cause(o.move.life)) })()
	defer func() {
		switch { // why it ended, whatever else came of that
		case err == nil:
		case o.move.life.Err() != nil:
			err = context.Cause(o.move.life)
		case ctx.Err() != nil:
			err = context.Cause(ctx)
		}
	}()
	if bring != nil {
		if err := bring(ctx); err != nil {
			return err
		}
	}
	if err := o.until(ctx, o.filled, s.waits.Load().call, errNoCall); err != nil {
		return err
	}
	o.move.bridged()
	if err := o.until(ctx, o.leg.Stream().Heard(), s.waits.Load().heard, errNoMedia); err != nil {
		return err
	}
	if err := o.until(ctx, o.seat.mix.Turned(), s.waits.Load().turn, errSilent); !errors.Is(err, errSilent) {
		return err
	}
	return nil // it has proven itself, and says nothing: there is nothing to wait for
}

// until waits for something that the new leg brings about.
func (o *tenancy) until(ctx context.Context, happens <-chan struct{}, patience time.Duration, never error) error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-happens:
		return nil
	case <-o.gone:
		return errLegEnded
	case <-timer.C:
		return never
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// swap gives the seat to the new leg, and returns what was missing of its sound at the change.
func (o *tenancy) swap() (old *tenancy, gap time.Duration, err error) {
	done := false
	if err = o.room.do(context.Background(), func() { old, done = o.room.handOver(o) }); err != nil {
		return nil, 0, err
	}
	if !done {
		return nil, 0, errSeatGone
	}
	if o.move.how != byCall { // who is new was not missed before
		gap, _ = o.seat.mix.Handover()
	}
	return old, gap, nil
}

// concluded notes how a move ended.
func (s *Server) concluded(o *tenancy, gap time.Duration, err error) {
	m := o.move
	m.finish(gap, err)
	v := m.view()
	s.metrics.moved(m.how, v)
	s.publish(m.event("move." + v.State)) // EventMoveDone or EventMoveFailed
	s.log.Info("moved", "move", m.id, "room", m.room, "seat", m.seat, "account", m.account, "how", string(m.how), "state", v.State,
		"reason", v.Reason, "gap_ms", v.GapMS, "took_ms", time.Since(m.began).Milliseconds(), "err", err)
}

// abandon gives up a leg that did not get its seat. One that hears the room is ended; one that is being brought by somebody else unwinds by
// itself, at the latest when it would have its place; otherwise there is nothing but the promise.
func (o *tenancy) abandon() {
	mine := false
	var leg *legs.Leg
	drop := func() {
		o.dropped = true
		if !o.taken {
			mine, o.taken = true, true
		}
		if o.attached {
			leg = o.leg
		}
	}
	if err := o.room.do(context.Background(), drop); err != nil {
		drop() // the room has ended, and owns nothing any more
	}
	switch {
	case mine:
		o.vacate(false)
	case leg != nil:
		_ = leg.Hangup(context.Background(), "move_failed") // ErrEnded: gone already
	}
}
