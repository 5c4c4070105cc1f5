package dtls

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// attemptQueue bounds the datagrams that wait for an attempt: two flights of a long certificate chain.
	attemptQueue = 32
	// attemptOctets bounds what one attempt may be fed before it has succeeded: pion keeps fragments, and a stranger's too.
	attemptOctets = 256 << 10
)

// attempt is one try at the handshake with one peer address: a packet connection of its own for pion, over the common path.
type attempt struct {
	path   net.PacketConn
	peer   net.Addr       // as the path names it
	from   netip.AddrPort // the same, to compare
	random [randomLen]byte
	began  time.Time
	since  time.Time // when the first of this address's attempts began that led to this one
	cancel context.CancelFunc

	cookie atomic.Pointer[[]byte] // that we asked the peer to repeat; nil before

	proven bool // it repeated the cookie, so that it is where it says; guarded by host.mu
	ended  bool // guarded by host.mu
	fed    int  // octets; guarded by host.mu

	plain uint64 // records in plain text that were fed; guarded by host.mu

	in        chan []byte
	closed    chan struct{}
	closeOnce sync.Once

	mu   sync.Mutex
	halt chan struct{} // closed: reads return at once; guarded by mu
}

func newAttempt(path net.PacketConn, peer net.Addr, from netip.AddrPort) *attempt {
	return &attempt{
		path: path, peer: peer, from: from, began: time.Now(),
		in: make(chan []byte, attemptQueue), closed: make(chan struct{}), halt: make(chan struct{}),
	}
}

// feed hands a datagram of its own to the attempt, or drops it: a peer repeats what is lost.
func (a *attempt) feed(datagram []byte) {
	if len(datagram) == 0 {
		return
	}
	select {
	case a.in <- datagram:
	default:
	}
}

// renumber gives records in plain text the numbers in which they came. Nothing vouches for their own, and with one far ahead anybody
// would move pion's replay window past all that the peer still has to say; messages repeated are known by their own numbers.
func (a *attempt) renumber(datagram []byte) {
	for record, rest := cut(datagram); record != nil; record, rest = cut(rest) {
		if epoch(record) == 0 {
			binary.BigEndian.PutUint64(record[3:], a.plain) // with epoch 0: fewer than 2^48 are ever fed
			a.plain++
		}
	}
}

// ReadFrom implements net.PacketConn.
func (a *attempt) ReadFrom(p []byte) (int, net.Addr, error) {
	a.mu.Lock()
	halt := a.halt
	a.mu.Unlock()
	select {
	case <-a.closed:
		return 0, nil, net.ErrClosed
	case <-halt:
		return 0, nil, os.ErrDeadlineExceeded
	case datagram := <-a.in:
		return copy(p, datagram), a.peer, nil
	}
}

// WriteTo implements net.PacketConn. A datagram that the path does not take is one lost on the way.
func (a *attempt) WriteTo(p []byte, _ net.Addr) (int, error) {
	select {
	case <-a.closed:
		return 0, net.ErrClosed
	default:
	}
	if kind, body, _, ok := message(p); ok && kind == messageHelloVerify {
		cookie := bytes.Clone(readCookie(body))
		a.cookie.Store(&cookie)
	}
	_, _ = a.path.WriteTo(p, a.peer)
	return len(p), nil
}

// Close implements net.PacketConn; the path stays open.
func (a *attempt) Close() error {
	a.closeOnce.Do(func() { close(a.closed) })
	return nil
}

// LocalAddr implements net.PacketConn.
func (a *attempt) LocalAddr() net.Addr { return a.path.LocalAddr() }

// SetReadDeadline implements net.PacketConn as far as pion uses it: any time breaks reading off, none lets it go on.
func (a *attempt) SetReadDeadline(t time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	select {
	case <-a.halt:
		if t.IsZero() {
			a.halt = make(chan struct{})
		}
	default:
		if !t.IsZero() {
			close(a.halt)
		}
	}
	return nil
}

// SetWriteDeadline implements net.PacketConn: writing does not wait.
func (a *attempt) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline implements net.PacketConn.
func (a *attempt) SetDeadline(t time.Time) error { return a.SetReadDeadline(t) }
