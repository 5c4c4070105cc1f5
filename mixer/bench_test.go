package mixer

import (
	"testing"

	"github.com/conclave/conclave/mixer/codec"
)

// recorded is a talker's encoded melody in a format, told again and again.
func recorded(tb testing.TB, f codec.Format, seed int) func(Tick) codec.Frame {
	tb.Helper()
	const ticks = 50
	e, err := codec.NewEncoder(f, 16000)
	if err != nil {
		tb.Fatal(err)
	}
	d, err := codec.NewDecoder(l16wide, 16000)
	if err != nil {
		tb.Fatal(err)
	}
	frames, pcm := make([][]byte, ticks), make([]int16, 320)
	for k, payload := range melody(ticks + seed)[seed:] {
		if err := d.Decode(codec.Frame{Kind: codec.Voice, Payload: payload}, pcm); err != nil {
			tb.Fatal(err)
		}
		frames[k] = make([]byte, maxPacket)
		n, err := e.Encode(pcm, frames[k])
		if err != nil {
			tb.Fatal(err)
		}
		frames[k] = frames[k][:n]
	}
	return func(t Tick) codec.Frame { return codec.Frame{Kind: codec.Voice, Payload: frames[int(t)%ticks]} }
}

// busy is a room in its steady state: some seats talk, the others send the silence of their codec.
func busy(tb testing.TB, f codec.Format, seats, talking int) *Room {
	tb.Helper()
	r := NewPool(Config{Workers: 1}).NewRoom("room", RoomConfig{Mixing: true})
	still := always(codec.Silence(f))
	for i := range seats {
		next := still
		if i < talking {
			next = recorded(tb, f, i)
		}
		r.Join(SeatConfig{}).Attach(&fakePort{format: f, next: next})
	}
	for t := range Tick(100) {
		if !r.step(t) {
			tb.Fatal("room ended")
		}
	}
	if s := r.pool.Stats(); s.Spoilt > 0 || len(r.mix) != min(talking, DefaultLoudest) {
		tb.Fatalf("%d in the mix, %d frames spoilt", len(r.mix), s.Spoilt)
	}
	return r
}

var rooms = []struct {
	name           string
	format         codec.Format
	seats, talking int
}{
	{"opus/10-2", opusCELT, 10, 2},
	{"opus/10-1", opusCELT, 10, 1},
	{"opus/200-3", opusCELT, 200, 3},
	{"opus/10-10", opusCELT, 10, 10},
	{"pcmu/10-2", pcmu, 10, 2},
	{"pcmu/10-10", pcmu, 10, 10},
	{"pcmu/200-3", pcmu, 200, 3},
}

func BenchmarkTick(b *testing.B) {
	for _, c := range rooms {
		b.Run(c.name, func(b *testing.B) {
			r := busy(b, c.format, c.seats, c.talking)
			t := Tick(100)
			for b.Loop() {
				r.step(t)
				t++
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(c.seats), "us/leg")
			b.ReportAllocs()
		})
	}
}

// In the steady state nothing is allocated, with fake ports and real codecs; nor while seats begin and cease to speak, once each
// has done so before.
func TestTicksAllocateNothing(t *testing.T) {
	for _, c := range rooms {
		r := busy(t, c.format, c.seats, c.talking)
		tick := Tick(100)
		if n := testing.AllocsPerRun(100, func() { r.step(tick); tick++ }); n != 0 {
			t.Errorf("%s: %.1f allocations per tick", c.name, n)
		}
	}
}

func TestTalkSpurtsAllocateNothing(t *testing.T) {
	for _, f := range []codec.Format{opusCELT, pcmu} {
		r := newTable(t, RoomConfig{Mixing: true})
		for i := range 4 {
			song := recorded(t, f, i)
			r.sit(&fakePort{format: f, next: func(k Tick) codec.Frame {
				if int(k)/60%4 == i || int(k)/90%4 == i {
					return song(k)
				}
				return codec.Frame{}
			}})
		}
		r.sit(&fakePort{format: f})
		const cycle = 720
		r.run(2 * cycle)
		if n := testing.AllocsPerRun(1, func() { r.run(cycle) }); n != 0 {
			t.Errorf("%s: %.0f allocations in %d ticks of talk spurts", f.Codec, n, cycle)
		}
	}
}
