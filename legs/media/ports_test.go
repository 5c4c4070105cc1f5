package media

import (
	"errors"
	"net/netip"
	"testing"
	"time"
)

func TestPortsAreEvenAndComeBackRested(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	var ports *Ports
	for lo := uint16(42000); lo < 60000; lo += 100 { // a stretch that nobody else uses
		ports = NewPorts(loopback, lo+1, lo+9) // four pairs: lo+2 .. lo+9
		ports.now = func() time.Time { return now }
		if all, err := openAll(ports, 4); err == nil {
			closeAll(t, all)
			now = now.Add(time.Hour)
			break
		}
	}
	all, err := openAll(ports, 4)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if s.LocalAddr().Port()%2 != 0 {
			t.Errorf("odd RTP port %d", s.LocalAddr().Port())
		}
	}
	if _, err := Open(ports, Options{}); !errors.Is(err, ErrNoPorts) {
		t.Errorf("fifth stream: %v", err)
	}
	first, second := all[0].LocalAddr().Port(), all[1].LocalAddr().Port()
	closeAll(t, all[:1])
	now = now.Add(portRest)
	closeAll(t, all[1:2])
	now = now.Add(portRest / 2)
	again, err := openAll(ports, 2)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := again[0].LocalAddr().Port(), again[1].LocalAddr().Port(); a != first || b != second {
		t.Errorf("got %d then %d, want the rested %d before %d", a, b, first, second)
	}
	closeAll(t, append(all[2:], again...))
}

func openAll(p *Ports, n int) (all []*Stream, err error) {
	for range n {
		s, err := Open(p, Options{})
		if err != nil {
			for _, s := range all {
				err = errors.Join(err, s.Close())
			}
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

func closeAll(t *testing.T, all []*Stream) {
	t.Helper()
	for _, s := range all {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestPortsOfAHostThatMoves: its addresses change one by one, and streams that are opened or moved afterwards follow.
func TestPortsOfAHostThatMoves(t *testing.T) {
	p := NewPorts(loopback, 0, 0, netip.Addr{}, loopback6)
	if at4, at6 := p.Address(false), p.Address(true); at4 != loopback || at6 != loopback6 {
		t.Errorf("at %s and %s", at4, at6)
	}
	s := openOn(t, p, Options{})
	p.SetAddress(elsewhere)
	if at := s.LocalAddr().Addr(); at != loopback {
		t.Errorf("a stream that stands went to %s", at)
	}
	if at4, at6 := p.Address(false), p.Address(true); at4 != elsewhere || at6 != loopback6 {
		t.Errorf("at %s and %s", at4, at6)
	}
	if at := openOn(t, p, Options{}).LocalAddr().Addr(); at != elsewhere {
		t.Errorf("a stream was opened on %s", at)
	}
	if at, err := p.For(loopback); err != nil || at != elsewhere {
		t.Errorf("a peer is sent to %s: %v", at, err)
	}
	single := NewPorts(loopback, 0, 0)
	if at := single.Address(true); at.IsValid() {
		t.Errorf("at %s without an address of that family", at)
	}
	single.SetAddress(loopback6)
	if at, err := single.For(loopback6); err != nil || at != loopback6 {
		t.Errorf("a peer is sent to %s: %v", at, err)
	}
}
