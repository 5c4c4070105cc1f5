package media

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"
)

// Ports hands out pairs of UDP ports, even for RTP and the next for RTCP (RFC 3550 section 11), and owns what its streams share.
// Any goroutine.
type Ports struct {
	lo, hi uint16
	now    func() time.Time

	mu       sync.Mutex
	addrs    []netip.Addr                 // by preference, one of a family
	taken    map[netip.AddrPort]struct{}  // of RTP, of open streams
	released map[netip.AddrPort]time.Time // of RTP, of closed ones; bounded
	next     uint16                       // where the next search begins; range mode only

	drains sync.Pool // *drain; one per worker that is inside a tick
}

// NewPorts makes pairs available between lo and hi, both included; 0 and 0 lets the kernel choose. Streams are bound to addr, and to
// one of the others, as far as they are valid, where a peer is of its family. SetAddress changes them.
func NewPorts(addr netip.Addr, lo, hi uint16, others ...netip.Addr) *Ports {
	p := &Ports{
		addrs: []netip.Addr{addr.Unmap()}, lo: lo, hi: hi, now: time.Now,
		taken: make(map[netip.AddrPort]struct{}), released: make(map[netip.AddrPort]time.Time),
	}
	for _, other := range others {
		if other.IsValid() {
			p.addrs = append(p.addrs, other.Unmap())
		}
	}
	p.drains.New = func() any { return newDrain() }
	if n := p.pairs(); n > 0 {
		p.next = uint16(rand.IntN(n)) //nolint:gosec // G404: no secret, only so that a restarted server does not meet the packets of its former calls
	}
	return p
}

// lowest is the lowest RTP port of the range.
func (p *Ports) lowest() int { return (int(p.lo) + 1) &^ 1 }

// pairs is how many pairs the range holds; 0 in any-port mode.
func (p *Ports) pairs() int {
	if p.lo == 0 || int(p.hi) <= p.lowest() {
		return 0
	}
	return (int(p.hi) - p.lowest() + 1) / 2
}

// InUse returns the number of pairs that open streams hold.
func (p *Ports) InUse() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.taken)
}

// SetAddress puts an address in the place of the one of its family: for streams that are opened from now on, and for those that Rebind
// or Reach moves.
func (p *Ports) SetAddress(addr netip.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	addr = addr.Unmap()
	for i, ip := range p.addrs {
		if ip.Is4() == addr.Is4() {
			p.addrs[i] = addr
			return
		}
	}
	p.addrs = append(p.addrs, addr)
}

// Address is the address of a family; not valid: there is none.
func (p *Ports) Address(ipv6 bool) netip.Addr {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, ip := range p.addrs {
		if ip.Is4() != ipv6 {
			return ip
		}
	}
	return netip.Addr{}
}

// first is the address that a stream is opened on.
func (p *Ports) first() netip.Addr {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.addrs[0]
}

// For is the local address that a peer can reach: the first of its family.
func (p *Ports) For(peer netip.Addr) (netip.Addr, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, ip := range p.addrs {
		if (&binding{local: netip.AddrPortFrom(ip, 0), ipv6: !ip.Is4()}).reaches(peer) {
			return ip, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("%w: %s", ErrFamily, peer)
}

// open binds a pair of sockets on a local address.
func (p *Ports) open(ip netip.Addr) (*binding, error) {
	ip = ip.Unmap()
	p.mu.Lock()
	defer p.mu.Unlock()
	search := p.openInRange
	if p.lo == 0 && p.hi == 0 {
		search = p.openAny
	}
	rtp, rtcp, err := search(ip)
	if err != nil {
		return nil, err
	}
	b := &binding{rtp: rtp, rtcp: rtcp, local: netip.AddrPortFrom(ip, rtp.port), ipv6: !ip.Is4()}
	p.taken[b.local] = struct{}{}
	delete(p.released, b.local)
	return b, nil
}

// openInRange takes the next pair that has rested; when none has, whichever binds.
func (p *Ports) openInRange(ip netip.Addr) (rtp, rtcp socket, err error) {
	n := p.pairs()
	for _, rested := range []bool{true, false} {
		for i := range n {
			k := (int(p.next) + i) % n
			port := uint16(p.lowest() + 2*k)
			at := netip.AddrPortFrom(ip, port)
			if _, used := p.taken[at]; used || p.resting(at) == rested {
				continue
			}
			if rtp, rtcp, err = bindPair(ip, port); err == nil {
				p.next = uint16((k + 1) % n)
				return rtp, rtcp, nil
			}
		}
	}
	return rtp, rtcp, errors.Join(fmt.Errorf("%w between %d and %d", ErrNoPorts, p.lo, p.hi), err)
}

func (p *Ports) resting(at netip.AddrPort) bool {
	since, ok := p.released[at]
	return ok && p.now().Sub(since) < portRest
}

// openAny lets the kernel choose one port and takes its neighbour to make a pair.
func (p *Ports) openAny(ip netip.Addr) (rtp, rtcp socket, err error) {
	for i := range anyPortTries {
		var a, b socket
		if a, err = openSocket(ip, 0); err != nil {
			return socket{fd: -1}, socket{fd: -1}, err
		}
		if p.resting(netip.AddrPortFrom(ip, a.port&^1)) && i < anyPortTries/2 {
			err = a.close()
			continue
		}
		if b, err = openSocket(ip, a.port^1); err != nil {
			err = errors.Join(err, a.close())
			continue
		}
		if a.port&1 == 0 {
			return a, b, nil
		}
		return b, a, nil
	}
	return socket{fd: -1}, socket{fd: -1}, errors.Join(ErrNoPorts, err)
}

// bindPair binds port and the one above.
func bindPair(ip netip.Addr, port uint16) (rtp, rtcp socket, err error) {
	if rtp, err = openSocket(ip, port); err != nil {
		return rtp, socket{fd: -1}, err
	}
	if rtcp, err = openSocket(ip, port+1); err != nil {
		return socket{fd: -1}, rtcp, errors.Join(err, rtp.close())
	}
	return rtp, rtcp, nil
}

// release gives a pair back after its sockets were closed.
func (p *Ports) release(at netip.AddrPort) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.taken, at)
	if len(p.released) > maxPort/2 {
		return
	}
	p.released[at] = p.now()
}
