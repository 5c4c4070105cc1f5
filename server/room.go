package server

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/mixer"
)

// room is one conference. Its goroutine owns its seats; everybody else speaks to it by do.
type room struct {
	name      string
	policy    *keying.Policy
	permanent bool
	emptyFor  time.Duration // how long a room made on demand outlives its last seat
	created   time.Time
	mix       *mixer.Room
	log       *slog.Logger

	mailbox  chan func()
	stop     chan struct{} // closed by the table when the server ends
	finished chan struct{} // closed when the goroutine has ended

	// Owned by the room's goroutine.
	seats    map[string]*seat
	locked   bool
	maxSeats int

	occupied atomic.Int64 // number of seats, for whoever only wants to count
}

// errRoomClosed says that the room ended before it took the command; look the name up again.
var errRoomClosed = errors.New("server: the room has closed")

// run is the room's goroutine. retire is called when the room ends by itself: an empty one made on demand has lived long
// enough, or the mixer lost the room.
func (r *room) run(retire func(*room)) {
	defer close(r.finished)
	defer r.mix.Close()
	idle := time.NewTimer(r.emptyFor)
	defer idle.Stop()
	for {
		select {
		case do := <-r.mailbox:
			before := len(r.seats)
			do()
			r.occupied.Store(int64(len(r.seats)))
			if before > 0 && len(r.seats) == 0 {
				idle.Reset(r.emptyFor)
			}
		case <-idle.C:
			if r.permanent || len(r.seats) > 0 {
				continue
			}
			retire(r) // from here on nobody finds the room by name
			r.log.Info("room closed", "room", r.name)
			return
		case <-r.mix.Failed(): // its legs would hear nothing any more; they may call again
			for _, st := range r.seats {
				if st.leg != nil {
					_ = st.leg.Hangup(context.Background(), "room_failed") // ErrEnded: gone already
				}
			}
			retire(r)
			r.log.Error("room failed", "room", r.name, "seats", len(r.seats))
			return
		case <-r.stop:
			return
		}
	}
}

// do runs f in the room's goroutine and waits for it.
func (r *room) do(ctx context.Context, f func()) error {
	ctx, cancel := context.WithTimeout(ctx, roomPatience)
	defer cancel()
	done := make(chan struct{})
	select {
	case r.mailbox <- func() { defer close(done); f() }:
	case <-r.finished:
		return errRoomClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-done:
		return nil
	case <-r.finished:
		return errRoomClosed
	}
}

// take reserves a seat. It runs in the room's goroutine.
func (r *room) take(st *seat) error {
	switch {
	case r.locked:
		return errRoomLocked
	case len(r.seats) >= r.maxSeats:
		return errRoomFull
	}
	st.mix = r.mix.Join(mixer.SeatConfig{})
	r.seats[st.id] = st
	return nil
}

// leave frees a seat; the channel is closed once the mixer touches its ports no more. It runs in the room's goroutine.
func (r *room) leave(st *seat) <-chan struct{} {
	delete(r.seats, st.id)
	return st.mix.Leave()
}

var (
	errRoomLocked = errors.New("server: the room is locked")
	errRoomFull   = errors.New("server: the room is full")
)
