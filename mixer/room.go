package mixer

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/conclave/conclave/mixer/codec"
)

// RoomConfig says how a room mixes.
type RoomConfig struct {
	// Loudest is how many speaking seats are mixed at once; 0 means DefaultLoudest.
	Loudest int
	// Mixing is false for the lobby: Next is called, so that ports drain, and nothing is sent.
	Mixing bool
}

// Room is a conference as audio. Its exported methods are for any goroutine; they post to the mailbox, which the room's
// worker empties between two ticks. Before the pool runs, commands wait for it; after the room ended they complete at once.
type Room struct {
	name    string        // set once in newRoom
	loudest int           // set once in newRoom
	mixing  bool          // set once in newRoom
	pool    *Pool         // set once in newRoom
	slot    int           // set once in NewRoom, before the room is scheduled
	failed  chan struct{} // closed when a tick panicked
	gone    chan struct{} // closed when no worker will touch the room again

	due    atomic.Uint64 // the latest tick due plus one, stored by the clock
	queued atomic.Bool   // the room waits for a worker or is being ticked
	took   atomic.Int64  // ns that its last tick took
	asleep atomic.Bool   // nobody is in it and nothing is posted: no tick is due until something is

	mu      sync.Mutex  // guards the mailbox; taken between ticks only
	mailbox []command   // guarded by mu
	ended   bool        // guarded by mu; no tick will come
	err     error       // guarded by mu; why it ended
	waiting atomic.Bool // the mailbox is not empty

	// Everything below belongs to the worker of the tick.
	spare     []command // the other mailbox, swapped in
	seats     []*Seat   // in order of joining
	done      uint64    // the last tick done plus one; 0 before the first
	steps     uint64    // the running step, from 1: continuity of codecs and history is counted in steps, as ticks may be skipped
	stale     bool      // a format or a membership changed: the mix rate must be judged again
	rate      int       // mix rate, Hz
	samples   int       // per frame at that rate
	highFor   int       // steps since a higher rate than needed is kept
	mix       []*Seat   // seats in the mix, in order of entering
	now       Tick      // the running tick
	heeded    []*Seat   // seats whose frames are decoded, this tick
	waitlist  []*Seat   // seats that speak and are not in the mix, this tick
	jobs      []job     // packets to be made, this tick
	voices    [][]int32 // one buffer per place in the mix
	sum       []int32   // the full bus before its limiter
	aside     []int32   // for one more voice, or one more sum
	told      saying    // what the room is told in this tick
	telling   int       // seats that something is said to
	full      bus
	aloud     aloud
	free      []*bus // minus buses to use again
	crew      crew
	announcer announcer
	tally     tally
	waited    time.Duration // for helpers, in this tick
	marked    time.Duration // since the pool's epoch: the end of the last stage
}

func newRoom(p *Pool, name string, c RoomConfig) *Room {
	if c.Loudest <= 0 {
		c.Loudest = DefaultLoudest
	}
	r := &Room{
		name: name, pool: p, mixing: c.Mixing, loudest: min(c.Loudest, maxLoudest),
		failed: make(chan struct{}), gone: make(chan struct{}), stale: true,
	}
	r.asleep.Store(true)
	r.crew.left = make(chan struct{}, 1)
	if c.Mixing {
		r.setRate(codec.Format{}.NeededRate())
	}
	return r
}

// Name is the name the room was made with.
func (r *Room) Name() string { return r.name }

// Join makes a seat. It is part of the room from the next tick.
func (r *Room) Join(c SeatConfig) *Seat {
	s := newSeat(r, c)
	r.post(command{verb: verbJoin, seat: s, done: make(chan struct{})})
	return s
}

// Close ends the room between two ticks. The returned channel is closed once no worker will touch any of its ports again.
func (r *Room) Close() <-chan struct{} {
	r.post(command{verb: verbClose, done: make(chan struct{})})
	return r.gone
}

// Failed is closed when a tick of this room panicked. The room has ended then, without touching the others: its seats are heard
// no more and its detachments are complete.
func (r *Room) Failed() <-chan struct{} { return r.failed }

// Gone is closed when the room has ended for whatever reason; Err then says why.
func (r *Room) Gone() <-chan struct{} { return r.gone }

// Err is why the room ended: nil while it lives and after Close, ErrStopped, or an error that wraps ErrPanic.
func (r *Room) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}
