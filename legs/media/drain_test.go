package media

import (
	"testing"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/mixer/codec"
)

// steadyTalker is a talker whose stream has found one packet a tick for long enough. The next packet is number n, for tick n.
func steadyTalker(t *testing.T) (k *talker, s *Stream, n int) {
	t.Helper()
	k, s = newTalker(t, keying.AEADAES256GCM, pcmu(), true)
	for ; s.steady < steadyTicks || looksTwice(s, n); n++ {
		k.say(n)
		hears(t, s, n, n)
	}
	return k, s, n
}

// looksTwice says whether a tick looks for a second packet.
func looksTwice(s *Stream, tick int) bool { return (tick+int(s.LocalAddr().Port()))%steadyLook == 0 }

func hears(t *testing.T, s *Stream, tick, want int) {
	t.Helper()
	if got, ok := voice(s.Next(codec.Tick(tick))); !ok || got != want {
		t.Fatalf("tick %d: frame %d, %v, want %d", tick, got, ok, want)
	}
}

// TestNothingIsLeftBehind: while each tick finds one packet nobody asks for a second. One that comes all the same is found: after the
// next tick at the latest when a tick found nothing, after eight otherwise, and every tick has something to play.
func TestNothingIsLeftBehind(t *testing.T) {
	k, s, n := steadyTalker(t)
	k.say(n)
	k.say(n + 1) // of a sender whose clock is faster
	hears(t, s, n, n)
	if got := s.Snapshot().PacketsReceived; got != uint64(n+1) {
		t.Errorf("%d packets received, want %d: a second look in a tick that has none", got, n+1)
	}
	for i := 1; i <= steadyLook; i++ {
		k.say(n + 1 + i)
		hears(t, s, n+i, n+i)
	}
	if got := s.Snapshot().PacketsReceived; got != uint64(n+2+steadyLook) {
		t.Errorf("%d packets received, want all %d", got, n+2+steadyLook)
	}
}

func TestWhatWasHeldUpIsFoundAtOnce(t *testing.T) {
	k, s, n := steadyTalker(t)
	if f := s.Next(codec.Tick(n)); f.Kind != codec.Lost {
		t.Fatalf("%v without a packet", f.Kind)
	}
	for i := range 5 {
		k.say(n + i)
	}
	if s.Next(codec.Tick(n + 1)); s.Snapshot().PacketsReceived != uint64(n+5) {
		t.Errorf("%d packets received, want all %d", s.Snapshot().PacketsReceived, n+5)
	}
}

// TestStrangersDoNotDelaySpeech: what is in front of a packet of audio is passed over in the same tick, be it the peer's or a stranger's.
func TestStrangersDoNotDelaySpeech(t *testing.T) {
	k, s, n := steadyTalker(t)
	for i := range 3 * steadyLook {
		switch i % 3 {
		case 0:
			k.write([]byte("garbage"))
		case 1:
			foreign := k.plain(1, 160, frameOf(1, 160))
			foreign[8] ^= 1
			for range 3 * batch {
				k.write(foreign)
			}
		case 2:
			k.reportLoss(s.SSRC(), 0)
		}
		k.say(n + i)
		hears(t, s, n+i, n+i)
	}
}
