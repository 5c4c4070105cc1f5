package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/mixer"
	"github.com/conclave/conclave/server/store"
)

// rooms is the table of the rooms that are open.
type rooms struct {
	cfg       *Config
	pool      *mixer.Pool
	log       *slog.Logger
	publish   func(Event)
	attendant *attendant
	isTaken   func(name string) bool // rooms and accounts share one name space
	draining  *atomic.Bool           // nobody new is taken
	ledger    *ledger                // of the seats that wait
	stop      chan struct{}
	wg        sync.WaitGroup
	mu        sync.Mutex
	open      map[string]*room
	kept      keptRooms
	stopping  bool
}

var (
	errNoRoom       = errors.New("server: no such room, and rooms are not made on demand")
	errTooManyRooms = errors.New("server: too many rooms")
)

func newRooms(cfg *Config, pool *mixer.Pool, kept store.Store, draining *atomic.Bool, counts *ledger, isTaken func(string) bool, publish func(Event), attend *attendant, log *slog.Logger) *rooms {
	t := &rooms{cfg: cfg, pool: pool, log: log, draining: draining, ledger: counts, isTaken: isTaken, publish: publish, attendant: attend, stop: make(chan struct{}), open: make(map[string]*room)}
	t.kept.store, t.kept.most = kept, int64(cfg.Limits.Rooms)
	for _, rc := range cfg.Rooms.Permanent {
		t.start(opening{RoomConfig: rc, permanent: true, created: time.Now()})
	}
	return t
}

// opening is what a room is opened with, and opened anew with where it fails.
type opening struct {
	RoomConfig
	permanent bool // it outlives its last seat
	stored    bool // it is kept in the store; what is permanent and not stored stands in the configuration
	created   time.Time
}

// keptRooms are the rooms that are kept in the store: they are open while they are empty too, and so have a limit of their own, beside those
// that come and go.
type keptRooms struct {
	store store.Store
	most  int64
	n     atomic.Int64
}

// keep has the store keep one more, where that may be.
func (k *keptRooms) keep(r store.Room) error {
	err := ErrTooManyKept
	if k.n.Add(1) <= k.most {
		err = roomError(k.store.CreateRoom(r))
	}
	if err != nil {
		k.n.Add(-1)
	}
	return err
}

// forget has the store keep one no longer.
func (k *keptRooms) forget(name string) error {
	if err := k.store.DeleteRoom(name); err != nil {
		return roomError(err)
	}
	k.n.Add(-1)
	return nil
}

// full says whether as many rooms are open as may be beside those that are kept; t.mu is held.
func (t *rooms) full() bool { return int64(len(t.open))-t.kept.n.Load() >= int64(t.cfg.Limits.Rooms) }

// start opens a room; t.mu is held, or nobody else knows t yet.
func (t *rooms) start(o opening) *room {
	r := &room{
		name: o.Name, emptyFor: t.cfg.Rooms.EmptyFor, seatWait: t.cfg.Rooms.SeatWait, created: o.created, log: t.log, publish: t.publish,
		attendant: t.attendant, kept: &t.kept, onDemand: t.cfg.Rooms.OnDemand, draining: t.draining, ledger: t.ledger, policies: t.cfg.Policies,
		mix:     t.pool.NewRoom(o.Name, mixer.RoomConfig{Loudest: t.cfg.Rooms.Loudest, Mixing: true}),
		mailbox: make(chan func(), roomMailbox), stop: t.stop, finished: make(chan struct{}), seats: make(map[string]*seat),
	}
	r.become(o)
	t.open[r.name] = r
	t.publish(Event{Type: EventRoomOpened, Room: r.name, Data: r.state()})
	t.wg.Go(func() { r.run(t.retire) })
	return r
}

// retire takes a room out of the table; it is called by the room's own goroutine. A permanent room that ends has failed, and is
// opened anew with the limits and the policy that are its own.
func (t *rooms) retire(r *room) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open[r.name] != r {
		return
	}
	delete(t.open, r.name)
	if r.permanent && !t.stopping {
		t.start(r.opening())
	}
}

// find returns the open room of that name, or nil.
func (t *rooms) find(name string) *room {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.open[name]
}

// enter returns the room of that name and makes it where the configuration lets the first caller do so.
func (t *rooms) enter(name string) (*room, error) {
	if r := t.find(name); r != nil {
		return r, nil
	}
	if !t.cfg.Rooms.OnDemand || t.isTaken(name) {
		return nil, errNoRoom
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if r := t.open[name]; r != nil {
		return r, nil
	}
	switch {
	case t.stopping:
		return nil, errRoomClosed
	case t.draining.Load():
		return nil, ErrDraining
	}
	if t.full() {
		return nil, errTooManyRooms
	}
	t.log.Info("room opened", "room", name)
	return t.start(opening{
		RoomConfig: RoomConfig{Name: name, Policy: t.cfg.Rooms.Policy, MaxSeats: t.cfg.Limits.SeatsPerRoom, Manners: t.cfg.Rooms.Manners},
		created:    time.Now(),
	}), nil
}

// seat reserves a seat for a leg in the room of that name: st, or the one that waits for its owner. It completes the tenancy.
func (t *rooms) seat(ctx context.Context, name string, st *seat, o *tenancy) error {
	for range 3 { // a room may retire between the look-up and the reservation; a second time in a row is no accident
		r, err := t.enter(name)
		if err != nil {
			return err
		}
		var refused error
		o.room = r
		err = r.do(ctx, func() { o.seat, refused = r.take(st, o) })
		if err = errors.Join(err, refused); errors.Is(err, errRoomClosed) {
			continue
		}
		if err != nil {
			return fmt.Errorf("room %s: %w", name, err)
		}
		return nil
	}
	return errRoomClosed
}

// policy is what a leg of the room must keep to, whether the room is open yet or not.
func (t *rooms) policy(name string) *keying.Policy {
	if r := t.find(name); r != nil {
		return r.policy.Load()
	}
	return t.cfg.Policies[t.cfg.Rooms.Policy]
}

// list returns the open rooms by name.
func (t *rooms) list() []*room {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]*room, 0, len(t.open))
	for _, r := range t.open {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b *room) int { return strings.Compare(a.name, b.name) })
	return all
}

// close ends all rooms and waits for their goroutines; the legs are gone by then.
func (t *rooms) close() {
	t.mu.Lock()
	t.stopping = true
	t.mu.Unlock()
	close(t.stop)
	t.wg.Wait()
}
