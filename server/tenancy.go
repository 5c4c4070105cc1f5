package server

import (
	"context"

	"github.com/conclave/conclave/legs"
	"github.com/conclave/conclave/mixer"
	"github.com/conclave/conclave/server/traces"
)

// tenancy is the owner of a leg: it brings the leg from the lobby to its seat, and takes it away again. A seat has one, and a second
// one during a move.
type tenancy struct {
	server *Server
	room   *room
	seat   *seat
	leg    *legs.Leg     // set before its dialog is known; of a call of ours the last that was tried
	lobby  *mixer.Seat   // nil once the leg has its place in the seat
	method string        // of the key agreement, for metrics
	move   *move         // that brings the leg; nil: none does
	setup  *traces.Setup // of a call that we answer
	called bool          // the call is ours

	filled chan struct{} // closed when the leg stands and hears the room
	gone   chan struct{} // closed when the leg has ended, or is given up

	// Owned by the room's goroutine.
	returning bool // the seat waited for its owner when the leg was begun, or would by now
	attached  bool // the leg's stream is a port of the seat
	taken     bool // of a move: somebody brings the leg, who also unwinds what fails
	dropped   bool // of a move: it has failed
}

// Who gives a seat up while it moves has the move end: the device that is rung, or stands, is sent away. It runs in the room's goroutine.
func (o *tenancy) callOff() {
	if o != nil && o.move != nil {
		o.move.callOff(errSeatGone)
	}
}

func newTenancy(s *Server) *tenancy {
	return &tenancy{server: s, filled: make(chan struct{}), gone: make(chan struct{})}
}

// Accepted implements legs.Owner. The dialog is in the server's table already. A call of ours stands now.
func (o *tenancy) Accepted(l *legs.Leg) {
	if !o.called {
		o.setup.Step("ack")
		return
	}
	o.method = string(l.Terms().Posture.Method)
	o.seated()
}

// Confirmed moves the stream from the lobby to the seat, where it is heard from the next tick.
func (o *tenancy) Confirmed(*legs.Leg) {
	<-o.lobby.Leave()
	o.lobby = nil
	o.seated()
	o.setup.End(200, "")
}

// seated has the leg hear the room.
func (o *tenancy) seated() {
	// Who closes an account ends the calls that are known, which one of ours is from now on: it has to look for itself.
	dropped := o.called && o.server.accounts.enabled(o.seat.who.Account) == nil
	ended := false
	err := o.room.do(context.Background(), func() {
		o.taken = true // the leg unwinds by itself
		if ended = o.room.closing; ended {
			return
		}
		if dropped = dropped || o.dropped; !dropped {
			o.room.fill(o)
		}
	})
	switch {
	case err != nil:
		if !o.taken {
			o.taken = true
		}
		o.server.log.Error("a confirmed leg found no room", "room", o.room.name, "leg", o.leg.ID(), "err", err)
		_ = o.leg.Hangup(context.Background(), "no_room")
		return
	case ended:
		_ = o.leg.Hangup(context.Background(), "room_ended")
		return
	case dropped:
		_ = o.leg.Hangup(context.Background(), "move_failed")
		return
	}
	close(o.filled)
	o.server.stands(o.leg)
	o.server.log.Info("seated", "room", o.room.name, "seat", o.seat.id, "account", o.seat.who.Account, "trunk", o.seat.who.Trunk, "method", o.method)
}

// Ended takes the leg from its seat, waits until the mixer has let go of the stream, and releases it.
func (o *tenancy) Ended(l *legs.Leg, e legs.Ending) {
	o.setup.End(200, e.Reason) // before it stood
	o.server.metrics.ended(e.Reason, l.Dialog().ID(), l.Stream().Snapshot())
	o.server.publish(o.legState(l, "ended", e.Reason))
	o.vacate(mayReturn(e.Reason))
	o.server.log.Info("left", "room", o.room.name, "seat", o.seat.id, "account", o.seat.who.Account, "trunk", o.seat.who.Trunk, "reason", e.Reason, "err", e.Err)
}

// mayReturn tells a leg that was lost from one that somebody ended: the owner of its seat did not mean to go.
func mayReturn(reason string) bool {
	return reason == "media_timeout" || reason == "signalling_lost" || reason == "session_expired"
}

// vacate undoes what the join did, in reverse. lost: the owner did not mean to go, so that a seat which is left without a leg is kept
// for him.
func (o *tenancy) vacate(lost bool) {
	if o.lobby != nil {
		<-o.lobby.Leave()
	}
	var gone <-chan struct{}
	if err := o.room.do(context.Background(), func() { gone = o.room.part(o, lost) }); err != nil {
		gone = o.seat.mix.Leave() // the room's goroutine has ended: nobody else owns the seat
	}
	<-gone
	if o.leg != nil {
		o.leg.Release()
	}
	o.server.ledger.release(o.seat.who)
	close(o.gone)
}
