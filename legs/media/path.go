package media

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// path is the way of DTLS records through the RTP socket (RFC 5764 section 5.1.2). The tick worker puts them into a bounded queue,
// without looking further than the first octet; who reads them decides what they are worth.
type path struct {
	stream *Stream
	free   chan *record // pathRecords in all circulate between the two
	full   chan *record
	done   chan struct{} // closed by Close

	readBy, writeBy deadline

	mu     sync.Mutex // held while the socket is written: the stream closes it only behind Close
	closed bool
}

// record is one datagram.
type record struct {
	from   netip.AddrPort
	n      int
	octets [maxDatagram]byte
}

// Path is the way of DTLS records through the RTP socket: what reads like a socket of its own gets the datagrams whose first octet
// says DTLS (RFC 7983). The stream has one; after its Close, a new one. Records arrive with the ticks of Next, and only while there is
// a path; those that nobody reads in time are lost, as are those of strangers when they crowd. It ends with the stream. Any goroutine.
func (s *Stream) Path() net.PacketConn {
	s.post.Lock()
	defer s.post.Unlock()
	if p := s.path.Load(); p != nil {
		return p
	}
	p := &path{
		stream: s, free: make(chan *record, pathRecords), full: make(chan *record, pathRecords), done: make(chan struct{}),
	}
	if s.closed.Load() {
		_ = p.Close()
		return p
	}
	for range pathRecords {
		p.free <- &record{}
	}
	s.path.Store(p)
	return p
}

// shutPath ends the path before the socket is closed.
func (s *Stream) shutPath() {
	s.post.Lock()
	defer s.post.Unlock()
	if p := s.path.Load(); p != nil {
		_ = p.Close()
	}
}

// toPath queues a datagram for the path, if there is one. Tick worker only.
func (s *Stream) toPath(g *datagram) bool {
	p := s.path.Load()
	if p == nil {
		return false
	}
	from := source(g.from)
	if !p.put(g.buf, from, from.Addr() == s.peer.rtp.where.Addr()) {
		s.counters.malformed.Add(1)
	}
	return true
}

// put copies one datagram into the queue; false: no room. It never waits and makes nothing.
func (p *path) put(b []byte, from netip.AddrPort, peer bool) bool {
	if !peer && len(p.free) <= pathReserved {
		return false
	}
	select {
	case r := <-p.free:
		r.from, r.n = from, copy(r.octets[:], b)
		select {
		case p.full <- r:
			return true
		default: // never: there are no more records than room
		}
	default:
	}
	return false
}

// ReadFrom waits for the next record; what is longer than b is cut off.
func (p *path) ReadFrom(b []byte) (int, net.Addr, error) {
	late := p.readBy.passed()
	select {
	case <-p.done:
		return 0, nil, net.ErrClosed
	case <-late:
		return 0, nil, os.ErrDeadlineExceeded
	default:
	}
	select {
	case <-p.done:
		return 0, nil, net.ErrClosed
	case <-late:
		return 0, nil, os.ErrDeadlineExceeded
	case r := <-p.full:
		n, from := copy(b, r.octets[:r.n]), net.UDPAddrFromAddrPort(r.from)
		p.free <- r // there is room: no more records than that
		return n, from, nil
	}
}

// WriteTo sends b from the RTP socket. It does not wait: a datagram that finds the socket full is lost, as any may be.
func (p *path) WriteTo(b []byte, to net.Addr) (int, error) {
	select {
	case <-p.writeBy.passed():
		return 0, os.ErrDeadlineExceeded
	default:
	}
	udp, ok := to.(interface{ AddrPort() netip.AddrPort })
	if !ok {
		return 0, fmt.Errorf("%w: address of type %T", ErrParams, to)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return 0, net.ErrClosed
	}
	at := p.stream.at.Load() // open as long as mu is held
	raw, err := newAddress(udp.AddrPort(), at.ipv6)
	if err != nil {
		return 0, err
	}
	err = at.rtp.write(b, &raw)
	if err == nil || errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.ENOBUFS) {
		return len(b), nil
	}
	return 0, fmt.Errorf("%w: %w", ErrSocket, err)
}

// Close ends the path, not the stream; a second call does nothing.
func (p *path) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	p.closed = true
	close(p.done)
	p.stream.path.CompareAndSwap(p, nil)
	p.readBy.set(time.Time{})
	p.writeBy.set(time.Time{})
	return nil
}

// LocalAddr is that of RTP.
func (p *path) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(p.stream.LocalAddr()) }

// SetDeadline bounds ReadFrom and WriteTo, those that wait already too; the zero time lifts the bound.
func (p *path) SetDeadline(t time.Time) error { return p.bound(t, &p.readBy, &p.writeBy) }

// SetReadDeadline bounds ReadFrom.
func (p *path) SetReadDeadline(t time.Time) error { return p.bound(t, &p.readBy) }

// SetWriteDeadline bounds WriteTo, which does not wait: it matters only when it has passed.
func (p *path) SetWriteDeadline(t time.Time) error { return p.bound(t, &p.writeBy) }

func (p *path) bound(t time.Time, which ...*deadline) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return net.ErrClosed
	}
	for _, d := range which {
		d.set(t)
	}
	return nil
}
