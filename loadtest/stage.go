package loadtest

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// stage is the common time of a swarm: everything that talkers and listeners do together follows from it by arithmetic, so
// that they need not speak to each other. Time is cut into slots. In each slot a room has one set of talkers, one mark is
// made and timed, and every listener fills one window of its ear.
type stage struct {
	start time.Time
	work  chan job
	wg    sync.WaitGroup

	mu         sync.Mutex
	ears, adds []time.Duration
}

// job is a window to analyse, away from the clock.
type job struct {
	c  *senses
	do func()
}

func newStage() *stage {
	s := &stage{start: time.Now(), work: make(chan job, analysisQueue)}
	for range max(1, runtime.GOMAXPROCS(0)/2) {
		s.wg.Go(func() {
			for j := range s.work {
				j.do()
				j.c.busy.Store(false)
			}
		})
	}
	return s
}

// close waits for the analysts; nobody is ticked any more.
func (s *stage) close() {
	close(s.work)
	s.wg.Wait()
}

// analyse hands a full window to the analysts; the call neither opens an ear nor starts a stopwatch meanwhile. When the
// analysts are behind, the window is dropped: there is one in every slot.
func (s *stage) analyse(c *senses, do func()) {
	c.busy.Store(true)
	select {
	case s.work <- job{c, do}:
	default:
		c.busy.Store(false)
	}
}

func (s *stage) since(t time.Time) time.Duration { return t.Sub(s.start) }

// slot is the number of the slot at a time since the start.
func (s *stage) slot(at time.Duration) int64 { return int64(at / slotLength) }

// markDue says whether the mark of the slot is due, and which slot that is.
func (s *stage) markDue(at time.Duration) (slot int64, due bool) {
	within := at % slotLength
	return s.slot(at), within >= markAt && within < markAt+markPatience
}

// timeDue says whether stopwatches start: a little before the mark, so that none is missed.
func (s *stage) timeDue(at time.Duration) bool {
	within := at % slotLength
	return within >= markAt-tickLength && within < markAt
}

// earDue says whether a listener's window may open; listeners are spread, so that the analysts are not stormed.
func (s *stage) earDue(at time.Duration, number int) bool {
	from := earAt + time.Duration(number%earSpread)*tickLength
	within := at % slotLength
	return within >= from && within < from+tickLength*2
}

func (s *stage) timed(ear, added time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ears = append(s.ears, ear)
	if added > 0 {
		s.adds = append(s.adds, added)
	}
}

// room is one conference of the swarm as its callers know it.
type room struct {
	name    string
	members []*member
	talkers []*member // those of the members that talk

	claimed atomic.Int64 // 1 + last slot whose mark was claimed
	sent    [markMemory]atomic.Int64
	sentIn  [markMemory]atomic.Int64 // 1 + slot of the entry
}

// talking returns the talkers whom a listener must have heard throughout [from, to], and those whom it may have heard in it.
func (r *room) talking(listener *member, from, to time.Duration) (sure, maybe []int) {
	mine := listener.here.Load()
	for _, t := range r.talkers {
		if t == listener {
			continue
		}
		if r.perhaps(t, from, to) {
			maybe = append(maybe, t.number)
		}
		if mine.up+fadeIn <= from && r.sure(t, from, to) {
			sure = append(sure, t.number)
		}
	}
	return sure, maybe
}

// sure says whether a talker must have been heard throughout [from, to].
func (r *room) sure(t *member, from, to time.Duration) bool {
	if !r.turn(t, from-fadeIn) || !r.turn(t, to) {
		return false
	}
	for p := t.here.Load(); p != nil; p = p.last {
		if p.up+fadeIn <= from && (p.down == 0 || p.down > to) {
			return true
		}
	}
	return false
}

// perhaps says whether a talker may have been heard at some time in [from, to].
func (r *room) perhaps(t *member, from, to time.Duration) bool {
	if !r.turn(t, from) && !r.turn(t, from-fadeOut) {
		return false
	}
	for p := t.here.Load(); p != nil; p = p.last {
		if p.up <= to && (p.down == 0 || p.down+fadeOut >= from) {
			return true
		}
	}
	return false
}

// turn says whether it is a talker's turn: no more talk at a time than a mixer mixes, the rest wait for a later slot.
func (r *room) turn(t *member, at time.Duration) bool {
	groups := (len(r.talkers) + talkAtOnce - 1) / talkAtOnce
	if groups <= 1 {
		return true
	}
	for i, x := range r.talkers {
		if x == t {
			return int64(i/talkAtOnce) == int64(max(at, 0)/slotLength)%int64(groups)
		}
	}
	return false
}

// marker is the talker who makes the mark of a slot: they take turns among those whose turn it is to talk.
func (r *room) marker(slot int64) *member {
	if len(r.talkers) == 0 {
		return nil
	}
	at := time.Duration(slot)*slotLength + markAt
	for i := range r.talkers {
		t := r.talkers[(int(slot)+i)%len(r.talkers)]
		if r.turn(t, at) && t.present() {
			return t
		}
	}
	return nil
}

// claim makes sure that a slot's mark is made once.
func (r *room) claim(slot int64) bool {
	last := r.claimed.Load()
	return last < slot+1 && r.claimed.CompareAndSwap(last, slot+1)
}

// times says whether it is this listener's turn to time a slot's mark; timing costs, so one in timedShare does it.
func (r *room) times(m *member, slot int64) bool {
	return r.marker(slot) != m && (int64(m.number)+slot)%timedShare == 0
}

// marked keeps when the mark of a slot left.
func (r *room) marked(slot int64, at time.Duration) {
	i := slot % markMemory
	r.sent[i].Store(int64(at))
	r.sentIn[i].Store(slot + 1)
}

// markSent returns when the mark of a slot left.
func (r *room) markSent(slot int64) (time.Duration, bool) {
	i := slot % markMemory
	return time.Duration(r.sent[i].Load()), r.sentIn[i].Load() == slot+1
}
