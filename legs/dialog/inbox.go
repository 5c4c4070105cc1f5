package dialog

import (
	"net/netip"
	"sync"
)

// class of a datagram: by what it asks for, as far as a look tells.
type class int

const (
	standing class = iota // of a call that stands or is being set up: within a dialog, ACK, CANCEL, responses
	calls                 // an INVITE that begins a call
	others
	classes
)

// inbox is what was received over UDP and waits for sipgo's reader, in a queue for each class, each bounded: nobody who floods one of them
// keeps the others waiting, as they take turns.
type inbox struct {
	mu     sync.Mutex
	some   sync.Cond // there is something, or the end
	queues [classes]queue
	turns  [classes]int // left to each class in this round
	closed bool
}

// arrived is a datagram that passed the triage.
type arrived struct {
	text  []byte
	from  netip.AddrPort
	class class
	let   bool // it begins a call and was let in, or repeats one: the handler has the last word
}

// cost is what it takes of its queue's bound.
func (a arrived) cost() int { return len(a.text) + datagramCost }

// queue is a ring that grows to what it once had to hold.
type queue struct {
	ring     []arrived
	first, n int
	octets   int // what is in it costs so much
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
	q := &b.queues[a.class]
	if b.closed || q.octets+a.cost() > inboxOctets[a.class] {
		return false
	}
	q.push(a)
	b.some.Signal()
	return true
}

// waiting is the number of datagrams of a class.
func (b *inbox) waiting(c class) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.queues[c].n
}

// take waits for the next one; false at the end.
func (b *inbox) take() (arrived, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for !b.closed {
		if q := b.next(); q != nil {
			return q.pop(), true
		}
		b.some.Wait()
	}
	return arrived{}, false
}

// next is the queue whose turn it is: a round gives each class its share, and begins anew once those that wait have had theirs.
func (b *inbox) next() *queue {
	for range 2 {
		for c := range b.queues {
			if b.queues[c].n > 0 && b.turns[c] > 0 {
				b.turns[c]--
				return &b.queues[c]
			}
		}
		b.turns = inboxShares
	}
	return nil
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
	q.octets += a.cost()
}

func (q *queue) pop() arrived {
	a := q.ring[q.first]
	q.ring[q.first] = arrived{} // the octets go when sipgo has them
	q.first = (q.first + 1) % len(q.ring)
	q.n--
	q.octets -= a.cost()
	return a
}
