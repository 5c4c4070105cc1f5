package floor

import (
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/mixer/codec"
)

var (
	opus = codec.Format{Codec: codec.Opus, Rate: 48000, Bitrate: codec.DefaultBitrate}
	pcmu = codec.Format{Codec: codec.PCMU, Rate: 8000}
)

// room has so many legs, of which the first talk.
func room(legs, talking int, formats ...codec.Format) []Seat {
	seats := make([]Seat, legs)
	for i := range seats {
		seats[i] = Seat{formats[i%len(formats)], i < talking}
	}
	return seats
}

func TestModel(t *testing.T) {
	p := Parts{
		Kernel: 3, Cipher: 0.5, Voice: map[int]float64{48000: 1, 8000: 0.2},
		coding: map[Coding]cost{{opus, 48000}: {50, 20}, {pcmu, 48000}: {9, 7}, {pcmu, 8000}: {0.1, 0.3}},
	}
	for _, c := range []struct {
		name  string
		seats []Seat
		want  float64
	}{
		{"nobody talks", room(10, 0, opus), 35},
		{"one of ten: his own mix is silence", room(10, 1, opus), 35 + 20 + 1 + 50},
		{"two of ten", room(10, 2, opus), 35 + 2*20 + 2 + 3*50},
		{"all of ten, six mixed", room(10, 10, opus), 35 + 10*20 + 6 + 7*50},
		{"all of six: nobody hears the full mix", room(6, 6, opus), 21 + 6*20 + 6 + 6*50},
		{"G.711 at its own rate", room(10, 2, pcmu), 35 + 2*0.3 + 2*0.2 + 3*0.1},
		{"mixed: the full mix in both formats", room(10, 2, opus, pcmu), 35 + 27 + 2 + 59 + 59},
	} {
		if got := p.Room(c.seats, 6); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	if got := p.Forwarded(room(10, 1, opus)); got != 35 {
		t.Errorf("forwarded: %v", got)
	}
}

// TestMeasure: every part takes time in both ways, and less than a tick; what is right beyond that the benchmark's reader judges.
func TestMeasure(t *testing.T) {
	t.Parallel()
	m, err := Measure(someCore(t), keying.AEADAES256GCM, []codec.Format{opus, pcmu})
	if err != nil {
		t.Fatal(err)
	}
	for way, p := range map[string]Parts{"hot": m.Hot, "paced": m.Paced} {
		parts := map[string]float64{"kernel": p.Kernel, "cipher": p.Cipher, "voice": p.Voice[48000]}
		for _, f := range []codec.Format{opus, pcmu} {
			parts["encode "+f.Codec.String()], parts["decode "+f.Codec.String()] = p.Encode(f, 48000), p.Decode(f, 48000)
		}
		for name, us := range parts {
			t.Logf("%s, %s: %.3f us", way, name, us)
			if us <= 0 || us > 20000 {
				t.Errorf("%s, %s takes %v us", way, name, us)
			}
		}
	}
	list, err := Speech(someCore(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list {
		if c.Encode <= 0 || c.Decode <= 0 || c.Encode > 20000 {
			t.Errorf("%s: %+v", c.Name, c)
		}
	}
	if _, err := Measure(100000, keying.AEADAES256GCM, nil); err == nil {
		t.Error("a core that does not exist")
	}
}

// someCore is one that this process may use.
func someCore(t *testing.T) int {
	t.Helper()
	allowed, err := Cores()
	if err != nil {
		t.Fatal(err)
	}
	return allowed[0]
}

// TestBeside: the peers have a core of their own out of those that the process may use, where there are two.
func TestBeside(t *testing.T) {
	for _, c := range []struct {
		core    int
		allowed []int
		want    int
	}{
		{0, []int{0, 1}, 1},
		{1, []int{0, 1}, 0},
		{2, []int{2, 6, 7}, 6},
		{7, []int{2, 6, 7}, 2},
		{5, []int{0, 5}, 0},
		{4, []int{4}, 4},
	} {
		if got := beside(c.core, c.allowed); got != c.want {
			t.Errorf("beside %d of %v: %d, want %d", c.core, c.allowed, got, c.want)
		}
	}
}

// TestCores: they are those to which the thread is bound, which it shows by being bound to one.
func TestCores(t *testing.T) {
	want := someCore(t)
	if err := on(want, func() error {
		if got, err := Cores(); err != nil || !slices.Equal(got, []int{want}) {
			t.Errorf("%v, %v, want %d alone", got, err, want)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func TestLeast(t *testing.T) {
	c := Coding{opus, 48000}
	parts := func(kernel, cipher, voice, encode, decode float64) Parts {
		return Parts{kernel, cipher, map[int]float64{48000: voice}, map[Coding]cost{c: {encode, decode}}}
	}
	before := Measured{parts(1, 20, 3, 40, 5), parts(10, 2, 30, 4, 50)}
	after := Measured{parts(10, 2, 30, 4, 50), parts(1, 20, 3, 40, 5)}
	want := parts(1, 2, 3, 4, 5)
	if got := before.Least(after); !reflect.DeepEqual(got, Measured{want, want}) {
		t.Errorf("%+v", got)
	}
}

// TestPace: in every tick each part works in every slot, in their order, each on what is that slot's; the windows count the least of what the
// stopwatch saw, less what it takes itself.
func TestPace(t *testing.T) {
	t.Parallel() // it takes two seconds, asleep
	p := &pacer{cue: make(chan int), sent: make(chan error, 1), ended: make(chan error, 1)}
	if err := p.open(); err != nil {
		t.Fatal(err)
	}
	defer p.close()
	type call struct{ part, tick, slot int }
	var calls []call
	for part, took := range []time.Duration{3, 13} {
		w := p.add(2, func(tick, slot int, s *stopwatch) error {
			calls = append(calls, call{part, tick, slot})
			s.sum += took + time.Duration((tick/pacedRounds+1)%pacedWindows) // the last window is the least
			return nil
		})
		if part == 0 {
			p.idle = w
		}
	}
	if err := p.run(someCore(t)); err != nil {
		t.Fatal(err)
	}
	if want := 2 * slots * pacedRounds * pacedWindows; len(calls) != want {
		t.Fatalf("%d turns, want %d", len(calls), want)
	}
	for i, c := range calls {
		if want := (call{i % 2, i / 2 / slots, i / 2 % slots}); c != want {
			t.Fatalf("turn %d is %+v, want %+v", i, c, want)
		}
	}
	if got := p.micros(p.works[1]); math.Abs(got-0.005) > 1e-9 { // (13 - 3) ns for two
		t.Errorf("%v us", got)
	}
	for _, fd := range p.legs { // the peers sent for the tick that would come next
		if p.receive(fd) == 0 {
			t.Fatal("a leg has nothing to receive")
		}
	}
}

// TestPeersGone: where the peers cannot run, the measurement ends.
func TestPeersGone(t *testing.T) {
	p := &pacer{cue: make(chan int), sent: make(chan error, 1), ended: make(chan error, 1)}
	p.ended <- unix.EINVAL
	if err := p.cued(0); err == nil {
		t.Error("cued peers that are gone")
	}
}
