package media

import (
	"errors"
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
