package dialog

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Rebind puts the endpoint's UDP on another local address, of either family, as a device does that changes networks. Dialogs go on: from
// then on requests leave from there, and Via and Contact name it; that the peers learn of it is for the owners of the calls (Reinvite).
// What came in before is answered from the old address, which goes on listening for 64*T1, or until the next Rebind. On an error
// nothing has changed.
func (e *Endpoint) Rebind(udp string) error {
	if err := e.udpOn(); err != nil {
		return err
	}
	s, err := listenUDP(udp)
	if err != nil {
		return err
	}
	if !e.udp.rebind(s) {
		_ = s.Close()
		return ErrClosed
	}
	return nil
}

// Redirect sends what we send in the dialog from now on to another address of the peer's: who changes to another address family knows
// by name where the peer is in that one. The peer's own Contact may correct it. A connection stays what it is.
func (d *Dialog) Redirect(to netip.AddrPort) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.peer = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
}

// socket is a UDP socket of the endpoint.
type socket struct {
	net.PacketConn
	batch *batch // of the goroutine that reads it
}

func listenUDP(address string) (*socket, error) {
	pc, err := net.ListenPacket("udp", address)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if u, ok := pc.(*net.UDPConn); ok {
		_ = u.SetReadBuffer(socketBuffer) // the kernel may grant less
	}
	b, err := newBatch(pc)
	if err != nil {
		_ = pc.Close()
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return &socket{PacketConn: pc, batch: b}, nil
}

// sockets are those that are open: one, and for a while after a Rebind the one before.
type sockets struct {
	now, old *socket
	callers  *callers // who was heard over now; nil without old
}

// callers are the sources that were heard over a new socket. Bounded: those beyond are taken for callers of the old one.
type callers struct {
	mu sync.Mutex
	by map[netip.AddrPort]struct{}
}

func (c *callers) add(from netip.AddrPort) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.by) < sourcesPerReader {
		c.by[from] = struct{}{}
	}
}

func (c *callers) has(from netip.AddrPort) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.by[from]
	return ok
}

// heard notes over which socket somebody speaks, while there are two.
func (d *datagrams) heard(from netip.AddrPort, over *socket) {
	if open := d.open.Load(); open.old != nil && open.now == over {
		open.callers.add(from)
	}
}

// write sends a message: from the new address, unless it answers somebody who was heard over the old one alone. If that network is gone
// the new one may still reach him.
func (d *datagrams) write(b []byte, to net.Addr) (int, error) {
	open := d.open.Load()
	if open.old != nil && response(b) && !open.callers.has(addrPort(to)) {
		if n, err := open.old.WriteTo(b, to); err == nil {
			return n, nil
		}
	}
	return open.now.WriteTo(b, to)
}

// rebind makes s the socket; false when the endpoint is closed.
func (d *datagrams) rebind(s *socket) bool {
	d.changing.Lock()
	defer d.changing.Unlock()
	if d.stopped {
		return false
	}
	was := d.open.Load()
	if was.old != nil {
		d.discard(was.old)
	}
	d.open.Store(&sockets{now: s, old: was.now, callers: &callers{by: make(map[netip.AddrPort]struct{})}})
	d.wg.Go(func() { d.receive(s) })
	d.wg.Go(func() { d.forget(was.now) })
	return true
}

// forget closes an old socket when nobody can expect anything over it any more.
func (d *datagrams) forget(old *socket) {
	t := time.NewTimer(t64())
	defer t.Stop()
	select {
	case <-t.C:
	case <-d.done:
		return // stop closes it
	}
	d.changing.Lock()
	defer d.changing.Unlock()
	if open := d.open.Load(); open.old == old {
		d.open.Store(&sockets{now: open.now})
		d.discard(old)
	}
}

// discard closes an old socket. Called with changing held.
func (d *datagrams) discard(old *socket) {
	d.gone += old.batch.drops()
	_ = old.Close()
}

// drops is how many datagrams the kernel has dropped so far.
func (d *datagrams) drops() uint64 {
	d.changing.Lock()
	defer d.changing.Unlock()
	open := d.open.Load()
	n := d.gone + open.now.batch.drops()
	if open.old != nil {
		n += open.old.batch.drops()
	}
	return n
}
