package dialog

import (
	"net/netip"
	"sync"
)

// inbox is what was received over UDP and waits for sipgo's reader: what belongs to calls that stand first, then new calls. It is
// bounded: new calls by the door, all others here.
type inbox struct {
	mu     sync.Mutex
	some   sync.Cond // there is something, or the end
	urgent queue
	calls  queue
	octets int // in urgent
	closed bool
}

// arrived is a datagram that passed the triage.
type arrived struct {
	text []byte
	from netip.AddrPort
	call bool   // it begins a call, which the door has let in
	key  uint64 // of that
}

// queue is a ring that grows to what it once had to hold.
type queue struct {
	ring     []arrived
	first, n int
}

func newInbox() *inbox {
	b := new(inbox)
	b.some.L = &b.mu
	return b
}

// put takes a datagram in; false when there is no room, or nobody to read it any more.
func (b *inbox) put(a arrived) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed, !a.call && b.octets+len(a.text) > maxUrgent:
		return false
	case a.call:
		b.calls.push(a)
	default:
		b.urgent.push(a)
		b.octets += len(a.text)
	}
	b.some.Signal()
	return true
}

// take waits for the next one; false at the end.
func (b *inbox) take() (arrived, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.urgent.n == 0 && b.calls.n == 0 && !b.closed {
		b.some.Wait()
	}
	switch {
	case b.closed:
		return arrived{}, false
	case b.urgent.n > 0:
		a := b.urgent.pop()
		b.octets -= len(a.text)
		return a, true
	}
	return b.calls.pop(), true
}

func (b *inbox) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.some.Broadcast()
}

func (q *queue) push(a arrived) {
	if q.n == len(q.ring) {
		grown := make([]arrived, max(batchSize, 2*q.n))
		for i := range q.n {
			grown[i] = q.ring[(q.first+i)%q.n]
		}
		q.ring, q.first = grown, 0
	}
	q.ring[(q.first+q.n)%len(q.ring)] = a
	q.n++
}

func (q *queue) pop() arrived {
	a := q.ring[q.first]
	q.ring[q.first] = arrived{} // the octets go when sipgo has them
	q.first = (q.first + 1) % len(q.ring)
	q.n--
	return a
}
