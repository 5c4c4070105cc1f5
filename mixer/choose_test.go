package mixer

import (
	"testing"

	"github.com/conclave/conclave/mixer/codec"
)

// inMix lists by index the seats in the mix.
func inMix(seats []*Seat) (in []int) {
	for i, s := range seats {
		if s.inMix && !s.fading {
			in = append(in, i)
		}
	}
	return in
}

func TestLoudestAreMixed(t *testing.T) {
	r := newTable(t, RoomConfig{Mixing: true, Loudest: 2})
	var seats []*Seat
	var ports []*fakePort
	var pcm [][]int16
	for i, peak := range []int{1000, 4000, 2000, 8000} {
		v, next := voice(uint32(i+1), peak)
		p := &fakePort{format: l16, next: next}
		seats, ports, pcm = append(seats, r.sit(p)), append(ports, p), append(pcm, v)
	}
	r.run(1)
	if in := inMix(seats); len(in) != 2 || in[0] != 1 || in[1] != 3 {
		t.Fatalf("in the mix: %v, want [1 3]", in)
	}
	wantHeard(t, "a speaker outside the mix", ports[0], sumOf(pcm[1], pcm[3]))
	wantHeard(t, "a speaker in the mix", ports[1], pcm[3])
	if !seats[0].Speaking() {
		t.Error("a seat outside the mix does not speak")
	}
}

func TestLouderSeatWaitsForTheMarginAndTheStay(t *testing.T) {
	r := newTable(t, RoomConfig{Mixing: true, Loudest: 1})
	_, first := voice(1, 2000)
	a := &fakePort{format: l16, next: first}
	b := &fakePort{format: l16}
	seats := []*Seat{r.sit(a), r.sit(b)}
	r.run(2)
	_, b.next = voice(2, 3000) // 3.5 dB louder: below the margin
	r.run(3 * minimumStay)
	if in := inMix(seats); len(in) != 1 || in[0] != 0 {
		t.Fatalf("in the mix: %v, want [0]: a small difference must not change it", in)
	}
	_, b.next = voice(2, 6000)
	r.run(1)
	if in := inMix(seats); len(in) != 1 || in[0] != 1 {
		t.Fatalf("in the mix: %v, want [1]", in)
	}
	_, a.next = voice(1, 30000)
	r.run(minimumStay - 1)
	if in := inMix(seats); in[0] != 1 {
		t.Error("displaced before its minimum stay")
	}
	r.run(1)
	if in := inMix(seats); in[0] != 0 {
		t.Error("not displaced after its minimum stay")
	}
}

func TestSpeakingHasHysteresisAndHangover(t *testing.T) {
	r := newTable(t, RoomConfig{Mixing: true})
	p := &fakePort{format: l16}
	s := r.sit(p)
	levels := []struct {
		name  string
		peak  int // uniform noise: mean square peak^2/3
		ticks int
		want  bool
	}{
		{"below both thresholds", 30, 5, false},
		{"between them, from silence", 70, 5, false},
		{"speech", 300, 1, true},
		{"between them, from speech", 70, 3 * speakHang, true},
		{"quiet, within the hangover", 30, speakHang - 1, true},
		{"quiet, after the hangover", 30, 1, false},
	}
	for _, l := range levels {
		_, p.next = voice(5, l.peak)
		r.run(l.ticks)
		if s.Speaking() != l.want {
			t.Errorf("%s: speaking = %v, want %v", l.name, s.Speaking(), l.want)
		}
	}
	if got := s.TalkTime() / tickLength; got != 1+3*speakHang+speakHang-1 {
		t.Errorf("talked for %d ticks", got)
	}
}

func TestOnsetIsNotChopped(t *testing.T) {
	r := newTable(t, RoomConfig{Mixing: true})
	p := &fakePort{format: l16}
	r.sit(p)
	listener := &fakePort{format: l16}
	r.sit(listener)
	r.run(50)
	pcm, next := voice(3, 2000)
	p.next = next
	r.run(1)
	wantHeard(t, "listener in the first tick of speech", listener, pcm)
}

func TestReturnToFullBusAfterHangover(t *testing.T) {
	r := newTable(t, RoomConfig{Mixing: true})
	seats, ports, pcm := r.talkers(2, 2000)
	r.run(2)
	ports[0].next = nil
	r.run(1 + speakHang + 1) // the first fades out, the last drops it from the mix
	if seats[0].inMix || seats[0].bus == nil {
		t.Fatalf("inMix = %v, own bus = %v; want out of the mix with its own bus", seats[0].inMix, seats[0].bus != nil)
	}
	for range minusHang {
		wantHeard(t, "seat 0 in the hangover", ports[0], pcm[1])
		r.run(1)
	}
	if seats[0].bus != nil {
		t.Error("own bus kept after the hangover")
	}
	wantHeard(t, "seat 0", ports[0], pcm[1])
}

func TestLossAndGapsDuringSpeech(t *testing.T) {
	r := newTable(t, RoomConfig{Mixing: true})
	_, next := voice(3, 4000)
	p := &fakePort{format: l16, next: next}
	r.sit(p)
	listener := &fakePort{format: l16}
	r.sit(listener)
	r.run(5)
	p.next = func(Tick) codec.Frame { return codec.Frame{Kind: codec.Lost} }
	r.run(1)
	if listener.lastOne.Silent {
		t.Error("one lost packet was not concealed")
	}
	p.next = func(Tick) codec.Frame { return codec.Frame{Kind: codec.Held} }
	r.run(1)
	p.next = nil
	r.run(speakHang + minusHang + 5)
	if !listener.lastOne.Silent {
		t.Error("silence is not the cached one")
	}
}

func TestLevelIsOfTheLastFrame(t *testing.T) {
	r := newTable(t, RoomConfig{Mixing: true})
	pcm := make([]int16, 160)
	for i := range pcm {
		pcm[i] = 16384
	}
	p := &fakePort{format: l16, next: always(l16Payload(pcm))}
	s := r.sit(p)
	r.run(1)
	if got := s.LevelDBFS(); got < -6.1 || got > -5.9 {
		t.Errorf("level = %.2f dBFS, want -6.02", got)
	}
	p.next = nil
	r.run(2) // the first fades out
	if got := s.LevelDBFS(); got != SilenceDBFS {
		t.Errorf("level = %.2f dBFS in silence", got)
	}
}
