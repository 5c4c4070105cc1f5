package dialog

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// datagrams is the UDP listener. One goroutine reads its socket (Rebind gives it another, and leaves the old one for a while), and does
// with each datagram only what takes no time (front.triage): it never falls behind, so that the kernel drops nothing of calls that stand
// while others are sent away. The rest is done by whoever reads for sipgo. sipgo remembers every source address for the life of a reader, so it is given readers that retire: after
// sourcesPerReader different sources a fresh one takes over, and the memory of the old one goes with it.
type datagrams struct {
	front *front
	name  net.Addr // of the first socket: what sipgo knows us by, whatever became of that address
	inbox *inbox
	serve func(net.PacketConn) error // sipgo's reader
	done  chan struct{}
	wg    sync.WaitGroup

	open     atomic.Pointer[sockets]
	looking  sync.Mutex // held in the triage: two sockets may be read
	changing sync.Mutex // held while open changes
	stopped  bool       // under changing
	gone     uint64     // datagrams that the kernel dropped at sockets which are closed; under changing
}

// reader is one generation's view of the inbox.
type reader struct {
	*datagrams
	sources map[netip.AddrPort]struct{} // owned by the reading goroutine
	begun   chan struct{}               // closed at the first ReadFrom: sipgo has us in its pool
	once    sync.Once
}

func newDatagrams(s *socket, f *front, serve func(net.PacketConn) error) *datagrams {
	d := &datagrams{front: f, name: s.LocalAddr(), inbox: newInbox(), serve: serve, done: make(chan struct{})}
	d.open.Store(&sockets{now: s})
	return d
}

// start reads, and returns when sipgo does.
func (d *datagrams) start() {
	d.generation()
	s := d.open.Load().now
	d.wg.Go(func() { d.receive(s) })
}

// generation runs a new reader and returns when sipgo reads from it.
func (d *datagrams) generation() {
	r := &reader{datagrams: d, sources: make(map[netip.AddrPort]struct{}), begun: make(chan struct{})}
	d.wg.Go(func() {
		defer r.once.Do(func() { close(r.begun) })
		_ = d.serve(r) // ends when ReadFrom does; nothing to tell
	})
	<-r.begun
}

// receive reads a socket until it is closed, or stop.
func (d *datagrams) receive(s *socket) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		if s.batch.idle() {
			s.batch.flush()
			pause.Reset(s.batch.pause)
			select {
			case <-pause.C:
			case <-d.done:
			}
		}
		text, from, err := s.batch.receive()
		if err != nil {
			if !temporary(err) {
				return
			}
			continue // an ICMP error of an earlier datagram: the socket lives on
		}
		d.looking.Lock()
		a, answer, ok := d.front.triage(text, from, s.batch.room())
		d.looking.Unlock()
		s.batch.answer(answer) // stateless
		if !ok {
			continue
		}
		d.heard(from, s)
		if !d.inbox.put(a) {
			d.front.stats.overBudget.Add(1)
		}
	}
}

// stop ends the readers, waits for them and closes the sockets.
func (d *datagrams) stop() {
	d.changing.Lock()
	d.stopped = true
	open := d.open.Load()
	d.changing.Unlock()
	close(d.done)
	d.inbox.close()
	both := []*socket{open.now}
	if open.old != nil {
		both = append(both, open.old)
	}
	for _, s := range both {
		_ = s.SetReadDeadline(time.Unix(1, 0))
	}
	d.wg.Wait()
	d.changing.Lock()
	defer d.changing.Unlock()
	for _, s := range both {
		d.discard(s)
	}
}

// linger keeps the reader's entries in sipgo's pool for what is in flight: a message that finds none there makes sipgo open
// a socket of its own, which nobody closes and no front guards.
func (r *reader) linger(d time.Duration, until <-chan struct{}) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-until:
	}
	return net.ErrClosed
}

// ReadFrom gives sipgo the next message that passed the front.
func (r *reader) ReadFrom(b []byte) (int, net.Addr, error) {
	r.once.Do(func() { close(r.begun) })
	for {
		if len(r.sources) >= sourcesPerReader {
			return 0, nil, r.retire()
		}
		a, ok := r.inbox.take()
		if !ok {
			return 0, nil, r.linger(stopWait, nil)
		}
		addr := net.UDPAddrFromAddrPort(a.from)
		msg, answer := r.front.datagram(a)
		if len(answer) > 0 {
			_, _ = r.write(answer, addr) // stateless: a lost answer is asked for again
		}
		if msg == nil {
			continue
		}
		r.sources[a.from] = struct{}{}
		return copy(b, msg), addr, nil // msg is a part of the datagram, or rebuilt and hardly longer
	}
}

// WriteTo sends what sipgo has to send.
func (r *reader) WriteTo(b []byte, to net.Addr) (int, error) { return r.write(b, to) }

// LocalAddr is always the same: sipgo finds us by it.
func (r *reader) LocalAddr() net.Addr { return r.name }

// Close does nothing, and there are no deadlines: the sockets belong to all generations.
func (r *reader) Close() error { return nil }

// SetDeadline implements net.PacketConn, as the next two do.
func (r *reader) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing.
func (r *reader) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing.
func (r *reader) SetWriteDeadline(time.Time) error { return nil }

func (r *reader) retire() error {
	r.generation()
	return r.linger(retireWait, r.done)
}

func temporary(err error) bool {
	_, ok := err.(*os.SyscallError) //nolint:errorlint // the kernel's own error, not wrapped
	return ok
}

func addrPort(a net.Addr) netip.AddrPort {
	switch a := a.(type) {
	case *net.UDPAddr:
		ap := a.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	case *net.TCPAddr:
		ap := a.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	return netip.AddrPort{}
}
