package loadtest

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/conclave/conclave/loadtest/sound"
)

// member is a caller of the swarm as a participant: it talks in tones of its own when its turn is, and listens in every slot.
// It outlives its calls: with churn it joins again and again. say and hear are called by the clock's worker, the rest by
// the analysts and the script.
type member struct {
	number int // talker number, and place in the room's order
	talks  bool
	room   *room
	stage  *stage

	here atomic.Pointer[presence] // the present or last call; nil before the first

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
	last     *presence     // the call before this one, whose end an analyst may still have to judge
}

// senses are a member's mouth and ear for one call. An analyst may still have the ear of a call that has ended when the next
// one begins, so that each call has its own.
type senses struct {
	talker   *sound.Talker
	marking  int64 // slot whose mark goes out in this tick, -1 for none
	earSlot  int64 // last slot in which the ear was opened
	earFrom  time.Duration
	timeSlot int64 // last slot in which the stopwatch was started
	timeFrom time.Duration
	arrivals [stopwatchTicks]time.Time
	ticks    int
	busy     atomic.Bool // an analyst has the ear or the stopwatch

	ear   *sound.Ear
	watch *sound.Stopwatch
}

// pair is how often a listener should have heard a talker, and did.
type pair struct{ due, heard int }

// begin readies the member for a call whose sound has these rates; from now on it can be heard.
func (m *member) begin(mouthRate int) {
	m.senses = &senses{
		talker: sound.NewTalker(m.number, mouthRate), ear: sound.NewEar(swarmRate), watch: sound.NewStopwatch(swarmRate, stopwatchSpan),
		marking: -1, earSlot: -1, timeSlot: -1,
	}
	now := &presence{up: m.stage.since(time.Now())}
	if before := m.here.Load(); before != nil {
		now.last = &presence{up: before.up, down: before.down}
	}
	m.here.Store(now)
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
func (m *member) say(at time.Time, pcm []int16) {
	now := m.stage.since(at)
	m.talker.SetTalking(m.talks && m.room.turn(m, now))
	m.marking = -1
	if slot, due := m.stage.markDue(now); due && m.room.marker(slot) == m && m.room.claim(slot) {
		m.marking = slot
		m.talker.Mark()
	}
	m.talker.Frame(pcm)
}

// said implements mouth: the moment in which a mark left.
func (m *member) said(now time.Time) {
	if m.marking >= 0 {
		m.room.marked(m.marking, m.stage.since(now))
	}
}

// hear implements ear: it fills the ear once a slot, and the stopwatch when it is this member's turn to time a mark.
func (m *member) hear(at, arrived time.Time, pcm []int16) {
	if m.busy.Load() {
		return
	}
	now := m.stage.since(at)
	slot := m.stage.slot(now)
	if slot != m.timeSlot && m.stage.timeDue(now) && m.room.times(m, slot) {
		m.timeSlot, m.timeFrom, m.ticks = slot, now, 0
		m.watch.Start()
	}
	if slot != m.earSlot && m.stage.earDue(now, m.number) {
		m.earSlot, m.earFrom = slot, now
		m.ear.Open()
	}
	c := m.senses // of this call: when the analyst comes to it, the next may stand
	if c.watch.Wanted() {
		if c.ticks < stopwatchTicks {
			c.arrivals[c.ticks] = arrived
			c.ticks++
		}
		if c.watch.Listen(pcm) {
			m.stage.analyse(c, func() { m.time(c) })
		}
	}
	if c.ear.Wanted() && c.ear.Listen(pcm) {
		to := now + tickLength
		m.stage.analyse(c, func() { m.judge(c.ear.Heard(), c.earFrom, to) })
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

// time finds the mark in the stopwatch of a call and adds the two delays to the stage's.
func (m *member) time(c *senses) {
	after, ok := c.watch.Found()
	if !ok {
		return
	}
	sent, ok := m.room.markSent(c.timeSlot)
	if !ok {
		return
	}
	// The mouth began to speak a frame before its packet could leave; the ear hears from the tick in which it plays.
	ear := c.timeFrom + after - (sent - tickLength)
	added := time.Duration(0)
	if i := int(after / tickLength); i >= 0 && i < c.ticks && !c.arrivals[i].IsZero() {
		added = m.stage.since(c.arrivals[i]) - sent
	}
	m.stage.timed(ear, added)
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
