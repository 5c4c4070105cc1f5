package dialog

import (
	"net"
	"testing"
	"time"
)

// TestPause: a socket is left alone for as long as its buffer bears, and no longer than shedPause.
func TestPause(t *testing.T) {
	for buffer, want := range map[int]time.Duration{
		2 * socketBuffer: shedPause,
		2 * 212992:       2129920 * time.Nanosecond, // what Linux grants where nobody set net.core.rmem_max
		0:                0,
	} {
		if got := pauseWith(buffer); got != want {
			t.Errorf("%d octets: %v, want %v", buffer, got, want)
		}
	}
	s, err := listenUDP("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if p := s.batch.pause; p <= 0 || p > shedPause {
		t.Errorf("a socket rests for %v", p)
	}
}

// TestDropsAreCounted: what the kernel drops shows, after a Rebind too, and never twice.
func TestDropsAreCounted(t *testing.T) {
	s, err := listenUDP("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &datagrams{done: make(chan struct{})}
	d.open.Store(&sockets{now: s})
	if err := s.PacketConn.(*net.UDPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	for range 100 { // which nobody reads
		if _, err := s.WriteTo(make([]byte, 1000), s.LocalAddr()); err != nil {
			t.Fatal(err)
		}
	}
	lost := d.drops()
	if lost == 0 || lost >= 100 {
		t.Errorf("%d of 100 datagrams dropped", lost)
	}
	next, err := listenUDP("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d.open.Store(&sockets{now: next, old: s})
	if n := d.drops(); n != lost {
		t.Errorf("%d dropped before, %d with a new socket beside", lost, n)
	}
	d.discard(s)
	d.open.Store(&sockets{now: next})
	if n := d.drops(); n != lost {
		t.Errorf("%d dropped before, %d once the old socket is closed", lost, n)
	}
	d.discard(next)
	if n := d.drops(); n != lost {
		t.Errorf("%d dropped before, %d of a closed socket", lost, n)
	}
}
