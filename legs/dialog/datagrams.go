package dialog

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// datagrams is the UDP listener. sipgo remembers every source address for the life of a reader, so it is given readers that
// retire: after sourcesPerReader different sources a fresh one takes over, and the memory of the old one goes with it.
type datagrams struct {
	net.PacketConn
	front *front
	serve func(net.PacketConn) error // sipgo's reader
	done  chan struct{}
	wg    sync.WaitGroup
}

// reader is one generation's view of the socket.
type reader struct {
	*datagrams
	sources map[netip.AddrPort]struct{} // owned by the reading goroutine
	begun   chan struct{}               // closed at the first ReadFrom: sipgo has us in its pool
	once    sync.Once
}

func newDatagrams(pc net.PacketConn, f *front, serve func(net.PacketConn) error) *datagrams {
	return &datagrams{PacketConn: pc, front: f, serve: serve, done: make(chan struct{})}
}

// start runs a new generation and returns when sipgo reads from it.
func (d *datagrams) start() {
	r := &reader{datagrams: d, sources: make(map[netip.AddrPort]struct{}), begun: make(chan struct{})}
	d.wg.Go(func() {
		defer r.once.Do(func() { close(r.begun) })
		_ = d.serve(r) // ends when ReadFrom does; nothing to tell
	})
	<-r.begun
}

// stop ends the readers, waits for them and closes the socket.
func (d *datagrams) stop() {
	close(d.done)
	_ = d.SetReadDeadline(time.Unix(1, 0))
	d.wg.Wait()
	_ = d.PacketConn.Close()
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
		n, addr, err := r.PacketConn.ReadFrom(b)
		if err != nil {
			select {
			case <-r.done:
				return 0, nil, r.linger(stopWait, nil)
			default:
			}
			if n == 0 && addr == nil && !temporary(err) {
				return 0, nil, net.ErrClosed
			}
			continue // an ICMP error of an earlier datagram: the socket lives on
		}
		from := addrPort(addr)
		msg, answer := r.front.datagram(b[:n], from.Addr())
		if answer != nil {
			_, _ = r.WriteTo(answer, addr) // stateless: a lost answer is asked for again
		}
		if msg == nil {
			continue
		}
		r.sources[from] = struct{}{}
		return copy(b, msg), addr, nil // msg is b's own front part, or rebuilt and hardly longer
	}
}

// Close does nothing: the socket belongs to all generations.
func (r *reader) Close() error { return nil }

func (r *reader) retire() error {
	r.start()
	return r.linger(retireWait, r.done)
}

func temporary(err error) bool {
	op, ok := err.(*net.OpError) //nolint:errorlint // the kernel's own error, not wrapped
	return ok && !op.Timeout() && !errors.Is(op.Err, net.ErrClosed)
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
