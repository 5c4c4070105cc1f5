package server

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/mixer"
	"github.com/conclave/conclave/server/recording"
)

// room is one conference. Its goroutine owns its seats; everybody else speaks to it by do.
type room struct {
	name      string
	policy    atomic.Pointer[keying.Policy] // of new calls; changed by the room's goroutine
	emptyFor  time.Duration                 // how long a room made on demand outlives its last seat
	seatWait  time.Duration                 // how long a seat waits for its owner to come back
	created   time.Time
	mix       *mixer.Room
	log       *slog.Logger
	publish   func(Event)
	attendant *attendant
	policies  map[string]*keying.Policy // of the configuration
	draining  *atomic.Bool              // the server's
	ledger    *ledger                   // likewise
	kept      *keptRooms                // the table's
	onDemand  bool                      // whoever calls the name of a room that has closed opens it anew

	mailbox  chan func()
	stop     chan struct{} // closed by the table when the server ends
	finished chan struct{} // closed when the goroutine has ended

	// Owned by the room's goroutine.
	seats      map[string]*seat
	permanent  bool // it outlives its last seat
	stored     bool // kept in the store
	manners    Manners
	locked     bool
	maxSeats   int
	pin        pin
	moderators map[string]bool     // accounts; none: the room waits for nobody
	recorder   *recording.Recorder // nil: it is not recorded
	listener   *mixer.Seat         // of the recorder
	closing    bool                // its end was told: it takes nobody any more, and ends with its last seat

	rosterMu sync.Mutex // held while a roster is made
	roster   *roster    // the last one; guarded by rosterMu

	occupied atomic.Int64 // number of seats, for whoever only wants to count
}

// errRoomClosed says that the room ended before it took the command; look the name up again.
var errRoomClosed = errors.New("server: the room has closed")

// run is the room's goroutine. retire is called when the room ends by itself: an empty one made on demand has lived long
// enough, or the mixer lost the room.
func (r *room) run(retire func(*room)) {
	defer close(r.finished)
	defer r.mix.Close()
	defer func() {
		for _, st := range r.seats {
			st.stay()
			st.calm()
		}
	}()
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
			if r.closing && len(r.seats) == 0 {
				r.log.Info("room closed", "room", r.name)
				return
			}
		case <-idle.C:
			if r.permanent || r.closing || len(r.seats) > 0 {
				continue
			}
			r.over("empty")
			retire(r) // from here on nobody finds the room by name
			r.log.Info("room closed", "room", r.name)
			return
		case <-r.mix.Failed(): // its legs would hear nothing any more; they may call again
			r.clear()
			r.over("failed")
			retire(r)
			r.log.Error("room failed", "room", r.name, "seats", len(r.seats))
			return
		case <-r.stop:
			r.over("server_stop")
			return
		}
	}
}

// clear ends the calls of all seats, and those that come to them, of a room that has failed.
func (r *room) clear() {
	for _, st := range r.seats {
		st.stay()
		st.calm()
		st.coming.callOff()
		if leg := st.leg(); leg != nil {
			_ = leg.Hangup(context.Background(), "room_failed") // ErrEnded: gone already
		}
	}
}

// over tells that the room ends, with the seats that are left, before another of its name can be opened.
func (r *room) over(reason string) {
	if r.closing {
		return
	}
	r.closing = true
	r.unrecord(nil, "room_closed")
	for _, st := range r.seats {
		r.left(st)
	}
	last := r.state()
	last.Reason = reason
	r.publish(Event{Type: EventRoomClosed, Room: r.name, Data: last})
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
	}
	select {
	case <-done: // the last thing that it did
		return nil
	default:
		return errRoomClosed
	}
}

// post hands f to the room's goroutine and does not wait until it is done.
func (r *room) post(f func()) error {
	timer := time.NewTimer(roomPatience)
	defer timer.Stop()
	select {
	case r.mailbox <- f:
		return nil
	case <-r.finished:
		return errRoomClosed
	case <-timer.C:
		return context.DeadlineExceeded
	}
}

var (
	errRoomLocked = errors.New("server: the room is locked")
	errRoomFull   = errors.New("server: the room is full")
)
