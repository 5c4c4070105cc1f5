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

	up, down atomic.Int64 // when the present or last call began and ended to be heard, ns since the stage's start; 0: never

	// Owned by the clock's worker while a call stands.
	talker   *sound.Talker
	rate     int
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

	mu     sync.Mutex
	pairs  map[int]*pair // by talker
	self   int
	strays int
}

// pair is how often a listener should have heard a talker, and did.
type pair struct{ due, heard int }

// begin readies the member for a call whose sound has these rates.
func (m *member) begin(mouthRate int) {
	m.rate = mouthRate
	m.talker = sound.NewTalker(m.number, mouthRate)
	m.ear = sound.NewEar(swarmRate)
	m.watch = sound.NewStopwatch(swarmRate, stopwatchSpan)
	m.marking, m.earSlot, m.timeSlot = -1, -1, -1
}

// heardFrom and gone bound the time in which the member can be expected to be heard.
func (m *member) heardFrom(at time.Duration) { m.down.Store(0); m.up.Store(int64(at)) }
func (m *member) gone(at time.Duration)      { m.down.Store(int64(at)) }

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
	if m.watch.Wanted() {
		if m.ticks < stopwatchTicks {
			m.arrivals[m.ticks] = arrived
			m.ticks++
		}
		if m.watch.Listen(pcm) {
			m.stage.analyse(m, m.time)
		}
	}
	if m.ear.Wanted() && m.ear.Listen(pcm) {
		to := now + tickLength
		m.stage.analyse(m, func() { m.judge(m.earFrom, to) })
	}
}

// judge compares a full window of the ear with who talked in the room.
func (m *member) judge(from, to time.Duration) {
	h := m.ear.Heard()
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
	if strange.Self {
		m.self++
	} else if len(strange.Foreign) > 0 {
		m.strays++
	}
}

// time finds the mark in the stopwatch and adds the two delays to the stage's.
func (m *member) time() {
	after, ok := m.watch.Found()
	if !ok {
		return
	}
	sent, ok := m.room.markSent(m.timeSlot)
	if !ok {
		return
	}
	// The mouth began to speak a frame before its packet could leave; the ear hears from the tick in which it plays.
	ear := m.timeFrom + after - (sent - tickLength)
	added := time.Duration(0)
	if i := int(after / tickLength); i >= 0 && i < m.ticks && !m.arrivals[i].IsZero() {
		added = m.stage.since(m.arrivals[i]) - sent
	}
	m.stage.timed(ear, added)
}

// tally adds the member's pairs to the report. A pair was heard when it was in nine of ten windows: a pause of the machine
// may spoil one, a mixer that loses a voice spoils more.
func (m *member) tally(r *MixReport) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.pairs {
		r.Pairs++
		if p.heard > 0 && p.heard*10 >= p.due*9 {
			r.Heard++
		} else {
			r.Missing++
		}
	}
	if m.self > 0 {
		r.SelfHeard++
	}
	r.ForeignHeard += m.strays
}
