package mixer

import (
	"bytes"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/conclave/conclave/mixer/codec"
)

// Who is deaf is sent, bit by bit, what he would be sent in an empty room: also where he is told something on a bus that others
// used before, and after it.
func TestNothingOfTheRoomReachesWhoIsDeaf(t *testing.T) {
	sent := func(talk bool) []byte {
		r := newTable(t, RoomConfig{Mixing: true})
		song := recorded(t, opusCELT, 1)
		r.sit(&fakePort{format: opusCELT, next: func(k Tick) codec.Frame {
			if talk && int(k)/25%2 == 0 {
				return song(k)
			}
			return codec.Frame{}
		}})
		waiter := &fakePort{format: opusCELT}
		s := r.Join(SeatConfig{Muted: true, Deaf: true})
		s.Attach(waiter)
		var all []byte
		for i := range 150 {
			if i == 40 || i == 70 {
				s.Play(NewTone(Note{440, 100 * time.Millisecond}, Note{0, 50 * time.Millisecond}))
			}
			r.run(1)
			all = append(all, waiter.heard[:waiter.heardN]...)
		}
		return all
	}
	quiet := sent(false)
	if !bytes.Equal(quiet, sent(true)) {
		t.Error("what a deaf seat is sent depends on what is said in the room")
	}
	if frame := opusCELT.FrameSize(); bytes.Equal(quiet[41*frame:42*frame], quiet[:frame]) {
		t.Error("it was told nothing, so that nothing was tested")
	}
}

// TestADeafSeatHearsWhatInterrupts: that, beside what it is told itself, and nothing of the room; who is apart hears what is for it alone.
func TestADeafSeatHearsWhatInterrupts(t *testing.T) {
	r := newTable(t, RoomConfig{Mixing: true})
	r.talkers(1, 1000)
	deaf, apart := &fakePort{format: l16}, &fakePort{format: l16}
	seat, waiter := r.sit(deaf), r.Join(SeatConfig{Muted: true, Deaf: true, Apart: true})
	waiter.Attach(apart)
	seat.SetDeaf(true)
	r.run(30)
	clip, own := rampClip(3), NewTone(Note{500, time.Second})
	r.Interrupt(clip)
	r.Announce(clip) // which is not for it
	for i := range 3 {
		want := clip.frame(i, 8000)
		if i == 1 {
			seat.Play(own)
			waiter.Play(own)
		}
		if i > 0 {
			want = sumOf(want, own.frame(i-1, 8000))
		}
		if r.run(1); !slices.Equal(deaf.samples(), want) {
			t.Errorf("frame %d is not what the deaf seat was to hear", i)
		}
	}
	if !slices.Equal(apart.samples(), own.frame(1, 8000)) {
		t.Error("who is apart heard more than what was for it alone")
	}
	if r.run(1); !slices.Equal(deaf.samples(), own.frame(2, 8000)) {
		t.Error("the deaf seat heard an announcement that was not for it")
	}
	seat.Play()
	if r.run(2 * minusHang); seat.bus != nil || !slices.Equal(deaf.samples(), make([]int16, 160)) {
		t.Error("something sounds on, or its bus was not given back")
	}
	waiter.SetApart(false)
	r.Interrupt(clip)
	if r.run(1); !slices.Equal(apart.samples(), sumOf(clip.frame(0, 8000), own.frame(3+2*minusHang, 8000))) {
		t.Error("who is apart no longer does not hear what interrupts")
	}
}

// TestDeafSeatsHearOneBus: however many are deaf, what interrupts the room is encoded once per format, and begins and ends without a codec
// of anybody's own. Who is apart is not among them.
func TestDeafSeatsHearOneBus(t *testing.T) {
	const seats, frames = 60, 20
	encodes := func(deaf int) uint64 {
		r := newTable(t, RoomConfig{Mixing: true})
		for i := range deaf {
			r.Join(SeatConfig{Deaf: true}).Attach(&fakePort{format: []codec.Format{opusCELT, pcmu}[i%2]})
		}
		waiter := &fakePort{format: pcmu}
		r.Join(SeatConfig{Deaf: true, Apart: true}).Attach(waiter)
		r.run(5)
		r.Interrupt(rampClip(frames))
		r.run(frames + 200)
		if r.aloud.on || len(r.free) > 0 || len(r.aloud.outlets) > 2 {
			t.Errorf("sounds on: %v, %d buses of seats, %d encoders", r.aloud.on, len(r.free), len(r.aloud.outlets))
		}
		if waiter.silent != frames+205 {
			t.Error("who is apart heard what was not for it")
		}
		return r.pool.Stats().Encodes
	}
	if two, many := encodes(2), encodes(seats); two < 2*frames || many != two {
		t.Errorf("%d encodes for %d deaf seats, %d for two", many, seats, two)
	}
}

// TestADeafListenerHearsNoSeam: what interrupts comes out of his decoder as it went in, and ends in silence; the second time too, and
// where he was told something beside it.
func TestADeafListenerHearsNoSeam(t *testing.T) {
	const told, frames, ticks = 30, 25, 200
	clip := NewTone(Note{1000, frames * tickLength})
	hear := func(deaf, beside bool) *opusEar {
		r := newTable(t, RoomConfig{Mixing: true})
		song := recorded(t, opusCELT, 1)
		r.sit(&fakePort{format: opusCELT, next: func(k Tick) codec.Frame {
			if deaf {
				return song(k)
			}
			return codec.Frame{}
		}})
		ear := newOpusEar(t)
		s := r.Join(SeatConfig{Deaf: deaf})
		s.Attach(ear)
		for k := range ticks {
			if k == told || k == told+100 {
				r.Interrupt(clip)
			}
			if beside && k == told+2 {
				s.Play(rampClip(2))
			}
			r.run(1)
		}
		return ear
	}
	reference := hear(false, false) // an empty room, heard on the full bus
	for name, ear := range map[string]*opusEar{"deaf": hear(true, false), "told beside it": hear(true, true)} {
		worst, compared := math.Inf(1), 0
		for k := range ticks {
			switch heard := meanSquare(reference.heard[k]); {
			case name != "deaf" && k >= told+2 && k <= told+9:
			case heard > 1:
				worst = min(worst, signalToError(reference.heard[k], ear.heard[k]))
				compared++
			case meanSquare(ear.heard[k]) > 1:
				t.Errorf("%s: frame %d should be silence", name, k)
			}
		}
		t.Logf("%s: worst frame %.1f dB", name, worst)
		if compared < 2*frames-10 {
			t.Errorf("%s: %d frames were compared, of two clips of %d", name, compared, frames)
		}
		if worst < 15 {
			t.Errorf("%s: the worst frame is %.1f dB from what was said", name, worst)
		}
	}
}
