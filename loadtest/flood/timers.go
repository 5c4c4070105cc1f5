package flood

import "time"

// state of a call.
type state uint8

// States, in their order.
const (
	unsent  state = iota
	calling       // INVITE sent, no answer
	ringing       // provisionally answered: nothing is repeated
	up            // 200 acknowledged
	leaving       // BYE sent
	over
)

// timer is something to do for a call, if it is in that state then.
type timer struct {
	due   time.Duration
	call  *call
	state state
	tries int
}

// queue holds timers of one length, which are therefore due in the order in which they were set.
type queue struct {
	timers []timer
	first  int
}

func (q *queue) push(t timer) { q.timers = append(q.timers, t) }

// next is when the first is due; false when there is none.
func (q *queue) next() (time.Duration, bool) {
	if q.first == len(q.timers) {
		return 0, false
	}
	return q.timers[q.first].due, true
}

// pop takes the first if it is due.
func (q *queue) pop(now time.Duration) (t timer, ok bool) {
	if due, any := q.next(); !any || due > now {
		return t, false
	}
	t = q.timers[q.first]
	if q.first++; q.first == len(q.timers) {
		q.timers, q.first = q.timers[:0], 0
	}
	return t, true
}
