package loadtest

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/conclave/conclave/loadtest/sound"
	"github.com/conclave/conclave/mixer/codec"
)

// member is a caller of the swarm as a participant: it talks in tones of its own when its turn is, and listens in every slot.
// It outlives its calls: with churn it joins again and again. say and hear are called by the clock's worker, the rest by
// the analysts and the script.
type member struct {
	number int // talker number
	talks  bool
	place  int // among the room's talkers
	room   *room
	stage  *stage

	here atomic.Pointer[presence] // the present or last call; nil before the first

	due    atomic.Int64            // when it is to move next, since the stage's start
	moving atomic.Pointer[witness] // of its move that is under way; nil: none is
	orders chan order              // tapes of what it hears that somebody wants

	mu     sync.Mutex
	format codec.Format // of the reel, which lasts from call to call
	reel   *reel
	pairs  map[int]*pair // by talker
	own    int           // windows in which it would have heard itself
	self   int
	strays int
}

// order has a member make a tape of what it hears from now on, in the format of its call.
type order func(codec.Format) *tape

// presence is a time in which a member can be heard. It is replaced, never changed.
type presence struct {
	up, down time.Duration // since the stage's start; down is 0 while the call stands
	last     *presence     // the call before this one: tapes are judged when the run is over
}

// senses are a member's mouth and ear for one call. During a move it has two calls, and says the same into both.
type senses struct {
	*member
	format   codec.Format
	up       time.Duration // when the call was opened, since the stage's start
	deck     deck
	marking  int64   // slot whose mark goes out in this tick, -1 for none
	earSlot  int64   // last slot in which a tape for the ear was begun
	timeSlot int64   // last slot in which one for the stopwatch was
	tapes    []*tape // under way
}

// pair is how often a listener should have heard a talker, and did.
type pair struct{ due, heard int }

// rehearse makes the member's reel in a format, unless it is there.
func (m *member) rehearse(f codec.Format) (r *reel, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.reel != nil && m.format == f {
		return m.reel, nil
	}
	r = silentReel(f)
	if m.talks {
		if r, err = newReel(m.number, f, m.room.chorus); err != nil {
			return nil, err
		}
	}
	m.format, m.reel = f, r
	return r, nil
}

// begin readies the member for a call; from now on it can be heard. A call that a move brings finds it as it was.
func (m *member) begin(f codec.Format) (mouth, ear, error) {
	r, err := m.rehearse(f)
	if err != nil {
		return nil, nil, err
	}
	s := &senses{member: m, format: f, up: m.stage.since(time.Now()), deck: deck{reel: r}, marking: -1, earSlot: -1, timeSlot: -1}
	if w := m.moving.Load(); w != nil {
		s.tapes = append(s.tapes, w.arrival(f))
	} else {
		m.come()
	}
	return s, s, nil
}

// come begins a time in which the member can be heard, unless it can be.
func (m *member) come() {
	if !m.present() {
		m.here.Store(&presence{up: m.stage.since(time.Now()), last: m.here.Load()})
	}
}

// gone bounds the time in which the member can be expected to be heard.
func (m *member) gone() {
	if p := m.here.Load(); p != nil && p.down == 0 {
		m.here.Store(&presence{up: p.up, down: m.stage.since(time.Now()), last: p.last})
	}
}

// present says whether a call of the member stands.
func (m *member) present() bool {
	p := m.here.Load()
	return p != nil && p.down == 0
}

// say implements mouth.
func (s *senses) say(at time.Time) []byte {
	m := s.member
	now, want := m.stage.since(at), silent
	switch {
	case !m.talks:
	case m.room.chorus && (s.deck.level == silent || !m.room.turn(m, now)): // who comes begins low
		want = low
	case m.room.turn(m, now):
		want = loud
	}
	s.marking = -1
	// A mark was encoded behind loud tones: it is not for him who begins to talk in this tick. It would be a gap in what a mover says.
	if slot, due := m.stage.markDue(now); due && s.deck.level == loud && m.moving.Load() == nil && m.room.marker(slot) == m && m.room.claim(slot) {
		s.marking = slot
	}
	return s.deck.next(want, s.marking >= 0)
}

// said implements mouth: the moment in which a mark left.
func (s *senses) said(now time.Time) {
	if s.marking >= 0 {
		s.room.marked(s.marking, s.stage.since(now))
	}
}

// hear implements ear: it tapes a window for the ear once a slot, one for the stopwatch when it is this member's turn to time a
// mark, and what was ordered.
func (s *senses) hear(at, arrived time.Time, f codec.Frame) {
	now := s.stage.since(at)
	slot := s.stage.slot(now)
	if slot != s.timeSlot && s.stage.timeDue(now) && s.room.times(s.member, slot) {
		s.timeSlot = slot
		s.record(newTape(s.format, slot, stopwatchTicks), s.time)
	}
	if slot != s.earSlot && s.stage.earDue(now, s.number) {
		s.earSlot = slot
		s.record(newTape(s.format, slot, earTicks), s.listen)
	}
	for len(s.orders) > 0 {
		s.tapes = append(s.tapes, (<-s.orders)(s.format))
	}
	if len(s.tapes) == 0 {
		return
	}
	came := time.Duration(0)
	if !arrived.IsZero() {
		came = s.stage.since(arrived)
	}
	s.tapes = slices.DeleteFunc(s.tapes, func(t *tape) bool {
		if !t.add(now, came, f) {
			return false
		}
		if t.sent, t.marked = s.room.markSent(t.slot); t.judge != nil {
			s.stage.analyse(t)
		}
		return true
	})
}

// record begins a tape.
func (s *senses) record(t *tape, judge func(*analyst, *tape)) {
	t.judge = judge
	s.tapes = append(s.tapes, t)
}

// time plays a tape to the analyst's stopwatch, where the mark of its slot was made.
func (s *senses) time(a *analyst, t *tape) {
	if t.marked {
		s.stage.time(a, t, t.sent)
	}
}

// listen plays a tape to the analyst's ear.
func (s *senses) listen(a *analyst, t *tape) {
	a.ear.Open()
	if t.play(a.pcm, a.ear.Listen) == nil {
		s.judge(a.ear.Heard(), s.up, t.from, t.to)
	}
}

// judge compares a full window of the ear, which listens since a time, with who talked in the room.
func (m *member) judge(h sound.Heard, since, from, to time.Duration) {
	sure, maybe := m.room.talking(m, since, from, to)
	missing := h.Judge(sure, m.number).Missing
	strange := h.Judge(maybe, m.number)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range sure {
		p := m.pairs[t]
		if p == nil {
			p = &pair{}
			m.pairs[t] = p
		}
		p.due++
		p.heard++
	}
	for _, t := range missing {
		m.pairs[t].heard--
	}
	if m.talks && m.room.sure(m, from, to) {
		m.own++
	}
	if strange.Self {
		m.self++
	} else if len(strange.Foreign) > 0 {
		m.strays++
	}
}

// tally adds the member's pairs to the report. A pair was heard when it was in nine of ten windows: a pause of the machine
// may spoil one, a mixer that loses a voice spoils more. When everybody stays to the end, a pair that no window tested is missing.
func (m *member) tally(r *MixReport, stays bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.room.talkers {
		p := m.pairs[t.number]
		switch {
		case p == nil && (!stays || t == m || m.here.Load() == nil || t.here.Load() == nil):
			continue
		case p == nil:
			r.Untested++
			r.Missing++
		case p.heard > 0 && p.heard*10 >= p.due*9:
			r.Heard++
		default:
			r.Missing++
		}
		r.Pairs++
	}
	if m.self > 0 {
		r.SelfHeard++
	}
	if stays && m.talks && m.own == 0 && m.here.Load() != nil {
		r.SelfUntested++
	}
	r.ForeignHeard += m.strays
}
