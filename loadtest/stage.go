package loadtest

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/conclave/conclave/loadtest/sound"
)

// stage is the common time of a swarm: everything that talkers and listeners do together follows from it by arithmetic, so
// that they need not speak to each other. Time is cut into slots. In each slot a room has one set of talkers, one mark is
// made and timed, and every listener tapes one window for its ear.
type stage struct {
	start time.Time
	wg    sync.WaitGroup

	mu         sync.Mutex
	work       *sync.Cond // there is something to analyse, or nothing more will come
	waiting    []*tape
	octets     int  // of the tapes that wait
	over       bool // the measurement is over: nobody is ticked any more
	ears, adds []time.Duration
}

// analyst plays tapes to an ear, a stopwatch and an envelope.
type analyst struct {
	ear      *sound.Ear
	watch    *sound.Stopwatch
	envelope *sound.Envelope
	pcm      []int16
}

func newStage() *stage {
	s := &stage{start: time.Now()}
	s.work = sync.NewCond(&s.mu)
	for range runtime.NumCPU() {
		s.wg.Go(s.analyseAll)
	}
	return s
}

// analyseAll is the life of an analyst: it works when the measurement is over, or when too much waits.
func (s *stage) analyseAll() {
	a := &analyst{
		ear: sound.NewEar(swarmRate), watch: sound.NewStopwatch(swarmRate, stopwatchSpan), envelope: sound.NewEnvelope(swarmRate),
		pcm: make([]int16, swarmRate/ticksPerSecond),
	}
	for {
		s.mu.Lock()
		for !s.over && s.octets <= backlog {
			s.work.Wait()
		}
		if len(s.waiting) == 0 {
			s.mu.Unlock()
			return
		}
		t := s.waiting[0]
		s.waiting = s.waiting[1:]
		s.octets -= t.size()
		s.mu.Unlock()
		t.judge(a, t)
	}
}

// close ends the measurement and waits for the analysts; nobody is ticked any more.
func (s *stage) close() {
	s.mu.Lock()
	s.over = true
	s.mu.Unlock()
	s.work.Broadcast()
	s.wg.Wait()
}

// analyse hands a tape to the analysts, or drops it when they are far behind.
func (s *stage) analyse(t *tape) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.octets > 2*backlog {
		return
	}
	s.waiting = append(s.waiting, t)
	if s.octets += t.size(); s.octets > backlog {
		s.work.Signal()
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

// timeDue says whether tapes for stopwatches start: their windows begin a little before the mark, so that none is missed.
func (s *stage) timeDue(at time.Duration) bool {
	within := at % slotLength
	from := markAt - tickLength - leadTime
	return within >= from && within < from+tickLength
}

// earDue says whether a listener's tape may start; the windows of listeners are spread over the slot.
func (s *stage) earDue(at time.Duration, number int) bool {
	from := earAt - leadTime + time.Duration(number%earSpread)*tickLength
	within := at % slotLength
	return within >= from && within < from+tickLength*2
}

// time finds on a tape the mark whose packet left at sent, and notes the two delays.
func (s *stage) time(a *analyst, t *tape, sent time.Duration) {
	a.watch.Start()
	if t.play(a.pcm, a.watch.Listen) != nil {
		return
	}
	after, ok := a.watch.Found()
	if !ok {
		return
	}
	came, played := t.arrivedAt(after)
	s.mu.Lock()
	defer s.mu.Unlock()
	// The mouth began to speak a frame before its packet could leave; the ear hears from the tick in which it plays.
	s.ears = append(s.ears, t.from+after-(sent-tickLength))
	if added := came - sent; played && added > 0 {
		s.adds = append(s.adds, added)
	}
}

// room is one conference of the swarm as its callers know it.
type room struct {
	name    string
	members []*member
	talkers []*member // those of the members that talk, in the order of their turns
	chorus  bool      // talkers are not silent between their turns

	claimed atomic.Int64 // 1 + last slot whose mark was claimed
	sent    [markMemory]atomic.Int64
	sentIn  [markMemory]atomic.Int64 // 1 + slot of the entry
}

// talking returns the talkers whom a listener must have heard throughout [from, to], and those whom it may have heard in it.
// since is from when on it listens.
func (r *room) talking(listener *member, since, from, to time.Duration) (sure, maybe []int) {
	for _, t := range r.talkers {
		if t == listener {
			continue
		}
		if r.perhaps(t, from, to) {
			maybe = append(maybe, t.number)
		}
		if since+fadeIn <= from && r.sure(t, from, to) {
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
	if !r.chorus && !r.turn(t, from) && !r.turn(t, from-fadeOut) {
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
	groups := (len(r.talkers) + TalkAtOnce - 1) / TalkAtOnce
	if groups <= 1 {
		return true
	}
	return int64(t.place/TalkAtOnce) == int64(max(at, 0)/slotLength)%int64(groups)
}

// nextTurn is how long it takes from a time on until a talker's turn has just begun; nothing for one whose turn it always is.
func (r *room) nextTurn(t *member, at time.Duration) time.Duration {
	if len(r.talkers) <= TalkAtOnce || !t.talks {
		return 0
	}
	for begin := at.Truncate(slotLength) + turnSettled; ; begin += slotLength {
		if begin >= at && r.turn(t, begin) {
			return begin - at
		}
	}
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
