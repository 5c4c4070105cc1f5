package admin

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// connections bounds the open connections of a listener. Whoever has proven nothing yet may be sent away for the sake of who comes after
// him: the one who has been there longest of those from his address, where there are too many of them, or of those from the address that has
// most, where there are too many of all. A connection over which somebody has proven who he is stays. So strangers keep out whoever can prove
// himself only where they have some maxStrangers addresses, and open connections over all of them faster than he proves himself over his.
type connections struct {
	net.Listener
	meters *meters // set once

	mu        sync.Mutex
	proven    int                  // guarded by mu, as are the others
	by        map[string]int       // the proven, by principal
	strangers []*connection        // oldest first
	from      map[netip.Prefix]int // the strangers, by source
}

func newConnections(l net.Listener, m *meters) *connections {
	return &connections{Listener: l, meters: m, by: make(map[string]int), from: make(map[netip.Prefix]int)}
}

// connection is one of them.
type connection struct {
	net.Conn
	of      *connections
	source  netip.Prefix
	givenUp atomic.Bool // by the kernel, since the peer took nothing
	by      string      // the principal who has proven himself over it first; guarded by of.mu
	proven  bool        // likewise
	gone    bool        // likewise
}

// Accept waits for a connection; it never waits for room.
func (l *connections) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &connection{Conn: conn, of: l, source: sourceOf(addressOf(conn.RemoteAddr().String()))}
	if evicted := l.enter(c); evicted != nil {
		_ = evicted.Conn.Close() // whoever serves it finds out
	}
	return c, nil
}

// addressOf is the address of a peer, the zero value where it has none.
func addressOf(peer string) netip.Addr {
	addr, err := netip.ParseAddrPort(peer)
	if err != nil {
		return netip.Addr{}
	}
	return addr.Addr()
}

// enter takes a connection in, and gives the one that has to go for it.
func (l *connections) enter(c *connection) (evicted *connection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.strangers = append(l.strangers, c)
	l.from[c.source]++
	l.meters.strangers.Inc()
	switch {
	case l.from[c.source] > maxStrangersOf:
		evicted = l.oldest(c.source)
	case len(l.strangers) > maxStrangers:
		evicted = l.oldest(l.largest())
	default:
		return nil
	}
	evicted.gone = true
	l.forget(evicted)
	l.meters.evicted.Inc()
	return evicted
}

// oldest gives the stranger of the source that has been there longest; there is one. mu is held.
func (l *connections) oldest(source netip.Prefix) *connection {
	return l.strangers[slices.IndexFunc(l.strangers, func(s *connection) bool { return s.source == source })]
}

// largest gives the source of most strangers, of several the one that has been there longest; mu is held.
func (l *connections) largest() (source netip.Prefix) {
	most := 0
	for _, s := range l.strangers {
		if n := l.from[s.source]; n > most {
			source, most = s.source, n
		}
	}
	return source
}

// prove notes that a principal has proven himself over the connection; false: he has his share of them already. Where too many have, of all, it
// stays what it was.
func (c *connection) prove(by string) bool {
	l := c.of
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case c.proven || c.gone:
		return true
	case l.by[by] >= maxProvenBy:
		return false
	case l.proven >= maxProven:
		return true
	}
	l.forget(c)
	c.proven, c.by = true, by
	l.proven++
	l.by[by]++
	l.meters.proven.Inc()
	return true
}

// forget takes it from the strangers; mu is held.
func (l *connections) forget(c *connection) {
	i := slices.Index(l.strangers, c)
	l.strangers = slices.Delete(l.strangers, i, i+1)
	less(l.from, c.source)
	l.meters.strangers.Dec()
}

// Close ends the connection; of several Closes the first counts.
func (c *connection) Close() error {
	l := c.of
	l.mu.Lock()
	if !c.gone {
		c.gone = true
		if c.proven {
			l.proven--
			less(l.by, c.by)
			l.meters.proven.Dec()
		} else {
			l.forget(c)
		}
	}
	l.mu.Unlock()
	return c.Conn.Close()
}

type connectionKey struct{}

// withConnection lets a request find its connection.
func withConnection(ctx context.Context, conn net.Conn) context.Context {
	if over, ok := conn.(*tls.Conn); ok {
		conn = over.NetConn()
	}
	return context.WithValue(ctx, connectionKey{}, conn)
}

// connectionOf gives the connection of a request; nil: it came by none of ours, as in a test.
func connectionOf(ctx context.Context) *connection {
	c, _ := ctx.Value(connectionKey{}).(*connection)
	return c
}

// hurry has the kernel give up a peer that lets its window shut, or acknowledges nothing, for so long, and keep not too much for it.
func (c *connection) hurry(patience time.Duration) error {
	tcp, ok := c.Conn.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return err
	}
	var set error
	err = raw.Control(func(fd uintptr) {
		set = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(patience.Milliseconds()))
	})
	return errors.Join(err, set, tcp.SetWriteBuffer(listenerBuffer))
}

// Read reads from the peer, and notes that the kernel has given it up.
func (c *connection) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if errors.Is(err, unix.ETIMEDOUT) {
		c.givenUp.Store(true)
	}
	return n, err
}

// Write writes to the peer. One that does not take it in time is told at the Close that follows, at once, and what the kernel keeps for it is
// dropped: an orderly end would stand behind what it does not read.
func (c *connection) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if errors.Is(err, unix.ETIMEDOUT) {
		c.givenUp.Store(true)
	}
	if tcp, ok := c.Conn.(*net.TCPConn); ok && errors.Is(err, os.ErrDeadlineExceeded) {
		_ = tcp.SetLinger(0) // one that has closed already has been told
	}
	return n, err
}
