package mixer

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/conclave/conclave/mixer/codec"
)

// rampClip is a clip of so many frames, with samples that tell where one is in it.
func rampClip(frames int) *Clip {
	c := &Clip{}
	for i, rate := range clipRates {
		pcm := make([]int16, frames*rate/50)
		for k := range pcm {
			pcm[k] = int16(1 + k%3000)
		}
		c.set(i, pcm)
	}
	return c
}

// isOver says whether a channel is closed.
func isOver(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestAnAnnouncementIsHeardByAllBesideWhoSpeaks(t *testing.T) {
	r := newTable(t, RoomConfig{Mixing: true})
	_, ports, pcm := r.talkers(2, 1000)
	idle := &fakePort{format: l16}
	r.sit(idle)
	deaf := &fakePort{format: l16}
	r.sit(deaf).SetDeaf(true)
	r.run(30)
	clip := rampClip(2)
	over := r.Announce(clip)
	for i := range 2 {
		if isOver(over) {
			t.Fatalf("over after %d frames", i)
		}
		r.run(1)
		frame := clip.frame(i, 8000)
		for who, want := range map[*fakePort][]int16{
			ports[0]: sumOf(pcm[1], frame), ports[1]: sumOf(pcm[0], frame), idle: sumOf(pcm[0], pcm[1], frame), deaf: make([]int16, 160),
		} {
			if !slices.Equal(who.samples(), want) {
				t.Errorf("frame %d is not what a port was to hear", i)
			}
		}
	}
	if !isOver(over) {
		t.Error("not over")
	}
	if r.run(1); !slices.Equal(idle.samples(), sumOf(pcm...)) {
		t.Error("something sounds on")
	}
}

func TestWhatASeatIsToldNobodyElseHears(t *testing.T) {
	r := newTable(t, RoomConfig{Mixing: true})
	seats, ports, pcm := r.talkers(2, 1000)
	idle, deaf, other := &fakePort{format: l16}, &fakePort{format: l16}, &fakePort{format: l16}
	idler, deafOne := r.sit(idle), r.sit(deaf)
	r.sit(other)
	deafOne.SetDeaf(true)
	r.run(30)
	clip := rampClip(1)
	frame := clip.frame(0, 8000)
	for _, s := range []*Seat{seats[0], idler, deafOne} {
		s.Play(clip)
	}
	r.run(1)
	for name, c := range map[string]struct {
		port *fakePort
		want []int16
	}{
		"in the mix": {ports[0], sumOf(pcm[1], frame)}, "not told": {ports[1], pcm[0]}, "idle": {idle, sumOf(pcm[0], pcm[1], frame)},
		"deaf": {deaf, frame}, "idle, not told": {other, sumOf(pcm...)},
	} {
		if !slices.Equal(c.port.samples(), c.want) {
			t.Errorf("%s: heard something else", name)
		}
	}
	r.run(2 * minusHang)
	if idler.bus != nil || deafOne.bus != nil || r.telling != 0 {
		t.Error("the buses were not given back")
	}
	if !slices.Equal(idle.samples(), sumOf(pcm...)) || !slices.Equal(deaf.samples(), make([]int16, 160)) {
		t.Error("something sounds on")
	}
}

// After it was told something, a listener hears the room as if nothing had happened.
func TestAListenerHearsNoSeamAfterWhatHeIsTold(t *testing.T) {
	const ticks, told = 150, 50
	song := melody(ticks)
	hear := func(tell bool) *opusEar {
		r := newTable(t, RoomConfig{Mixing: true})
		r.sit(&fakePort{format: l16wide, next: func(k Tick) codec.Frame { return codec.Frame{Kind: codec.Voice, Payload: song[k]} }})
		ear := newOpusEar(t)
		s := r.Join(SeatConfig{})
		s.Attach(ear)
		r.run(told)
		if tell {
			s.Play(NewTone(Note{1000, 100 * time.Millisecond}))
		}
		r.run(ticks - told)
		return ear
	}
	reference, ear := hear(false), hear(true)
	during, worst := 0.0, math.Inf(1)
	for k := 10; k < ticks; k++ {
		same := signalToError(reference.heard[k], ear.heard[k])
		switch {
		case k == told+2:
			during = same
		case k < told, k > told+9:
			worst = min(worst, same)
		}
	}
	t.Logf("while told: %.1f dB; worst frame otherwise: %.1f dB", during, worst)
	if during > 15 || worst < 15 {
		t.Errorf("while told %.1f dB, otherwise %.1f dB at worst; want less than 15, and more", during, worst)
	}
}

func TestWhatReplacesAnAnnouncementCutsItSoftly(t *testing.T) {
	r := newTable(t, RoomConfig{Mixing: true})
	port := &fakePort{format: l16}
	s := r.sit(port)
	r.run(1)
	long := rampClip(10)
	first, waits := s.Play(long), NewTone(Note{500, time.Second})
	r.run(3)
	second := s.Play(waits)
	r.run(1)
	got, was := port.samples(), long.frame(3, 8000)
	if got[0] < was[0]/2 || got[159] != 0 {
		t.Errorf("from %d it went to %d; want %d to 0", got[0], got[159], was[0])
	}
	if !isOver(first) || isOver(second) {
		t.Error("the wrong one is over")
	}
	if r.run(1); !slices.Equal(port.samples(), waits.frame(0, 8000)) {
		t.Error("the other did not begin")
	}
	third := s.Play()
	if r.run(2); !isOver(second) || !isOver(third) || !slices.Equal(port.samples(), make([]int16, 160)) {
		t.Error("something plays on")
	}
}

func TestAnnouncementsAreBounded(t *testing.T) {
	r := newTable(t, RoomConfig{Mixing: true})
	port := &fakePort{format: l16}
	r.sit(port)
	r.run(1)
	var waiting []<-chan struct{}
	for range maxClips + 1 {
		waiting = append(waiting, r.Announce(rampClip(1)))
	}
	r.run(1)
	for i, c := range waiting {
		if want := i == 0 || i == maxClips; isOver(c) != want {
			t.Errorf("clip %d: over %v, want %v", i, !want, want)
		}
	}
	if r.run(maxClips - 1); r.announcer.n != 0 || !isOver(waiting[maxClips-1]) {
		t.Error("not all were played")
	}
}

// TestInterrupt: what must not be left out is not, however much waits.
func TestInterrupt(t *testing.T) {
	r := newTable(t, RoomConfig{Mixing: true})
	r.sit(&fakePort{format: l16})
	r.run(1)
	var waiting []<-chan struct{}
	for range maxClips {
		waiting = append(waiting, r.Announce(rampClip(10)))
	}
	r.run(1)
	told := r.Interrupt(rampClip(2))
	r.run(1)
	for i, c := range waiting {
		if !isOver(c) {
			t.Errorf("clip %d waits on", i)
		}
	}
	if isOver(told) || r.announcer.n != 1 {
		t.Error("it was left out")
	}
	if r.run(2); !isOver(told) {
		t.Error("it was not played")
	}
}

// Nobody waits for ever for the end of a clip.
func TestClipsEndWithWhoHearsThem(t *testing.T) {
	clip := rampClip(100)
	r := newTable(t, RoomConfig{Mixing: true})
	s, stays := r.sit(&fakePort{format: l16}), r.sit(&fakePort{format: l16})
	r.run(1)
	left := s.Play(clip)
	r.run(2)
	s.Leave()
	after := s.Play(clip)
	if r.run(1); !isOver(left) || !isOver(after) || r.telling != 0 {
		t.Error("a seat that left is told on")
	}
	told, all := stays.Play(clip), r.Announce(clip)
	r.run(1)
	r.Close()
	late := stays.Play(clip)
	if r.Room.tick(r.tick) {
		t.Error("the room goes on")
	}
	for i, c := range []<-chan struct{}{told, all, late, r.Announce(clip)} {
		if !isOver(c) {
			t.Errorf("clip %d outlives its room", i)
		}
	}
	lobby := newTable(t, RoomConfig{})
	waits := lobby.sit(&fakePort{format: l16}).Play(clip)
	if lobby.run(1); !isOver(waits) {
		t.Error("a clip waits for a room that does not mix")
	}
}

// A clip goes on where the mix rate changes.
func TestAClipFollowsTheMixRate(t *testing.T) {
	r := newTable(t, RoomConfig{Mixing: true})
	r.sit(&fakePort{format: l16})
	clip := rampClip(5)
	r.Announce(clip)
	r.run(2)
	wide := &fakePort{format: l16wide}
	r.sit(wide)
	r.run(1)
	if !slices.Equal(wide.samples(), clip.frame(2, 16000)) {
		t.Error("it does not go on where it was")
	}
}

func TestClipsAreDecodedAtEveryRate(t *testing.T) {
	e, err := codec.NewEncoder(opusCELT, 48000)
	if err != nil {
		t.Fatal(err)
	}
	tone := NewTone(Note{1000, 200 * time.Millisecond})
	var packets [][]byte
	for i := range 10 {
		b := make([]byte, opusCELT.FrameSize())
		if _, err := e.Encode(tone.frame(i, 48000), b); err != nil {
			t.Fatal(err)
		}
		packets = append(packets, b)
	}
	c, err := NewClip(packets, 312)
	if err != nil {
		t.Fatal(err)
	}
	if c.Length() < 200*time.Millisecond || c.Length() > 220*time.Millisecond {
		t.Errorf("it lasts %v", c.Length())
	}
	for i, rate := range clipRates {
		want, got := meanSquare(tone.frame(4, rate)), meanSquare(c.frame(4, rate))
		if got < want/2 || got > want*2 {
			t.Errorf("%d Hz: level %.0f, want %.0f", rate, got, want)
		}
		if n := len(c.pcm[i]); n != c.frames*rate/50 {
			t.Errorf("%d Hz: %d samples in %d frames", rate, n, c.frames)
		}
	}
	for name, bad := range map[string]struct {
		packets [][]byte
		skip    int
	}{
		"no packet": {nil, 0}, "no Opus": {[][]byte{{3}}, 0}, "nothing left": {packets[:1], 960}, "below nothing": {packets, -1},
		"too long": {make([][]byte, maxClipFrames+1), 0},
	} {
		if _, err := NewClip(bad.packets, bad.skip); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestAnnouncementsAllocateNothing(t *testing.T) {
	for _, f := range []codec.Format{opusCELT, pcmu} {
		r := newTable(t, RoomConfig{Mixing: true})
		r.sit(&fakePort{format: f, next: recorded(t, f, 1)})
		told, deaf, other := r.sit(&fakePort{format: f}), r.sit(&fakePort{format: f}), r.sit(&fakePort{format: f})
		deaf.SetDeaf(true)
		other.SetDeaf(true) // and hears what all who are deaf hear
		clip := rampClip(30)
		say := func() {
			for _, s := range []*Seat{told, deaf} {
				s.announcer.play([]*Clip{clip}, true, make(chan struct{}))
			}
			r.announcer.play([]*Clip{clip}, false, make(chan struct{}))
			r.announcer.play([]*Clip{clip}, true, make(chan struct{}))
			r.recount()
		}
		const cycle = 120
		for range 3 {
			say()
			r.run(cycle)
		}
		say()
		if n := testing.AllocsPerRun(1, func() { r.run(cycle / 2) }); n != 0 {
			t.Errorf("%s: %.0f allocations in %d ticks", f.Codec, n, cycle/2)
		}
	}
}
