package server

import (
	"context"
	"time"

	"github.com/conclave/conclave/legs"
	"github.com/conclave/conclave/mixer"
	"github.com/conclave/conclave/server/gate"
)

// seat is one participant in a room. Its fields belong to the room's goroutine once the seat is taken.
type seat struct {
	id, display       string
	who               gate.Who
	transport, signal string // of the leg: "udp"; address of the signalling
	joined            time.Time
	muted, deaf       bool
	gainDB            float64
	mix               *mixer.Seat
	leg               *legs.Leg // nil until the call is confirmed
}

// occupancy is the owner of a leg: it brings the leg from the lobby to its seat and takes it away again.
type occupancy struct {
	server *Server
	room   *room
	seat   *seat
	lobby  *mixer.Seat // nil once the leg has its seat
	method string      // of the key agreement, for metrics
}

// Accepted implements legs.Owner; the join has entered the dialog into the server's table already.
func (o *occupancy) Accepted(*legs.Leg) {}

// Confirmed moves the stream from the lobby to the seat, where it is heard from the next tick.
func (o *occupancy) Confirmed(l *legs.Leg) {
	<-o.lobby.Leave()
	o.lobby = nil
	err := o.room.do(context.Background(), func() {
		o.seat.leg = l
		o.seat.mix.Attach(l.Stream())
	})
	if err != nil {
		o.server.log.Error("a confirmed leg found no room", "room", o.room.name, "leg", l.ID(), "err", err)
		_ = l.Hangup(context.Background(), "no_room")
		return
	}
	o.server.log.Info("seated", "room", o.room.name, "seat", o.seat.id, "account", o.seat.who.Account, "trunk", o.seat.who.Trunk, "method", o.method)
}

// Ended frees the seat, waits until the mixer has let go of the stream, and releases the leg.
func (o *occupancy) Ended(l *legs.Leg, e legs.Ending) {
	o.server.metrics.ended(e.Reason, l.Dialog().ID(), l.Stream().Snapshot())
	o.vacate(l)
	o.server.log.Info("left", "room", o.room.name, "seat", o.seat.id, "account", o.seat.who.Account, "trunk", o.seat.who.Trunk, "reason", e.Reason, "err", e.Err)
}

// vacate undoes what the join did, in reverse.
func (o *occupancy) vacate(l *legs.Leg) {
	if o.lobby != nil {
		<-o.lobby.Leave()
	}
	o.giveUpSeat()
	if l != nil {
		l.Release()
	}
	o.server.ledger.release(o.seat.who)
}

// giveUpSeat frees the seat and waits until no worker touches it.
func (o *occupancy) giveUpSeat() {
	var gone <-chan struct{}
	if err := o.room.do(context.Background(), func() { gone = o.room.leave(o.seat) }); err != nil {
		gone = o.seat.mix.Leave() // the room's goroutine has ended: nobody else owns the seat
	}
	<-gone
}
