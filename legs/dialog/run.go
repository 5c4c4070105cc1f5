package dialog

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
)

// arrival is one request of the peer on its way through the dialog.
type arrival struct {
	r        *Request
	sr       *sip.Request
	tx       *sip.ServerTx
	admitted any
	answered chan struct{} // closed when its final response was sent; nil for ACK and refused
	refused  bool          // Admit refused it: its CSeq is used up, and that is all
	replied  bool          // owned by the dialog's goroutine
}

// answer is what the leg replied to an event.
type answer struct {
	a *arrival
	r Response
}

// unacked is a 2xx of ours that waits for its ACK (RFC 3261 section 13.3.1.4).
type unacked struct {
	cseq     uint32
	res      *sip.Response
	conn     sip.Connection
	flow     string // Request.Connection of the INVITE
	first    bool   // of the INVITE that made the dialog
	interval time.Duration
	next     time.Time
	deadline time.Time
}

// receiver is the receiving half of a dialog. Everything in it belongs to its goroutine.
type receiver struct {
	d       *Dialog
	seq     uint32 // the peer's last CSeq; of a subscription it is guarded by Dialog.mu
	seen    bool   // seq is set
	held    []*arrival
	heldTil time.Time
	skipped []uint32 // CSeqs of refused requests: no gaps
	unacked *unacked
	lostTil time.Time // the connection is gone; when patience ends
	over    bool
	once    sync.Once // of a subscription's end
}

// run is the dialog's goroutine, from its first event to Gone.
func (x *receiver) run() {
	d := x.d
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	if u := x.unacked; u != nil {
		x.await(u)
	} else {
		d.ackOnce.Do(func() { close(d.acked) })
	}
	for !x.over {
		timer.Reset(x.sleep())
		select {
		case a := <-d.arrivals:
			x.sequence(a)
		case ans := <-d.answers:
			x.answer(ans)
		case <-d.poked:
			// The peer may come back on another connection (a new one shows when it sends); for a while.
			if d.flow.Load() != nil && x.lostTil.IsZero() {
				x.lostTil = time.Now().Add(t64())
			}
		case <-timer.C:
			x.tick(time.Now())
		case cause := <-d.stop:
			x.finish(cause)
		}
	}
}

// sleep is the time to the next thing that is due.
func (x *receiver) sleep() time.Duration {
	due := time.Now().Add(time.Hour)
	if x.unacked != nil && x.unacked.next.Before(due) {
		due = x.unacked.next
	}
	for _, t := range []time.Time{x.heldTil, x.lostTil} {
		if !t.IsZero() && t.Before(due) {
			due = t
		}
	}
	return max(0, time.Until(due))
}

func (x *receiver) tick(now time.Time) {
	if u := x.unacked; u != nil && !now.Before(u.next) {
		x.again(u, now)
	}
	if !x.over && !x.heldTil.IsZero() && !now.Before(x.heldTil) {
		x.heldTil = time.Time{}
		held := x.held
		x.held = nil
		for _, a := range held { // those before it will not come; let offered say what it thinks of a missing ACK
			x.process(a)
		}
	}
	if !x.over && !x.lostTil.IsZero() && !now.Before(x.lostTil) {
		x.finish(ErrConnectionLost)
	}
}

// await begins the retransmission of a 2xx: after T1, doubling up to T2, for 64*T1, over any transport.
func (x *receiver) await(u *unacked) {
	now := time.Now()
	u.interval, u.next, u.deadline = t1(), now.Add(t1()), now.Add(t64())
	x.unacked = u
}

func (x *receiver) again(u *unacked, now time.Time) {
	if !now.Before(u.deadline) {
		x.d.e.log.Debug("no ACK for a 2xx", "dialog", x.d.id)
		x.settled()
		x.d.hangUp()
		x.finish(ErrNoAck)
		return
	}
	_ = u.conn.WriteMsg(u.res) // a dead connection shows elsewhere
	u.interval = min(2*u.interval, t2())
	u.next = now.Add(u.interval)
	if u.next.After(u.deadline) {
		u.next = u.deadline
	}
}

// settled ends an exchange of offer and answer that the peer began.
func (x *receiver) settled() {
	x.unacked = nil
	x.d.mu.Lock()
	if x.d.offer == theirs {
		x.d.offer = idle
	}
	x.d.mu.Unlock()
	x.d.ackOnce.Do(func() { close(x.d.acked) })
}

// finish delivers Gone and takes the dialog out of every table.
func (x *receiver) finish(cause error) {
	d := x.d
	x.over = true
	d.cause.Store(&cause)
	d.ackOnce.Do(func() { close(d.acked) })
	d.e.mu.Lock()
	if d.lone == nil {
		delete(d.e.dialogs, d.id)
	} else {
		delete(d.e.subscriptions, d.id)
	}
	d.e.mu.Unlock()
	if d.lone == nil {
		d.leave()
	}
	close(d.done)
	d.inbox <- Event{Kind: Gone, Err: cause} // a slot is kept for it
	close(d.inbox)
}

// sequence brings the peer's requests into CSeq order (RFC 3261 section 12.2.2), which sipgo's goroutines lost.
func (x *receiver) sequence(a *arrival) {
	switch {
	case a.refused:
		// Whoever sent it proved nothing, so it moves no state; it only saves the next request the wait for it.
		if x.skipped = append(x.skipped, a.r.CSeq); len(x.skipped) > heldMax {
			x.skipped = x.skipped[1:]
		}
		x.release()
		return
	case a.r.Method == "ACK":
		x.ack(a)
		return
	case a.r.Method == "INVITE" && x.unacked != nil && a.r.CSeq == x.unacked.cseq: // again; its 2xx is repeated in any case
		a.replied = true
		close(a.answered)
		return
	}
	if !x.stale(a) {
		x.follow(a) // it was admitted; an ACK proves nothing
	}
	if x.gap(a) || x.early(a) {
		x.hold(a)
		return
	}
	x.process(a)
	x.release()
}

// stale tells a request that is out of order (RFC 3261 section 12.2.2), perhaps the octets of an old one sent again by somebody else: it
// gets 500 and moves nothing.
func (x *receiver) stale(a *arrival) bool { return x.seen && a.r.CSeq <= x.seq }

// gap tells that a request with a lower CSeq is still to come.
func (x *receiver) gap(a *arrival) bool {
	if !x.seen || uint64(a.r.CSeq) > uint64(x.seq)+1+uint64(len(x.skipped)) {
		return x.seen
	}
	for c := x.seq + 1; c < a.r.CSeq; c++ {
		if !slices.Contains(x.skipped, c) {
			return true
		}
	}
	return false
}

// early tells a request that begins an exchange while the ACK of the one before has not come: on one connection it has
// merely been overtaken.
func (x *receiver) early(a *arrival) bool {
	return x.unacked != nil && (a.r.Method == "INVITE" || a.r.Method == "UPDATE")
}

func (x *receiver) hold(a *arrival) {
	if len(x.held) >= heldMax {
		if a.r.Method == "BYE" {
			x.process(a) // the end needs no order
			return
		}
		x.reply(a, overload("overload").Response)
		return
	}
	at, _ := slices.BinarySearchFunc(x.held, a, func(p, q *arrival) int { return cmp.Compare(p.r.CSeq, q.r.CSeq) })
	x.held = slices.Insert(x.held, at, a)
	if x.heldTil.IsZero() {
		wait := reorderWait
		if x.unacked != nil {
			wait = t2() // if that ACK was lost, our repeated 2xx fetches another
		}
		x.heldTil = time.Now().Add(wait)
	}
}

// release processes what waited for the request that just came.
func (x *receiver) release() {
	for !x.over && len(x.held) > 0 && !x.gap(x.held[0]) && !x.early(x.held[0]) {
		a := x.held[0]
		x.held = x.held[1:]
		x.process(a)
	}
	if len(x.held) == 0 {
		x.heldTil = time.Time{}
	}
}

// follow notes the connection a request came on: the peer's newest one is the dialog's, as long as it is of the same transport. What
// went over TLS does not go on in the clear because somebody, though he was let in, sent a request that way.
func (x *receiver) follow(a *arrival) {
	d := x.d
	old := d.flow.Load()
	if old == nil || old.id == a.r.Connection || a.r.Transport != d.first.Transport {
		return
	}
	if st := d.e.streams.get(a.r.Connection); st != nil {
		d.moveTo(old, st)
		x.lostTil = time.Time{}
	}
}
