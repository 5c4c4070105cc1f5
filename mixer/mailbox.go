package mixer

import "slices"

// command is what a goroutine wants changed in a room between two ticks.
type command struct {
	verb  verb
	seat  *Seat
	port  Port
	clips []*Clip
	first bool          // the clips take the place of those that wait
	done  chan struct{} // closed once the command took effect; of verbPlay, once the clips are over
}

type verb uint8

const (
	verbJoin verb = iota
	verbAttach
	verbDetach
	verbLeave
	verbPlay
	verbClose
)

// post puts a command into the mailbox; in a room that has ended the command is complete at once.
func (r *Room) post(c command) {
	r.mu.Lock()
	ended := r.ended
	if !ended {
		r.mailbox = append(r.mailbox, c)
		r.waiting.Store(true)
	}
	r.mu.Unlock()
	switch {
	case ended:
		close(c.done)
	case r.asleep.CompareAndSwap(true, false):
		r.pool.rouse()
	}
}

// sleep has the clock pass over a room in which nobody is and nothing plays, until something is posted; what was heard there is forgotten. It says
// whether the room sleeps.
func (r *Room) sleep() bool {
	if len(r.seats) > 0 || r.announcer.n > 0 {
		return false
	}
	r.asleep.Store(true)
	if r.waiting.Load() { // posted meanwhile, perhaps by somebody who saw a room awake; the clock may have seen one that sleeps
		r.asleep.Store(false)
		r.pool.rouse()
		return false
	}
	r.done, r.waited = 0, 0
	r.heeded, r.waitlist, r.jobs, r.told = nil, nil, nil, saying{}
	if r.mixing {
		r.setRate(r.rate)
	}
	return true
}

// awake says whether ticks are due.
func (r *Room) awake() bool { return !r.asleep.Load() }

// empty makes the posted commands take effect and says whether the room goes on. A command counts as taken before it is carried
// out, so that one that panics is completed by retire.
func (r *Room) empty() bool {
	if !r.waiting.Load() {
		return true
	}
	r.mu.Lock()
	r.mailbox, r.spare = r.spare[:0], r.mailbox
	r.waiting.Store(false)
	r.mu.Unlock()
	for i, c := range r.spare {
		if c.verb == verbClose {
			r.spare = r.spare[i:]
			return false
		}
		if r.apply(c); c.verb != verbPlay {
			close(c.done)
		}
		r.spare[i] = command{}
	}
	r.spare = r.spare[:0]
	r.stale = true
	return true
}

// apply carries one command out. Commands for seats that are not in the room (any more) have nothing to do.
func (r *Room) apply(c command) {
	i := slices.Index(r.seats, c.seat)
	switch {
	case c.verb == verbPlay:
		r.start(c, i >= 0)
	case c.verb == verbJoin && i < 0:
		r.seats = append(r.seats, c.seat)
	case i < 0:
	case c.verb == verbAttach:
		c.seat.attach(c.port)
	case c.verb == verbDetach:
		c.seat.detach(c.port)
	case c.verb == verbLeave:
		r.dismiss(c.seat)
		r.seats = slices.Delete(r.seats, i, i+1)
		r.recount()
	}
}

// retire ends the room and completes every command that was posted, also those that a panic interrupted. It is called by the room's
// worker, or when no worker can have the room.
func (r *Room) retire(err error) {
	r.mu.Lock()
	if r.ended {
		r.mu.Unlock()
		return
	}
	r.ended, r.err = true, err
	left := append(r.spare, r.mailbox...)
	r.mailbox, r.spare = nil, nil
	r.mu.Unlock()

	for _, s := range r.seats {
		r.pool.legs.Add(-int64(len(s.feeds)))
		s.hush()
		s.announcer.stop()
	}
	r.announcer.stop()
	r.release()
	r.pool.forget(r)
	for _, c := range left {
		if c.done != nil {
			close(c.done)
		}
	}
	close(r.gone)
}

// release lets go of everything that the ticks needed.
func (r *Room) release() {
	r.seats, r.mix, r.waitlist, r.free, r.voices, r.sum, r.aside, r.heeded, r.jobs = nil, nil, nil, nil, nil, nil, nil, nil, nil
	r.full, r.aloud = bus{}, aloud{}
}
