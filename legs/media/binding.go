package media

import (
	"errors"
	"fmt"
	"net/netip"
)

// binding is a pair of sockets on a local address. Nothing in it changes.
type binding struct {
	rtp, rtcp socket
	local     netip.AddrPort // of RTP
	ipv6      bool           // family of the sockets
}

// reaches says whether packets can be sent to an address: one of the same family, or any where every address of ours is bound.
func (b *binding) reaches(to netip.Addr) bool {
	return to.Unmap().Is6() == b.ipv6 || b.ipv6 && b.local.Addr().IsUnspecified()
}

// address makes a socket address of one that can be reached; else there is none.
func (b *binding) address(to netip.AddrPort) address {
	if to.IsValid() && b.reaches(to.Addr()) {
		if a, err := newAddress(to, b.ipv6); err == nil {
			return a
		}
	}
	return address{where: to}
}

func (b *binding) close() error { return errors.Join(b.rtp.close(), b.rtcp.close()) }

// stations are the sockets of a stream; owned by the tick worker. There is one binding, but for a while after a Rebind.
type stations struct {
	here *binding             // where the peer is told to send to
	way  *binding             // what we send from: here, or one of those left while here does not reach the peer
	left [maxLeft]leftBinding // those before, newest first; the packets under way to them are still heard
	n    int                  // of left
	from *binding             // being read
}

// leftBinding is one that was left.
type leftBinding struct {
	*binding
	ticks int // to go
}

// Rebind moves the stream to another local address, of either family. LocalAddr is the new one at once; packets are sent from it from the
// next tick on, and to it as soon as the peer knows. Those that still come to the old ports are heard for 2 s. Keys, SSRC, sequence
// numbers and roll-over counter go on. While the new address does not reach the peer (it is of the other family, and Configure has not
// named an address of that family yet) the old one is sent from. Any goroutine.
func (s *Stream) Rebind(local netip.Addr) error {
	fresh, err := s.ports.open(local)
	if err != nil {
		return err
	}
	s.post.Lock()
	closed, unused := s.closed.Load(), fresh
	if !closed {
		s.at.Store(fresh)
		unused = s.newBinding.Swap(fresh) // not taken yet
	}
	s.post.Unlock()
	if unused != nil {
		err = s.vacate(unused)
	}
	if closed {
		return errors.Join(ErrClosed, err)
	}
	return err
}

// Reach makes sure that a peer at an address can be sent to, and can send to LocalAddr, which it returns: where the stream is bound to
// an address of the other family it is bound anew, if its Ports have one of this family. Any goroutine.
func (s *Stream) Reach(peer netip.Addr) (netip.AddrPort, error) {
	if s.at.Load().reaches(peer) {
		return s.LocalAddr(), nil
	}
	local, err := s.ports.For(peer)
	if err == nil {
		err = s.Rebind(local)
	}
	return s.LocalAddr(), err
}

// vacate closes a pair of sockets that the tick worker does not use, and that is not where we are: a write of the path's that began
// before may still be under way.
func (s *Stream) vacate(b *binding) error {
	if p := s.path.Load(); p != nil {
		p.mu.Lock()
		err := b.close()
		p.mu.Unlock()
		return s.vacated(b, err)
	}
	return s.vacated(b, b.close())
}

// vacated gives the ports of closed sockets back.
func (s *Stream) vacated(b *binding, err error) error {
	s.ports.release(b.local)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSocket, err)
	}
	return nil
}

// move goes over to a binding that was posted. Tick worker only.
func (s *Stream) move(to *binding) {
	st := &s.stations
	if st.n == maxLeft {
		st.n--
		if oldest := st.left[st.n].binding; oldest != st.way {
			s.leave(oldest)
		} else {
			s.leave(st.left[st.n-1].binding)
			st.left[st.n-1].binding = oldest
		}
	}
	copy(st.left[1:], st.left[:st.n])
	st.left[0] = leftBinding{st.here, leftTicks}
	st.n++
	st.here = to
	s.aim(s.peer.rtp.where, s.peer.rtcp.where)
}

// aim sends to an address from now on: from where we are, or from where we were while only that reaches it.
func (s *Stream) aim(rtp, rtcp netip.AddrPort) {
	st := &s.stations
	if rtp.IsValid() && !st.here.reaches(rtp.Addr()) {
		for i := range st.left[:st.n] {
			if st.left[i].reaches(rtp.Addr()) {
				s.aimFrom(st.left[i].binding, rtp, rtcp)
				return
			}
		}
	}
	s.aimFrom(st.here, rtp, rtcp)
}

// aimFrom sends from a binding.
func (s *Stream) aimFrom(b *binding, rtp, rtcp netip.AddrPort) {
	if rtp != s.peer.rtp.where {
		s.counters.remote.Store(&rtp)
	}
	s.stations.way = b
	s.peer.rtp, s.peer.rtcp = b.address(rtp), b.address(rtcp)
}

// drainLeft reads what still comes to the sockets that were left, and leaves those for good whose time is over and that are not sent from.
func (s *Stream) drainLeft(d *drain) {
	st := &s.stations
	for i := st.n - 1; i >= 0; i-- {
		b := &st.left[i]
		st.from = b.binding
		s.drainSocket(d, b.rtp, false)
		s.drainSocket(d, b.rtcp, true)
		if b.binding == st.way {
			continue
		}
		if b.ticks--; b.ticks <= 0 {
			s.leave(b.binding)
			copy(st.left[i:], st.left[i+1:st.n])
			st.n--
			st.left[st.n] = leftBinding{}
		}
	}
	st.from = st.here
}

// leave closes a binding beside the ticks, which wait for no lock: whoever opens ports holds theirs.
func (s *Stream) leave(b *binding) {
	s.leaving.Go(func() {
		if err := s.vacate(b); err != nil {
			s.log.Warn("media socket does not close", "port", b.local.Port(), "err", err)
		}
	})
}

// vacateAll closes every binding. Called when no worker touches the stream any more, and no path is left.
func (s *Stream) vacateAll() (err error) {
	s.leaving.Wait()
	s.post.Lock() // a Rebind has posted its own before, or sees that the stream is closed
	untaken := s.newBinding.Swap(nil)
	s.post.Unlock()
	st := &s.stations
	for i := range st.left[:st.n] {
		err = errors.Join(err, s.vacate(st.left[i].binding))
	}
	if untaken != nil {
		err = errors.Join(err, s.vacate(untaken))
	}
	return errors.Join(err, s.vacate(st.here))
}

// LocalAddr is where RTP is received; RTCP one port above. Rebind changes it.
func (s *Stream) LocalAddr() netip.AddrPort { return s.at.Load().local }
