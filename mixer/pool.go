package mixer

import (
	"errors"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// ErrStopped is why a room ended when its pool stopped.
var ErrStopped = errors.New("mixer: pool stopped")

// ErrRunning is returned by Run when the pool runs or ran already.
var ErrRunning = errors.New("mixer: pool runs or ran already")

// Config is what a pool is made from. The zero Config is ready to use.
type Config struct {
	// Workers is how many goroutines tick rooms; 0 means one per core.
	Workers int
	// Log takes the rare events: a failed room, shedding. nil discards them.
	Log *slog.Logger
}

// Pool is the clock and the workers that tick rooms. All methods are for any goroutine.
type Pool struct {
	workers  int                 // set once in NewPool
	log      *slog.Logger        // set once in NewPool
	queue    chan *Room          // from the clock to the workers
	wake     chan struct{}       // to the clock, which may sleep for long: a room is awake
	calls    chan *Room          // large rooms that could do with help; a call that nobody has time for is dropped
	nap      func(time.Duration) // how the clock sleeps; another in tests with a time of their own
	silences silences            // cached encodings of silence, for any worker
	count    counters            // atomics
	meter    meter               // written by the clock
	legs     atomic.Int64        // ports attached to seats, in all rooms

	mu    sync.Mutex         // guards state, held and the writing of slots; taken between ticks only
	state poolState          // guarded by mu
	held  [slotsPerTick]int  // rooms per slot, guarded by mu
	slots [slotsPerTick]slot // read by the clock without a lock
	epoch time.Time          // when tick 0 of slot 0 is due; set anew in Run before the workers start
}

// Procs is the GOMAXPROCS that a program should set which ticks rooms on some cores beside other work, such as Diffie-Hellman. With as
// many processors as cores, goroutines that compute keep them all, and a tick waits for the end of a scheduling slice of 10 ms;
// with more, a processor is idle when the tick is due, and the kernel, which slices finer, runs it soon. Ticks 10 ms or more
// late beside one computing goroutine per core, three alternating runs on a shared machine of two cores: 44 to 57 % with one
// processor per core, 0.2 to 7 % with two.
func Procs(cores int) int { return procsPerCore * cores }

// slot is the rooms that start their tick at the same time: a list that is replaced, never changed.
type slot struct{ rooms atomic.Pointer[[]*Room] }

type poolState uint8

const (
	poolIdle poolState = iota
	poolRunning
	poolStopped
)

// NewPool makes a pool. No room is ticked before Run.
func NewPool(c Config) *Pool {
	if c.Workers <= 0 {
		c.Workers = min(runtime.NumCPU(), runtime.GOMAXPROCS(0))
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	p := &Pool{
		workers: c.Workers, log: c.Log, nap: nap, epoch: time.Now(),
		queue: make(chan *Room, queueLength), calls: make(chan *Room, c.Workers), wake: make(chan struct{}, 1),
	}
	p.meter.begin(c.Workers)
	return p
}

// NewRoom makes a room and schedules it. In a pool that stopped the room is ended from the start.
func (p *Pool) NewRoom(name string, c RoomConfig) *Room {
	r := newRoom(p, name, c)
	p.mu.Lock()
	stopped := p.state == poolStopped
	if !stopped {
		r.slot = p.place()
		p.replace(r.slot, func(old []*Room) []*Room { return append(old, r) })
	}
	p.mu.Unlock()
	if stopped {
		r.retire(ErrStopped)
	}
	return r
}

// place is the slot of a new room: the first that has few, so that a small server wakes up seldom, else the one that has fewest.
// Called with mu held.
func (p *Pool) place() int {
	best := slotOrder[0]
	for _, i := range slotOrder {
		if p.held[i] < slotFill {
			return i
		}
		if p.held[i] < p.held[best] {
			best = i
		}
	}
	return best
}

// replace puts a changed copy of a slot's list in the place of the list. Called with mu held.
func (p *Pool) replace(i int, change func([]*Room) []*Room) {
	var list []*Room
	if old := p.slots[i].rooms.Load(); old != nil {
		list = append(list, *old...)
	}
	list = change(list)
	p.held[i] = len(list)
	p.slots[i].rooms.Store(&list)
}

// forget takes an ended room off the schedule.
func (p *Pool) forget(r *Room) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.replace(r.slot, func(list []*Room) []*Room {
		kept := list[:0]
		for _, other := range list {
			if other != r {
				kept = append(kept, other)
			}
		}
		return kept
	})
}

// scheduled is every room on the schedule.
func (p *Pool) scheduled() []*Room {
	var all []*Room
	for i := range p.slots {
		if list := p.slots[i].rooms.Load(); list != nil {
			all = append(all, *list...)
		}
	}
	return all
}
