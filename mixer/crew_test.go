package mixer

import (
	"errors"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/conclave/conclave/mixer/codec"
)

// newHall is a large room that is stepped by hand, with workers that have nothing to do but help.
func newHall(t testing.TB, workers, seats, talking int) (*Room, []*fakePort) {
	t.Helper()
	p := NewPool(Config{Workers: workers})
	r := p.NewRoom("hall", RoomConfig{Mixing: true})
	done := make(chan struct{})
	for range workers - 1 {
		go func() { p.work(); done <- struct{}{} }()
	}
	t.Cleanup(func() {
		close(p.queue)
		for range workers - 1 {
			<-done
		}
	})
	ports := make([]*fakePort, seats)
	for i := range ports {
		ports[i] = &fakePort{format: l16}
		if i%(seats/talking) == 0 {
			_, ports[i].next = voice(uint32(i+1), 2000)
		}
		r.Join(SeatConfig{}).Attach(ports[i])
	}
	return r, ports
}

// Whoever helps, everybody hears the same; and nobody is asked or served twice.
func TestCrewMakesNoDifference(t *testing.T) {
	const seats, ticks = 200, 60
	alone, want := newHall(t, 1, seats, 5)
	shared, got := newHall(t, 4, seats, 5)
	for k := range Tick(ticks) {
		if !alone.step(k) || !shared.step(k) {
			t.Fatal("a room ended")
		}
		for i := range got {
			if got[i].nexts != int(k)+1 || got[i].sends != int(k)+1 {
				t.Fatalf("tick %d: port %d was asked %d times and served %d times", k, i, got[i].nexts, got[i].sends)
			}
			if diff := cmp.Diff(want[i].samples(), got[i].samples()); diff != "" {
				t.Fatalf("tick %d: port %d heard (-alone +helped):\n%.300s", k, i, diff)
			}
		}
	}
	if shared.crew.helped.Load() == 0 {
		t.Error("nobody helped: nothing was tested")
	}
	a, b := alone.pool.Stats(), shared.pool.Stats()
	if a.Encodes != b.Encodes || a.Decodes != b.Decodes || a.Sent != b.Sent {
		t.Errorf("alone %d encodes, %d decodes, %d sent; with help %d, %d, %d", a.Encodes, a.Decodes, a.Sent, b.Encodes, b.Decodes, b.Sent)
	}
	for i, d := range b.Stages {
		if d <= 0 {
			t.Errorf("no time counted for stage %s", Stages()[i])
		}
	}
}

// panics is what a port does at tick 3.
func panics(k Tick) (f codec.Frame) {
	if k == 3 {
		panic("a port's own")
	}
	return f
}

// survives runs the ticks before that.
func survives(t *testing.T, r *Room) {
	t.Helper()
	for k := range Tick(3) {
		if !r.tick(k) {
			t.Fatal("the room ended early")
		}
	}
}

// The panic of a helper, and not only that of the room's own worker: its worker waits at the first port until somebody helps.
func TestPanicOfAHelper(t *testing.T) {
	r, ports := newHall(t, 4, 200, 5)
	before := uint64(0)
	ports[0].next = func(k Tick) codec.Frame {
		for k == 3 && r.crew.helped.Load() == before {
			runtime.Gosched()
		}
		return codec.Frame{}
	}
	for i := grain[stageReceive]; i < len(ports); i++ {
		ports[i].next = panics
	}
	survives(t, r)
	before = r.crew.helped.Load()
	if r.tick(3) || !errors.Is(r.Err(), ErrPanic) {
		t.Errorf("the room goes on, or ended by %v", r.Err())
	}
}

// A port that panics ends its room and nothing else, whoever called it.
func TestPanicUnderAHelperEndsTheRoom(t *testing.T) {
	for _, seat := range []int{0, 100, 199} {
		r, ports := newHall(t, 4, 200, 5)
		ports[seat].next = panics
		survives(t, r)
		if r.tick(3) {
			t.Fatalf("seat %d: the room goes on after a panic", seat)
		}
		if err := r.Err(); !errors.Is(err, ErrPanic) {
			t.Errorf("seat %d: the room ended by %v, want a panic", seat, err)
		}
		if n := r.crew.inside.Load(); n != 0 {
			t.Errorf("seat %d: %d helpers inside a room that ended", seat, n)
		}
	}
}

func TestLargeTicksAllocateNothing(t *testing.T) {
	r, _ := newHall(t, 4, 200, 5)
	tick := Tick(0)
	for ; tick < 50; tick++ {
		r.step(tick)
	}
	if n := testing.AllocsPerRun(100, func() { r.step(tick); tick++ }); n != 0 {
		t.Errorf("%.1f allocations per tick", n)
	}
}
