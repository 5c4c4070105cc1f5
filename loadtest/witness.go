package loadtest

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/conclave/conclave/loadtest/sound"
	"github.com/conclave/conclave/mixer/codec"
)

// witness is what is heard of one move: by some listeners in the room, of whom who moves, and by both of his devices.
type witness struct {
	mover  *member
	muted  bool // nobody is to hear him
	parted atomic.Pointer[tape]

	mu    sync.Mutex
	heard []sound.Course // by listeners, while he talked all the time
	lost  int            // listeners that heard a muted one, and servers that say he is not
	own   int            // of his devices that heard himself
}

// watch begins to listen to a move: the device that is there hears until it ends, a new one from when it is there (arrival).
func (m *member) watch(muted bool) *witness {
	w := &witness{mover: m, muted: muted}
	m.moving.Store(w)
	m.order(func(f codec.Format) *tape {
		t := newTape(f, 0, watchTicks)
		t.judge = w.selfHeard
		w.parted.Store(t)
		return t
	})
	for _, l := range m.room.listeners(m) {
		l.order(func(f codec.Format) *tape {
			t := newTape(f, 0, watchTicks)
			t.judge = w.listen
			return t
		})
	}
	return w
}

// order asks for a tape. Who has too many to begin already makes none: then there is one witness less.
func (m *member) order(o order) {
	select {
	case m.orders <- o:
	default:
	}
}

// listeners are those who are to hear a move of another: present, not moving themselves, and due to move last.
func (r *room) listeners(mover *member) []*member {
	able := slices.DeleteFunc(slices.Clone(r.members), func(m *member) bool { return m == mover || !m.present() || m.moving.Load() != nil })
	slices.SortFunc(able, func(a, b *member) int { return cmp.Compare(b.due.Load(), a.due.Load()) })
	return able[:min(witnesses, len(able))]
}

// arrival is the tape of the new device, from its first frame on: its decoder is fresh, too.
func (w *witness) arrival(f codec.Format) *tape {
	t := newTape(f, 0, arrivalTicks)
	t.lead, t.judge = 0, w.selfHeard
	return t
}

// over ends the listening of an old device, whose call has ended and is not ticked any more, before its tape is full.
func (w *witness) over() {
	if t := w.parted.Load(); t != nil && len(t.frames) > t.lead && !t.full() {
		w.mover.stage.analyse(t)
	}
}

// course is how the mover's voice goes on a tape.
func (w *witness) course(a *analyst, t *tape) (c sound.Course, ok bool) {
	a.envelope.Open(w.mover.number)
	if t.play(a.pcm, func(pcm []int16) bool { a.envelope.Listen(pcm); return false }) != nil {
		return c, false
	}
	return a.envelope.Course(), true
}

// listen judges the tape of a listener. Who had to be silent for a part of it has no gaps.
func (w *witness) listen(a *analyst, t *tape) {
	c, ok := w.course(a, t)
	if !ok || !w.mover.talks {
		return
	}
	talked := w.mover.room.turn(w.mover, t.from-turnSettled) && w.mover.room.turn(w.mover, t.to)
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.muted && c.There > own:
		w.lost++
	case !w.muted && talked:
		w.heard = append(w.heard, c)
	}
}

// selfHeard judges the tape of a device of the mover's.
func (w *witness) selfHeard(a *analyst, t *tape) {
	if c, ok := w.course(a, t); ok && w.mover.talks && c.There > own {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.own++
	}
}

// unmuted notes that the server does not call the mover muted any more.
func (w *witness) unmuted() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lost++
}

// tally adds what was heard to the report, once all has been judged. The gaps are those of every listener.
func (w *witness) tally(r *MovesReport, gaps []time.Duration) []time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	doubled := false
	for _, c := range w.heard {
		gaps = append(gaps, c.Gap)
		doubled = doubled || c.Doubled > twofold
	}
	if doubled {
		r.Doubled++
	}
	if w.lost > 0 {
		r.MuteLost++
	}
	if w.own > 0 {
		r.OwnVoice++
	}
	return gaps
}
