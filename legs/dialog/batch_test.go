package dialog

import (
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
