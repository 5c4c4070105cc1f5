package media

import (
	"fmt"
	"testing"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/mixer/codec"
)

func TestSteadyStateAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector sync.Pool forgets on purpose and the standard library's HMAC allocates")
	}
	for _, suite := range keying.Suites() {
		for _, ms := range []int{20, 10} {
			a, b := pair(t, suite, pcmu())
			payload := frameOf(1, 8*ms)
			tick := codec.Tick(0)
			step := func() {
				tick++
				a.Next(tick)
				for range 20 / ms {
					a.Send(tick, codec.Packet{Payload: payload})
				}
				b.Send(tick, codec.Packet{Payload: payload})
				b.Next(tick)
			}
			for range 2 * rtcpInterval { // reports included
				step()
			}
			if n := testing.AllocsPerRun(2*rtcpInterval, step); n != 0 {
				t.Errorf("%s, %d ms: %v allocations per tick", suite, ms, n)
			}
		}
	}
}

func TestFloodAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector sync.Pool forgets on purpose")
	}
	k, s := newTalker(t, keying.AEADAES256GCM, pcmu(), true)
	k.say(0)
	s.Next(0)
	foreign := k.plain(1, 160, frameOf(1, 160))
	foreign[8] ^= 1
	tick := codec.Tick(0)
	if n := testing.AllocsPerRun(200, func() {
		tick++
		writeFrom(t, k.conn, foreign, s)
		s.Next(tick)
	}); n != 0 {
		t.Errorf("%v allocations per foreign packet", n)
	}
}

// BenchmarkTick is one packet out and one in, with the sockets of both ends on this host.
func BenchmarkTick(b *testing.B) {
	for _, suite := range []keying.Suite{keying.AEADAES256GCM, keying.AESCM128SHA1x80} {
		for _, size := range []int{80, 160} {
			b.Run(fmt.Sprintf("%s/%d", suite, size), func(b *testing.B) {
				x, y := pair(b, suite, pcmu())
				payload := frameOf(1, size)
				b.ReportAllocs()
				tick := codec.Tick(0)
				for b.Loop() {
					tick++
					x.Send(tick, codec.Packet{Payload: payload})
					y.Next(tick)
				}
			})
		}
	}
}

// BenchmarkIdle is a tick in which nothing arrives.
func BenchmarkIdle(b *testing.B) {
	_, y := pair(b, keying.AEADAES256GCM, pcmu())
	b.ReportAllocs()
	tick := codec.Tick(0)
	for b.Loop() {
		tick++
		y.Next(tick)
	}
}

// BenchmarkPlayout is the jitter buffer alone.
func BenchmarkPlayout(b *testing.B) {
	d := newDeck(b, "pcmu")
	payload := frameOf(1, 160)
	h := header{}
	b.ReportAllocs()
	tick := codec.Tick(0)
	for b.Loop() {
		tick++
		h.timestamp += 160
		d.play.buffer.reclaim()
		d.play.add(d.set, tick, &h, payload, &d.c)
		d.play.next(d.set, tick, &d.c)
	}
}

// BenchmarkForeign is the cost of one packet that is not the peer's, the kernel's share included.
func BenchmarkForeign(b *testing.B) {
	k, s := newTalker(b, keying.AEADAES256GCM, pcmu(), true)
	foreign := k.plain(1, 160, frameOf(1, 160))
	foreign[8] ^= 1
	tick := codec.Tick(0)
	for b.Loop() {
		tick++
		writeFrom(b, k.conn, foreign, s)
		s.Next(tick)
	}
}
