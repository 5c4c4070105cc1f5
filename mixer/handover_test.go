package mixer

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/conclave/conclave/mixer/codec"
)

// from is what a port says that begins to speak at a tick.
func from(begin Tick, next func(Tick) codec.Frame) func(Tick) codec.Frame {
	return func(k Tick) codec.Frame {
		if k < begin {
			return codec.Frame{}
		}
		return next(k)
	}
}

func behindSeam(pcm []int16) []int16 { return pcm[len(pcm)*int(seamLength)/int(tickLength):] }

// Both ports send all the time, as two devices on one table do: each listener hears the old one up to the tick in which the new one
// begins, and from then on the new one, once; and neither device hears the other.
func TestMoveHandsTheVoiceOver(t *testing.T) {
	const begins = 5
	r := newTable(t, RoomConfig{Mixing: true})
	seats, ports, pcm := r.talkers(2, 3000)
	r.run(2)
	moved, next := voice(77, 3000)
	arriving := &fakePort{format: l16, next: from(begins, next)}
	seats[0].Attach(arriving)
	for k := r.tick; k < 2*begins; k++ {
		r.run(1)
		wantHeard(t, "old port", ports[0], pcm[1])
		wantHeard(t, "new port", arriving, pcm[1])
		_, over := seats[0].Handover()
		if over != (k >= begins) {
			t.Errorf("tick %d: handed over is %v", k, over)
		}
		switch heard := ports[1].samples(); {
		case k < begins:
			wantHeard(t, "other seat, old port still speaks", ports[1], pcm[0])
		case k > begins:
			wantHeard(t, "other seat, new port speaks", ports[1], moved)
		default:
			if diff := cmp.Diff(behindSeam(moved), behindSeam(heard)); diff != "" {
				t.Errorf("other seat heard behind the seam (-want +got):\n%.400s", diff)
			}
		}
	}
	done := seats[0].Detach(ports[0])
	r.run(1)
	<-done
	wantHeard(t, "new port", arriving, pcm[1])
	wantHeard(t, "other seat", ports[1], moved)
	if gap, ok := seats[0].Handover(); gap != 0 || !ok {
		t.Errorf("gap of %v (%v), want none", gap, ok)
	}
}

// tone is a stream of 300 Hz, encoded, that begins at a tick and at a phase.
func tone(t *testing.T, f codec.Format, begin Tick, phase float64) func(Tick) codec.Frame {
	t.Helper()
	const ticks = 100
	e, err := codec.NewEncoder(f, 48000)
	if err != nil {
		t.Fatal(err)
	}
	pcm, frames := make([]int16, 960), make([][]byte, ticks)
	for k := max(begin, 10) - 10; k < ticks; k++ { // it sounded before: a device does not begin with a step
		for i := range pcm {
			pcm[i] = int16(tonePeak * math.Sin(phase+2*math.Pi*toneHz*float64(int(k)*960+i)/48000))
		}
		packet := make([]byte, maxPacket)
		n, err := e.Encode(pcm, packet)
		if err != nil {
			t.Fatal(err)
		}
		frames[k] = packet[:n]
	}
	return func(k Tick) codec.Frame { return codec.Frame{Kind: codec.Voice, Payload: frames[k]} }
}

const (
	toneHz   = 300.0
	tonePeak = 8000.0
)

// The new port's tone is at its peak where the old one's is at its trough: a cut would be a step of twice the amplitude. What is heard
// never steps further than the slopes of both together, and is never silent.
func TestHandoverDoesNotClick(t *testing.T) {
	const begins = 40
	slope := tonePeak * 2 * math.Pi * toneHz / 16000
	formats := map[string]codec.Format{"l16": l16wide, "pcmu": pcmu, "opus": opusCELT}
	for was, old := range formats {
		for is, fresh := range formats {
			r := newTable(t, RoomConfig{Mixing: true})
			s := r.sit(&fakePort{format: old, next: tone(t, old, 0, -math.Pi/2)})
			s.Attach(&fakePort{format: fresh, next: from(begins, tone(t, fresh, begins, math.Pi/2))})
			ear := &fakePort{format: l16wide}
			r.sit(ear)
			last := int16(0)
			for k := range Tick(begins + 10) {
				r.run(1)
				heard := ear.samples()
				if k < begins-10 {
					last = heard[len(heard)-1]
					continue
				}
				for i, v := range heard {
					if step := math.Abs(float64(v) - float64(last)); step > 2.2*slope {
						t.Errorf("%s to %s: step of %.0f at tick %d sample %d, the tone makes %.0f", was, is, step, k, i, slope)
					}
					last = v
				}
				if level := meanSquare(heard) / (tonePeak * tonePeak / 2); level < 0.01 { // a decoder of Opus that begins in the middle is faint at first
					t.Errorf("%s to %s: tick %d is at %.1f dB of the tone", was, is, k, 10*math.Log10(float64(level)))
				}
			}
		}
	}
}

// The device that moved away is gone before the new one says anything: what it said fades, and what was missing is told.
func TestHandoverOverAGap(t *testing.T) {
	const ends, begins = 20, 25
	r := newTable(t, RoomConfig{Mixing: true})
	left := &fakePort{format: l16wide, next: tone(t, l16wide, 0, 0)}
	s := r.sit(left)
	ear := &fakePort{format: l16wide}
	r.sit(ear)
	r.run(ends)
	s.Attach(&fakePort{format: l16wide, next: from(begins, tone(t, l16wide, begins, 0))})
	s.Detach(left)
	r.run(1)
	if heard := ear.samples(); meanSquare(heard[:80]) == 0 || heard[319] != 0 {
		t.Errorf("the old port was cut off: %d, last sample %d", heard[0], heard[319])
	}
	r.run(begins - ends - 1)
	if meanSquare(ear.samples()) != 0 {
		t.Error("something is heard while nobody speaks")
	}
	if _, ok := s.Handover(); ok {
		t.Error("handed over before the new port said anything")
	}
	r.run(1)
	if heard := ear.samples(); meanSquare(heard) == 0 || math.Abs(float64(heard[0])) > 50 {
		t.Errorf("the new port begins with %d", heard[0])
	}
	if gap, ok := s.Handover(); gap != (begins-ends)*20*time.Millisecond || !ok {
		t.Errorf("gap of %v (%v), want %v", gap, ok, (begins-ends)*20*time.Millisecond)
	}
	s.Attach(&fakePort{format: l16wide})
	r.run(1)
	if _, ok := s.Handover(); ok {
		t.Error("the next move is over before it began")
	}
}

// A move that fails: the new port spoke, and is taken away again. The old one speaks on.
func TestHandoverBack(t *testing.T) {
	r := newTable(t, RoomConfig{Mixing: true})
	seats, ports, pcm := r.talkers(2, 3000)
	_, next := voice(77, 3000)
	arriving := &fakePort{format: l16, next: next}
	seats[0].Attach(arriving)
	r.run(5)
	seats[0].Detach(arriving)
	r.run(1)
	if diff := cmp.Diff(behindSeam(pcm[0]), behindSeam(ports[1].samples())); diff != "" {
		t.Errorf("other seat heard behind the seam (-want +got):\n%.400s", diff)
	}
	r.run(1)
	wantHeard(t, "other seat", ports[1], pcm[0])
	wantHeard(t, "old port", ports[0], pcm[1])
	if gap, ok := seats[0].Handover(); gap != 0 || !ok {
		t.Errorf("gap of %v (%v), want none", gap, ok)
	}
}

func TestHandoverKeepsMuteAndGain(t *testing.T) {
	r := newTable(t, RoomConfig{Mixing: true})
	seats, ports, _ := r.talkers(2, 3000)
	seats[0].SetMuted(true)
	r.run(10)
	moved, next := voice(77, 3000)
	seats[0].Attach(&fakePort{format: l16, next: from(15, next)})
	for range 10 {
		r.run(1)
		wantHeard(t, "other seat, while the mover is muted", ports[1], make([]int16, 160))
	}
	if _, ok := seats[0].Handover(); !ok {
		t.Error("a muted seat is not handed over")
	}
	seats[0].SetGain(-6)
	seats[0].SetMuted(false)
	r.run(3)
	want := make([]int32, 160)
	amplify(want, moved, seats[0].gain.Load(), seats[0].gain.Load())
	for i, v := range ports[1].samples() {
		if int32(v) != want[i] {
			t.Fatalf("sample %d is %d, want %d", i, v, want[i])
		}
	}
}

// What an Opus listener is sent of a sole speaker are that speaker's own packets; those of another port begin another encoder, so the
// two are never spliced: ours stands between them.
func TestHandoverEndsForwarding(t *testing.T) {
	const begins = 300
	r := newTable(t, RoomConfig{Mixing: true})
	old := &fakePort{format: opusCELT, next: recorded(t, opusCELT, 0)}
	s := r.sit(old)
	fresh := &fakePort{format: opusCELT, next: recorded(t, opusCELT, 20)}
	fresh.next = from(begins, fresh.next)
	s.Attach(fresh)
	ear := newOpusEar(t)
	r.Join(SeatConfig{}).Attach(ear)
	r.run(begins)
	before := r.pool.Stats()
	if before.Forwards < 50 {
		t.Fatalf("%d packets sent on: nothing is tested", before.Forwards)
	}
	r.run(1)
	if now := r.pool.Stats(); now.Forwards != before.Forwards || now.Encodes == before.Encodes {
		t.Errorf("%d packets sent on and %d encoded in the tick of the change", now.Forwards-before.Forwards, now.Encodes-before.Encodes)
	}
	r.run(20)
	for k := begins; k < begins+21; k++ {
		if meanSquare(ear.heard[k]) == 0 {
			t.Errorf("nothing is heard in tick %d", k)
		}
	}
}

// Neither while both ports are there, before and after the change, nor with the old one gone.
func TestMovesAllocateNothing(t *testing.T) {
	for _, f := range []codec.Format{opusCELT, pcmu} {
		r := newTable(t, RoomConfig{Mixing: true})
		old := &fakePort{format: f, next: recorded(t, f, 0)}
		s := r.sit(old)
		r.sit(&fakePort{format: f})
		fresh := &fakePort{format: f}
		s.Attach(fresh)
		steady := func(when string) {
			r.run(20)
			if n := testing.AllocsPerRun(50, func() { r.run(1) }); n != 0 {
				t.Errorf("%s: %.0f allocations per tick %s", f.Codec, n, when)
			}
		}
		steady("before the change")
		fresh.next = recorded(t, f, 7)
		steady("after the change")
		s.Detach(old)
		steady("with the old port gone")
	}
}
