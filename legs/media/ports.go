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
	ip     netip.Addr
	lo, hi uint16
	now    func() time.Time

	mu       sync.Mutex
	taken    map[uint16]struct{}  // RTP ports of open streams
	released map[uint16]time.Time // RTP ports of closed ones; at most one entry per pair of the range
	next     uint16               // where the next search begins; range mode only

	drains sync.Pool // *drain; one per worker that is inside a tick
}

// NewPorts makes pairs available on addr between lo and hi, both included; 0 and 0 lets the kernel choose.
func NewPorts(addr netip.Addr, lo, hi uint16) *Ports {
	p := &Ports{
		ip: addr.Unmap(), lo: lo, hi: hi, now: time.Now,
		taken: make(map[uint16]struct{}), released: make(map[uint16]time.Time),
	}
	p.drains.New = func() any { return newDrain() }
	if n := p.pairs(); n > 0 {
		p.next = uint16(rand.IntN(n)) //nolint:gosec // G404: no secret, only so that a restarted server does not meet the packets of its former calls
	}
	return p
}

// first is the lowest RTP port of the range.
func (p *Ports) first() int { return (int(p.lo) + 1) &^ 1 }

// pairs is how many pairs the range holds; 0 in any-port mode.
func (p *Ports) pairs() int {
	if p.lo == 0 || int(p.hi) <= p.first() {
		return 0
	}
	return (int(p.hi) - p.first() + 1) / 2
}

// InUse returns the number of pairs that open streams hold.
func (p *Ports) InUse() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.taken)
}

// open binds a pair of sockets.
func (p *Ports) open() (rtp, rtcp socket, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lo == 0 && p.hi == 0 {
		rtp, rtcp, err = p.openAny()
	} else {
		rtp, rtcp, err = p.openInRange()
	}
	if err != nil {
		return rtp, rtcp, err
	}
	p.taken[rtp.port] = struct{}{}
	delete(p.released, rtp.port)
	return rtp, rtcp, nil
}

// openInRange takes the next pair that has rested; when none has, whichever binds.
func (p *Ports) openInRange() (rtp, rtcp socket, err error) {
	n := p.pairs()
	for _, rested := range []bool{true, false} {
		for i := range n {
			k := (int(p.next) + i) % n
			port := uint16(p.first() + 2*k)
			if _, used := p.taken[port]; used || p.resting(port) == rested {
				continue
			}
			if rtp, rtcp, err = p.bindPair(port); err == nil {
				p.next = uint16((k + 1) % n)
				return rtp, rtcp, nil
			}
		}
	}
	return rtp, rtcp, errors.Join(fmt.Errorf("%w between %d and %d", ErrNoPorts, p.lo, p.hi), err)
}

func (p *Ports) resting(port uint16) bool {
	at, ok := p.released[port]
	return ok && p.now().Sub(at) < portRest
}

// openAny lets the kernel choose one port and takes its neighbour to make a pair.
func (p *Ports) openAny() (rtp, rtcp socket, err error) {
	for i := range anyPortTries {
		var a, b socket
		if a, err = openSocket(p.ip, 0); err != nil {
			return socket{fd: -1}, socket{fd: -1}, err
		}
		if p.resting(a.port&^1) && i < anyPortTries/2 {
			err = a.close()
			continue
		}
		if b, err = openSocket(p.ip, a.port^1); err != nil {
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
func (p *Ports) bindPair(port uint16) (rtp, rtcp socket, err error) {
	if rtp, err = openSocket(p.ip, port); err != nil {
		return rtp, socket{fd: -1}, err
	}
	if rtcp, err = openSocket(p.ip, port+1); err != nil {
		return socket{fd: -1}, rtcp, errors.Join(err, rtp.close())
	}
	return rtp, rtcp, nil
}

// release gives a pair back after its sockets were closed.
func (p *Ports) release(port uint16) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.taken, port)
	if len(p.released) > maxPort/2 {
		return
	}
	p.released[port] = p.now()
}
