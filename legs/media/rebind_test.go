package media

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"testing"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/mixer/codec"
)

var (
	elsewhere = netip.MustParseAddr("127.0.0.2")
	loopback6 = netip.MustParseAddr("::1")
)

// movers are two streams that send each other numbered frames; every tick must bring the next one to both.
type movers struct {
	t    *testing.T
	a, b *Stream
	tick int
}

// newMovers connects two streams with both families.
func newMovers(t *testing.T, mux bool) *movers {
	t.Helper()
	m := &movers{t: t}
	for _, s := range []**Stream{&m.a, &m.b} {
		l := NewLedger()
		*s = openOn(t, NewPorts(loopback, 0, 0, loopback6), Options{CNAME: "test", Ledger: l})
		(*s).out.sequence = 65500 // so that it begins anew on the way
		t.Cleanup(func() {
			if n := l.Repeated(); n != 0 {
				t.Errorf("%d indexes were used twice", n)
			}
		})
	}
	p := pcmu()
	p.RTCPMux = mux
	connect(t, keying.AEADAES256GCM, p, m.a, m.b)
	return m
}

// run runs ticks; what is sent in one is due in the next.
func (m *movers) run(ticks int) {
	m.t.Helper()
	for range ticks {
		for name, s := range map[string]*Stream{"a": m.a, "b": m.b} {
			n, ok := voice(s.Next(codec.Tick(m.tick)))
			if m.tick > 1 && (!ok || n != m.tick-1) {
				m.t.Fatalf("tick %d: %s hears frame %d (%v)", m.tick, name, n, ok)
			}
		}
		for _, s := range []*Stream{m.a, m.b} {
			s.Send(codec.Tick(m.tick), codec.Packet{Payload: frameOf(m.tick, 160)})
		}
		m.tick++
	}
}

// whole says that nothing was lost, and who moved.
func (m *movers) whole(moves uint64) {
	m.t.Helper()
	for name, s := range map[string]*Stream{"a": m.a, "b": m.b} {
		n := s.Snapshot()
		if n.Lost+n.Late+n.Concealed+n.AuthFailed+n.Replayed+n.SendErrors+n.AddressRefused != 0 || n.RTCPReceived < 2 {
			m.t.Errorf("%s: %+v", name, n)
		}
		s.leaving.Wait()
		if n := s.ports.InUse(); n != 1 {
			m.t.Errorf("%s holds %d pairs of ports, want 1", name, n)
		}
	}
	if n := m.b.Snapshot(); n.AddressChanges != moves || n.Remote != m.a.LocalAddr() {
		m.t.Errorf("b followed %d times, to %v; want %d, to %v", n.AddressChanges, n.Remote, moves, m.a.LocalAddr())
	}
}

// TestRebindLosesNothing: a stream that moves to another address is followed by its peer, and neither misses a frame.
func TestRebindLosesNothing(t *testing.T) {
	for _, mux := range []bool{true, false} {
		m := newMovers(t, mux)
		m.run(30)
		was := m.a.LocalAddr()
		if err := m.a.Rebind(elsewhere); err != nil {
			t.Fatal(err)
		}
		if now := m.a.LocalAddr(); now == was || now.Addr() != elsewhere || now.Port()%2 != 0 {
			t.Errorf("moved from %v to %v", was, now)
		}
		m.run(leftTicks + 1)
		if err := m.a.Rebind(loopback); err != nil {
			t.Fatal(err)
		}
		m.run(3 * rtcpInterval) // two reports at least, however long their times are drawn
		m.whole(2)
	}
}

// TestRebindToTheOtherFamily: each step of the way that a re-INVITE goes takes effect at another time on each side.
func TestRebindToTheOtherFamily(t *testing.T) {
	needIPv6(t)
	for _, mux := range []bool{true, false} {
		m := newMovers(t, mux)
		m.run(30)
		for _, family := range []netip.Addr{loopback6, loopback} {
			p := pcmu()
			p.RTCPMux = mux
			if err := m.a.Rebind(family); err != nil { // then its re-INVITE
				t.Fatal(err)
			}
			m.run(3)
			local, err := m.b.Reach(family)
			if err != nil || local.Addr() != family || local != m.b.LocalAddr() {
				t.Fatalf("b is at %v: %v", local, err)
			}
			m.run(3)
			p.Remote = m.a.LocalAddr()
			configure(t, m.b, p) // sends its answer
			m.run(3)
			p.Remote = local
			configure(t, m.a, p)
			m.run(3 * rtcpInterval) // two reports at least, however long their times are drawn
			m.whole(0)
		}
	}
}

func needIPv6(t *testing.T) {
	t.Helper()
	c, err := net.ListenUDP("udp6", &net.UDPAddr{IP: net.IPv6loopback})
	if err != nil {
		t.Skipf("no IPv6 on this host: %v", err)
	}
	_ = c.Close()
}

// TestRebindThatThePeerDoesNotFollow: as long as no address of ours reaches the peer we send from the one that did, however often we move,
// and hear what comes there.
func TestRebindThatThePeerDoesNotFollow(t *testing.T) {
	needIPv6(t)
	m := newMovers(t, true)
	m.run(30)
	for moves := range 2 * maxLeft {
		if err := m.a.Rebind(loopback6); err != nil {
			t.Fatal(err)
		}
		m.run(1)
		m.a.leaving.Wait()
		if n := m.a.ports.InUse(); n != min(moves+2, maxLeft+1) {
			t.Errorf("%d pairs of ports after %d moves", n, moves+1)
		}
	}
	m.run(2 * leftTicks)
	m.a.leaving.Wait()
	if n := m.a.ports.InUse(); n != 2 {
		t.Errorf("%d pairs of ports, want those of here and of the way", n)
	}
	if err := m.a.Rebind(loopback); err != nil {
		t.Fatal(err)
	}
	m.run(3 * rtcpInterval) // two reports at least, however long their times are drawn
	m.whole(1)
}

func TestReach(t *testing.T) {
	s := open(t)
	at := s.LocalAddr()
	for _, near := range []string{"127.0.0.9", "::ffff:127.0.0.9"} {
		if local, err := s.Reach(netip.MustParseAddr(near)); err != nil || local != at {
			t.Errorf("%s: at %v, want %v: %v", near, local, at, err)
		}
	}
	if local, err := s.Reach(loopback6); !errors.Is(err, ErrFamily) || local != at {
		t.Errorf("at %v: %v", local, err)
	}
	if n := s.ports.InUse(); n != 1 {
		t.Errorf("%d pairs in use", n)
	}
}

// TestRebindIsBounded: however often it moves, a stream holds a few sockets, and gives all back.
func TestRebindIsBounded(t *testing.T) {
	s := open(t)
	const moves = 4
	for range moves { // of which the tick worker sees the last
		if err := s.Rebind(elsewhere); err != nil {
			t.Fatal(err)
		}
		if n := s.ports.InUse(); n != 2 {
			t.Fatalf("%d pairs in use, want 2", n)
		}
	}
	for tick := range codec.Tick(2 * maxLeft) {
		s.Next(tick)
		s.leaving.Wait()
		if n := s.ports.InUse(); n != min(int(tick)+2, maxLeft+1) {
			t.Errorf("tick %d: %d pairs in use", tick, n)
		}
		if err := s.Rebind(elsewhere); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Rebind(netip.MustParseAddr("192.0.2.1")); !errors.Is(err, ErrSocket) {
		t.Errorf("an address that is not ours: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Rebind(loopback); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if n := s.ports.InUse(); n != 0 {
		t.Errorf("%d pairs in use after Close", n)
	}
}

// TestRebindWhileAHandshakeWrites: the path writes from where the stream is, and never to a socket that is closed.
func TestRebindWhileAHandshakeWrites(t *testing.T) {
	s := open(t)
	to := dial(t)
	p := s.Path()
	var writer sync.WaitGroup
	stop := make(chan struct{})
	writer.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := p.WriteTo([]byte{firstDTLS}, to.LocalAddr()); err != nil {
				t.Error(err)
				return
			}
		}
	})
	tick := codec.Tick(0)
	for range 20 {
		if err := s.Rebind(elsewhere); err != nil {
			t.Fatal(err)
		}
		for range leftTicks / 2 {
			s.Next(tick)
			tick++
		}
	}
	close(stop)
	writer.Wait()
}
