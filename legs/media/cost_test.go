package media

import (
	"encoding/binary"
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

// talking is a tick of two streams that talk to each other, and have so for a while, reports included.
func talking(a, b *Stream) (step func()) {
	tick, payload := codec.Tick(0), frameOf(1, 160)
	step = func() {
		tick++
		for _, s := range []*Stream{a, b} {
			s.Next(tick)
			s.Send(tick, codec.Packet{Payload: payload})
		}
	}
	for range 2 * rtcpInterval {
		step()
	}
	return step
}

// TestOverlapAllocatesNothing: while two keys are alive, before the peer uses the newer ones and after.
func TestOverlapAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector sync.Pool forgets on purpose and the standard library's HMAC allocates")
	}
	for _, suite := range keying.Suites() {
		for _, mki := range []bool{false, true} {
			a, b := rekeyed(t, suite, mki)
			step := talking(a, b)
			ka, kb := update(suite, 1, mki, a, b)
			readyKeys(t, b, kb)
			step()
			if n := testing.AllocsPerRun(2*rtcpInterval, step); n != 0 || b.keys.n != 2 || b.Snapshot().Rekeys != 0 {
				t.Errorf("%s, MKI %v, peer under the old keys: %v allocations per tick, %d keys alive", suite, mki, n, b.keys.n)
			}
			setKeys(t, a, ka)
			step()
			step()
			if n := testing.AllocsPerRun(overlapTicks/2, step); n != 0 || a.keys.n != 2 || b.keys.n != 2 || b.Snapshot().Rekeys != 1 {
				t.Errorf("%s, MKI %v, peer under the new keys: %v allocations per tick, %d keys alive", suite, mki, n, b.keys.n)
			}
		}
	}
}

// TestMovedStreamAllocatesNothing: while the old sockets are heard, and after.
func TestMovedStreamAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector sync.Pool forgets on purpose and the standard library's HMAC allocates")
	}
	a, b := pair(t, keying.AEADAES128GCM, pcmu())
	step := talking(a, b)
	if err := a.Rebind(elsewhere); err != nil {
		t.Fatal(err)
	}
	step()
	step()
	if n := testing.AllocsPerRun(leftTicks/2, step); n != 0 || a.stations.n != 1 {
		t.Errorf("%v allocations per tick with %d bindings left", n, a.stations.n)
	}
	for range leftTicks {
		step()
	}
	a.leaving.Wait()
	if n := testing.AllocsPerRun(leftTicks, step); n != 0 || a.stations.n != 0 {
		t.Errorf("%v allocations per tick with %d bindings left", n, a.stations.n)
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

// BenchmarkLegs is one leg's tick, a packet in and a packet out, with as many legs as one core may have: what lies far apart in memory
// costs here.
func BenchmarkLegs(b *testing.B) {
	const pairs = 200
	var streams []*Stream
	for range pairs {
		x, y := pair(b, keying.AEADAES256GCM, opusWithFEC())
		streams = append(streams, x, y)
	}
	payload := frameOf(1, 80)
	payload[0] = 0xf8 // CELT, 20 ms
	b.ReportAllocs()
	tick, i := codec.Tick(0), 0
	for b.Loop() {
		if i == 0 {
			tick++
		}
		streams[i].Next(tick)
		streams[i].Send(tick, codec.Packet{Payload: payload})
		i = (i + 1) % len(streams)
	}
}

// BenchmarkReceive is one packet sealed and taken, without sockets: what busy machines measure worst.
func BenchmarkReceive(b *testing.B) {
	for _, suite := range []keying.Suite{keying.AEADAES256GCM, keying.AESCM128SHA1x80} {
		b.Run(string(suite), func(b *testing.B) {
			k, s := newTalker(b, suite, pcmu(), true)
			s.Next(0)
			var from [sockaddrSize]byte
			buffer, spare, sealed := make([]byte, maxDatagram), make([]byte, maxDatagram), make([]byte, maxDatagram)
			plain, sequence := k.plain(0, 0, frameOf(1, 160)), uint16(0)
			b.ReportAllocs()
			for b.Loop() {
				sequence++
				binary.BigEndian.PutUint16(plain[2:], sequence)
				out, err := k.ctx.EncryptRTP(sealed[:0], plain, &k.hdr)
				if err != nil {
					b.Fatal(err)
				}
				s.datagram(&datagram{buf: buffer[:copy(buffer, out)], spare: spare, from: &from, arrival: 1}, false)
			}
		})
	}
}

// BenchmarkOverlap is BenchmarkTick with two keys alive at the receiver: the packets are under the older, or under the newer.
func BenchmarkOverlap(b *testing.B) {
	for _, suite := range []keying.Suite{keying.AEADAES256GCM, keying.AESCM128SHA1x80} {
		for _, mki := range []bool{false, true} {
			for _, newer := range []bool{false, true} {
				b.Run(fmt.Sprintf("%s/mki=%v/newer=%v", suite, mki, newer), func(b *testing.B) {
					x, y := rekeyed(b, suite, mki)
					both(x, y, 1)
					kx, ky := update(suite, 1, mki, x, y)
					readyKeys(b, y, ky)
					if newer {
						setKeys(b, x, kx)
					}
					both(x, y, 2)
					payload := frameOf(1, 160)
					b.ReportAllocs()
					tick := codec.Tick(2)
					for b.Loop() {
						tick++
						y.keys.now = 2 // the overlap lasts
						x.Send(tick, codec.Packet{Payload: payload})
						y.Next(tick)
					}
					if y.keys.n != 2 {
						b.Error("the overlap ended")
					}
				})
			}
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
