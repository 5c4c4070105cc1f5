package server

import (
	"context"
	"errors"
	"fmt"

	"github.com/conclave/conclave/legs"
)

// Results of a change of keys: the closed set of the metric's label.
const (
	rekeyDone    = "done"
	rekeyRefused = "refused" // one side would not have it
	rekeyFailed  = "failed"
)

// Rekey has the call of a seat change its keys. It returns once that is under way; what comes of it is counted (rekeyed).
func (s *Server) Rekey(ctx context.Context, room, id string) error {
	return s.change(ctx, room, id, "rekey", (*legs.Leg).Rekey)
}

// Reinvite sends a re-INVITE in the call of a seat that leaves its keys: where MIKEY runs, one that proves who the peer is.
// It returns once that is under way.
func (s *Server) Reinvite(ctx context.Context, room, id string) error {
	return s.change(ctx, room, id, "reinvite", (*legs.Leg).Reinvite)
}

// change begins a change within a call that stands.
func (s *Server) change(ctx context.Context, room, id, what string, how func(*legs.Leg, context.Context) error) error {
	var leg *legs.Leg
	if err := s.withSeat(ctx, room, id, func(st *seat) { leg = st.leg() }); err != nil {
		return err
	}
	if leg == nil {
		return fmt.Errorf("%w: the call is still being set up", ErrUnavailable)
	}
	begun := s.chores.begin(func(ctx context.Context) {
		if err := how(leg, ctx); err != nil && !errors.Is(err, legs.ErrEnded) {
			s.log.Info("a change within a call failed", "what", what, "room", room, "seat", id, "leg", leg.ID(), "err", err)
		}
	})
	if !begun {
		return fmt.Errorf("%w: too many changes at a time", ErrUnavailable)
	}
	return nil
}

// rekeyed counts a change of keys, whichever side and whatever began it (legs.Line.OnRekey).
func (s *Server) rekeyed(l *legs.Leg, ours bool, err error) {
	result := resultOf(ours, err)
	s.metrics.rekeyed(result)
	if c := s.calls.find(l.Dialog().ID()); c != nil {
		e := whose(c)
		e.Type, e.Data = EventLegRekeyed, Rekeyed{l.ID(), ours, result}
		s.publish(e)
	}
	s.log.Debug("keys changed", "leg", l.ID(), "ours", ours, "result", result, "err", err)
}

// shaken tells that a call has its first keys by a handshake (legs.Line.OnShaken).
func (s *Server) shaken(l *legs.Leg) {
	if c := s.calls.find(l.Dialog().ID()); c != nil {
		s.publish(c.tenancy.legState(l, "keyed", ""))
	}
}

// onHold tells that a leg went on hold, or came back (legs.Line.OnHold).
func (s *Server) onHold(l *legs.Leg, held bool) {
	c := s.calls.find(l.Dialog().ID())
	if c == nil {
		return // it is ending
	}
	state := legs.Confirmed
	if held {
		state = legs.Held
	}
	s.publish(c.tenancy.legState(l, state.String(), ""))
}

// resultOf tells a refusal, by either side, from a failure.
func resultOf(ours bool, err error) string {
	var theirs *legs.Refused
	switch {
	case err == nil:
		return rekeyDone
	case !ours || errors.As(err, &theirs):
		return rekeyRefused
	default:
		return rekeyFailed
	}
}
