package loadtest

import (
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

	format codec.Format // of the reel, which lasts from call to call
	reel   *reel

	*senses // of the present call; set before the clock ticks it, owned by the clock's worker

	mu     sync.Mutex
	pairs  map[int]*pair // by talker
	own    int           // windows in which it would have heard itself
	self   int
	strays int
}

// presence is the time of one call in which its caller can be heard. It is replaced, never changed.
type presence struct {
	up, down time.Duration // since the stage's start; down is 0 while the call stands
	last     *presence     // the call before this one: tapes are judged when the run is over
}

// senses are a member's mouth and ear for one call.
type senses struct {
	deck     deck
	marking  int64 // slot whose mark goes out in this tick, -1 for none
	earSlot  int64 // last slot in which a tape for the ear was begun
	earTape  *tape // under way, or nil
	timeSlot int64 // last slot in which one for the stopwatch was
	timeTape *tape
}

// pair is how often a listener should have heard a talker, and did.
type pair struct{ due, heard int }

// rehearse makes the member's reel in a format, unless it is there.
func (m *member) rehearse(f codec.Format) (err error) {
	if m.reel != nil && m.format == f {
		return nil
	}
	m.format, m.reel = f, silentReel(f)
	if m.talks {
		m.reel, err = newReel(m.number, f, m.room.chorus)
	}
	return err
}

// begin readies the member for a call; from now on it can be heard.
func (m *member) begin(f codec.Format) error {
	if err := m.rehearse(f); err != nil {
		return err
	}
	m.senses = &senses{deck: deck{reel: m.reel}, marking: -1, earSlot: -1, timeSlot: -1}
	m.here.Store(&presence{up: m.stage.since(time.Now()), last: m.here.Load()})
	return nil
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
func (m *member) say(at time.Time) []byte {
	now, want := m.stage.since(at), silent
	switch {
	case !m.talks:
	case m.room.chorus && (m.deck.level == silent || !m.room.turn(m, now)): // who comes begins low
		want = low
	case m.room.turn(m, now):
		want = loud
	}
	m.marking = -1
	// A mark was encoded behind loud tones: it is not for him who begins to talk in this tick.
	if slot, due := m.stage.markDue(now); due && m.deck.level == loud && m.room.marker(slot) == m && m.room.claim(slot) {
		m.marking = slot
	}
	return m.deck.next(want, m.marking >= 0)
}

// said implements mouth: the moment in which a mark left.
func (m *member) said(now time.Time) {
	if m.marking >= 0 {
		m.room.marked(m.marking, m.stage.since(now))
	}
}

// hear implements ear: it tapes a window for the ear once a slot, and one for the stopwatch when it is this member's turn to time a
// mark.
func (m *member) hear(at, arrived time.Time, f codec.Frame) {
	now := m.stage.since(at)
	slot := m.stage.slot(now)
	if slot != m.timeSlot && m.stage.timeDue(now) && m.room.times(m, slot) {
		m.timeSlot, m.timeTape = slot, newTape(m.format, slot, stopwatchTicks)
	}
	if slot != m.earSlot && m.stage.earDue(now, m.number) {
		m.earSlot, m.earTape = slot, newTape(m.format, slot, earTicks)
	}
	came := time.Duration(0)
	if !arrived.IsZero() {
		came = m.stage.since(arrived)
	}
	if m.timeTape != nil && m.timeTape.add(now, came, f) {
		if sent, ok := m.room.markSent(m.timeTape.slot); ok {
			m.stage.analyse(m.timeTape, func(a *analyst, t *tape) { m.stage.time(a, t, sent) })
		}
		m.timeTape = nil
	}
	if m.earTape != nil && m.earTape.add(now, came, f) {
		m.stage.analyse(m.earTape, m.listen)
		m.earTape = nil
	}
}

// listen plays a tape to the analyst's ear.
func (m *member) listen(a *analyst, t *tape) {
	a.ear.Open()
	if t.play(a.pcm, a.ear.Listen) == nil {
		m.judge(a.ear.Heard(), t.from, t.to)
	}
}

// judge compares a full window of the ear with who talked in the room.
func (m *member) judge(h sound.Heard, from, to time.Duration) {
	sure, maybe := m.room.talking(m, from, to)
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
