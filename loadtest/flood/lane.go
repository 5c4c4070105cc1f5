package flood

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"
)

// lane is one socket with its share of the calls of a run. Everything in it belongs to its goroutine while it runs.
type lane struct {
	f     *flood
	conn  *net.UDPConn // connected to the server
	via   netip.AddrPort
	start time.Time

	plan  []segment
	calls []*call // its own, in the order in which they are due
	next  int     // the next to offer
	open  int     // of those offered, not over yet
	again [repeats]queue
	hold  queue
	count []Count // by segment
	out   []byte  // a request being written
	in    []byte
}

func (f *flood) newLane() (*lane, error) {
	to, err := net.ResolveUDPAddr("udp", f.server)
	if err != nil {
		return nil, fmt.Errorf("flood: %w", err)
	}
	conn, err := net.DialUDP("udp", nil, to)
	if err != nil {
		return nil, fmt.Errorf("flood: %w", err)
	}
	_ = conn.SetReadBuffer(socketBuffer) // the kernel may grant less
	return &lane{f: f, conn: conn, via: conn.LocalAddr().(*net.UDPAddr).AddrPort(), in: make([]byte, maxDatagram)}, nil
}

// take makes the lane ready for a run, of whose calls it takes every so many.
func (l *lane) take(all []call, at int, plan []segment) {
	l.plan = plan
	l.calls, l.next, l.open, l.hold = nil, 0, 0, queue{}
	l.again, l.count = [repeats]queue{}, make([]Count, len(plan))
	for i := at; i < len(all); i += lanes {
		l.calls = append(l.calls, &all[i])
	}
}

// run offers the calls from start on, and ends once all are over, or nothing more can come of them.
func (l *lane) run(ctx context.Context, start time.Time) {
	l.start = start
	for ctx.Err() == nil {
		now := time.Since(l.start)
		due := l.send(now)
		if l.next == len(l.calls) && (l.open == 0 || len(l.calls) == 0 || now > l.calls[l.next-1].due+drainTime) {
			return
		}
		l.listen(due)
	}
}

// send sends what is due, a batch at most, and tells when it has to be called again.
func (l *lane) send(now time.Duration) (due time.Duration) {
	due = now + t1
	for n := 0; n < batch && l.next < len(l.calls) && l.calls[l.next].due <= now; n++ {
		l.offer(l.calls[l.next])
		l.next++
	}
	if l.next < len(l.calls) {
		due = min(due, l.calls[l.next].due)
	}
	for i := range l.again {
		for t, ok := l.again[i].pop(now); ok; t, ok = l.again[i].pop(now) {
			l.repeat(t, now)
		}
	}
	for t, ok := l.hold.pop(now); ok; t, ok = l.hold.pop(now) {
		l.bye(t.call, now, 0)
	}
	for _, q := range []*queue{&l.hold, &l.again[0], &l.again[1], &l.again[2]} {
		if at, any := q.next(); any {
			due = min(due, at)
		}
	}
	return due
}

// offer sends the first INVITE of a call.
func (l *lane) offer(c *call) {
	now := time.Since(l.start)
	n := &l.count[c.segment]
	n.Offered++
	n.behind = max(n.behind, now-c.due)
	l.open++
	c.state, c.sent = calling, now
	l.write(c.invite)
	l.arm(c, now, 0)
}

// arm sets the timer of the next repeat of what a call has just sent for the tries-th time.
func (l *lane) arm(c *call, now time.Duration, tries int) {
	if tries < repeats {
		l.again[tries].push(timer{due: now + t1<<tries, call: c, state: c.state, tries: tries})
	}
}

func (l *lane) repeat(t timer, now time.Duration) {
	if t.call.state != t.state {
		return
	}
	l.count[t.call.segment].Repeated++
	if t.state == leaving {
		l.bye(t.call, now, t.tries+1)
		return
	}
	l.write(t.call.invite)
	l.arm(t.call, now, t.tries+1)
}

func (l *lane) bye(c *call, now time.Duration, tries int) {
	c.state = leaving
	l.out = l.f.script(c, l.via).bye(l.out[:0], string(c.target), string(c.to))
	l.write(l.out)
	l.arm(c, now, tries)
}

// write sends a datagram. What the kernel does not take is repeated like what the network loses.
func (l *lane) write(b []byte) { _, _ = l.conn.Write(b) }

// listen takes answers until something is due, a batch at most.
func (l *lane) listen(due time.Duration) {
	_ = l.conn.SetReadDeadline(l.start.Add(max(due, time.Since(l.start)+50*time.Microsecond)))
	for range batch {
		n, err := l.conn.Read(l.in)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
		if a, ok := read(l.in[:n], l.f.tag); err == nil && ok && a.number%lanes == l.calls[0].number%lanes && a.number/lanes < len(l.calls) {
			l.answered(l.calls[a.number/lanes], a, time.Since(l.start))
		}
		if time.Since(l.start) >= due {
			return
		}
	}
}
