package media

import (
	"runtime"
	"testing"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/mixer/codec"
)

// mostAtRest is what a stream may hold on the heap while a call goes on: keys, play-out and counters, but not the sockets, which are
// the kernel's.
const mostAtRest = 14 << 10

// TestStreamAtRestIsSmall counts what streams hold after a second of a call.
func TestStreamAtRestIsSmall(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector everything is larger")
	}
	const pairs = 50
	for _, suite := range keying.Suites() {
		for _, p := range []Params{pcmu(), opusWithFEC()} {
			var streams []*Stream
			before := heap()
			for range pairs {
				a, b := open(t), open(t)
				connect(t, suite, p, a, b)
				streams = append(streams, a, b)
			}
			for tick := range codec.Tick(2 * ticksPerSecond) {
				for _, s := range streams {
					s.Next(tick)
					s.Send(tick, codec.Packet{Payload: make([]byte, 80)})
				}
			}
			each := (heap() - before) / (2 * pairs)
			t.Logf("%s, %s: %d octets a stream", suite, p.Codec, each)
			if each > mostAtRest {
				t.Errorf("%s, %s: %d octets a stream, at most %d", suite, p.Codec, each, mostAtRest)
			}
			runtime.KeepAlive(streams)
		}
	}
}

// heap is what lives on it.
func heap() uint64 {
	runtime.GC()
	runtime.GC() // what pools held is gone after the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
