package mixer

import (
	"bytes"
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
