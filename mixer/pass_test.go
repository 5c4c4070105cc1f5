package mixer

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/conclave/conclave/mixer/codec"
)

// likeness is by how many dB what is wrong with got is fainter than want.
func likeness(got, want []int16) float64 {
	var wrong, right float64
	for i := range want {
		wrong += math.Pow(float64(got[i])-float64(want[i]), 2)
		right += math.Pow(float64(want[i]), 2)
	}
	return 10 * math.Log10(right/(wrong+1))
}

// chorus seats talkers with Opus, each 3 dB fainter than the one before.
func chorus(t *testing.T, r *table, n, ticks int) (seats []*Seat, speakers []*speaker) {
	t.Helper()
	for i := range n {
		sp := newSpeaker(t, opusCELT, i%4, math.Pow(10, -3*float64(i)/20), ticks, []spurt{{0, ticks}})
		seats, speakers = append(seats, r.sit(&fakePort{format: opusCELT, next: sp.next})), append(speakers, sp)
	}
	return seats, speakers
}

// TestNobodyDecodesWhoIsNotHeard: of many who talk those are decoded who are heard, and the levels of the others are known all the same.
func TestNobodyDecodesWhoIsNotHeard(t *testing.T) {
	const talkers, loudest, ticks = 6, 2, 120
	r := newTable(t, RoomConfig{Mixing: true, Loudest: loudest})
	seats, speakers := chorus(t, r, talkers, ticks)
	r.run(60)
	for k := 60; k < ticks; k++ {
		before, mixed := r.pool.Stats().Decodes, len(r.mix)
		entered := slices.Clone(r.mix)
		r.run(1)
		fresh := 0
		for _, s := range r.mix {
			if !slices.Contains(entered, s) {
				fresh++
			}
		}
		if n := int(r.pool.Stats().Decodes - before); n > mixed+fresh*warmPackets {
			t.Fatalf("tick %d: %d frames decoded, for %d seats in the mix and %d that came in", k, n, mixed, fresh)
		}
		for i, s := range seats {
			if !s.Speaking() {
				t.Errorf("tick %d: seat %d does not speak", k, i)
			}
		}
	}
	var off, n float64
	for i, s := range seats {
		is := meanSquare(speakers[i].decoded[(ticks-1)*qualityTick:])
		if is > speakOn && !s.inMix {
			off, n = off+math.Abs(s.LevelDBFS()-10*math.Log10(float64(is)/fullScale)), n+1
		}
	}
	if n == 0 || off/n > 4 {
		t.Errorf("the levels of %v seats outside the mix are %.1f dB off", n, off/n)
	}
}

// TestWhoComesIntoTheMixIsHeardAtOnce: from the tick in which a talker is chosen he sounds as if he had been decoded all the while, whichever
// tick that is.
func TestWhoComesIntoTheMixIsHeardAtOnce(t *testing.T) {
	const ticks = 160
	var likenesses []float64
	for at := 20; at < ticks-speakHang-10; at += 3 {
		r := newTable(t, RoomConfig{Mixing: true, Loudest: 1})
		first := newSpeaker(t, opusCELT, 1, 1, ticks, []spurt{{0, at}})
		second := newSpeaker(t, opusCELT, 2, 0.3, ticks, []spurt{{0, ticks}})
		r.sit(&fakePort{format: opusCELT, next: first.next})
		s := r.sit(&fakePort{format: opusCELT, next: second.next})
		for k := range ticks {
			r.run(1)
			if !s.inMix {
				continue
			}
			if k < at {
				t.Fatalf("the second is in the mix in tick %d, while the first talks until %d", k, at)
			}
			want := second.decoded[k*qualityTick : (k+1)*qualityTick]
			if !s.fresh {
				t.Fatalf("tick %d: in the mix, and not decoded", k)
			}
			if meanSquare(want) > speakOn {
				likenesses = append(likenesses, likeness(s.pcm, want))
			}
			if k > at+speakHang+5 {
				break
			}
		}
	}
	slices.Sort(likenesses)
	if n := len(likenesses); n < 100 || likenesses[n/100] < 30 {
		t.Errorf("%d frames, of which the worst hundredth is wrong by what is %.0f dB fainter than it", n, likenesses[n/100])
	}
}

// TestTheSameMeasureForAll: who is decoded and who is not are compared by the same levels, though the one could be known better.
func TestTheSameMeasureForAll(t *testing.T) {
	const ticks = 100
	r := newTable(t, RoomConfig{Mixing: true, Loudest: 1})
	sp := newSpeaker(t, opusCELT, 2, 0.5, ticks, []spurt{{0, ticks}})
	a, b := r.sit(&fakePort{format: opusCELT, next: sp.next}), r.sit(&fakePort{format: opusCELT, next: sp.next})
	for k := range ticks {
		r.run(1)
		if a.inMix == b.inMix && a.talking || a.envelope != b.envelope {
			t.Fatalf("tick %d: in the mix: %v and %v, ranked by %v and %v", k, a.inMix, b.inMix, a.envelope, b.envelope)
		}
	}
}

// TestOnsetOutOfNoiseIsNotChopped: noise of a room that is too faint for speech is not decoded; the first word is heard whole.
func TestOnsetOutOfNoiseIsNotChopped(t *testing.T) {
	const ticks, from = 120, 100
	r := newTable(t, RoomConfig{Mixing: true})
	sp := newSpeaker(t, opusCELT, 3, 1, ticks, []spurt{{from, ticks}})
	s := r.sit(&fakePort{format: opusCELT, next: sp.next})
	r.run(from)
	if n := r.pool.Stats().Decodes; n != 0 || s.Speaking() {
		t.Errorf("%d frames of noise decoded, speaks: %v", n, s.Speaking())
	}
	for k := from; k < ticks; k++ {
		r.run(1)
		want := sp.decoded[k*qualityTick : (k+1)*qualityTick]
		if l := likeness(s.pcm, want); s.inMix && l < 30 || !s.inMix && meanSquare(want) > 2*speakOn {
			t.Fatalf("tick %d: level %.0f, in the mix: %v, wrong by what is %.0f dB fainter", k, 10*math.Log10(float64(meanSquare(want))/fullScale), s.inMix, l)
		}
	}
	if !s.inMix {
		t.Error("never heard")
	}
}

// TestPassedOverFramesMayBeLost: losses and pauses of who is not heard cost no decoding, and who comes into the mix in one of them is
// heard from the next frame on.
func TestPassedOverFramesMayBeLost(t *testing.T) {
	const ticks = 100
	r := newTable(t, RoomConfig{Mixing: true, Loudest: 1})
	first := newSpeaker(t, opusCELT, 1, 1, ticks, []spurt{{0, 50}})
	second := newSpeaker(t, opusCELT, 2, 0.3, ticks, []spurt{{0, ticks}})
	r.sit(&fakePort{format: opusCELT, next: first.next})
	s := r.sit(&fakePort{format: opusCELT, next: func(k Tick) codec.Frame {
		if k%4 == 3 {
			return codec.Frame{Kind: codec.Lost}
		}
		return second.next(k)
	}})
	r.run(40)
	if n := r.pool.Stats().Decodes; n > 41 || s.inMix {
		t.Errorf("%d frames decoded in 40 ticks, the second in the mix: %v", n, s.inMix)
	}
	r.run(60)
	if !s.inMix || !s.fresh {
		t.Errorf("in the mix: %v, decoded: %v", s.inMix, s.fresh)
	}
}

// TestPassingAllocatesNothing: many talk, few are heard, and they change.
func TestPassingAllocatesNothing(t *testing.T) {
	const ticks = 400
	r := newTable(t, RoomConfig{Mixing: true, Loudest: 2})
	var speakers []*speaker
	for i := range 4 {
		sp := newSpeaker(t, opusCELT, i, 0.3, ticks, []spurt{{0, 100 + 30*i}, {150 + 30*i, ticks}})
		speakers = append(speakers, sp)
	}
	for _, sp := range speakers {
		r.sit(&fakePort{format: opusCELT, next: func(k Tick) codec.Frame { return sp.next(k % ticks) }})
	}
	r.run(2 * ticks)
	if n := testing.AllocsPerRun(1, func() { r.run(ticks) }); n != 0 {
		t.Errorf("%v allocations in %d ticks", n, ticks)
	}
}

// TestG711IsPassedOver: a payload of G.711 tells its level, too.
func TestG711IsPassedOver(t *testing.T) {
	r := newTable(t, RoomConfig{Mixing: true, Loudest: 1})
	for _, octet := range []byte{0x90, 0xA0, 0xB0} { // fainter and fainter
		payload := make([]byte, 160)
		for i := range payload {
			payload[i] = octet | byte(i%2)<<7
		}
		r.sit(&fakePort{format: pcmu, next: always(payload)})
	}
	r.run(10)
	if n := r.pool.Stats().Decodes; n != 10 {
		t.Errorf("%d frames decoded in 10 ticks of a room that hears one", n)
	}
}

// TestSilenceHoldsNoPlace: nobody is in the mix by frames that only tell of a voice, be it of Opus that decodes to nothing, or louder than anything can be.
func TestSilenceHoldsNoPlace(t *testing.T) {
	const ticks = 200
	for name, c := range map[string]struct {
		payload []byte
		every   Tick // so many ticks
	}{"one octet": {[]byte{31 << 3, 0xc1}, 1}, "above full scale": {louderThanFullScale(t), 50}} {
		r := newTable(t, RoomConfig{Mixing: true, Loudest: 1})
		honest := newSpeaker(t, opusCELT, 1, 1, ticks, []spurt{{0, ticks}})
		s := r.sit(&fakePort{format: opusCELT, next: honest.next})
		crafted := r.sit(&fakePort{format: opusCELT, next: func(k Tick) codec.Frame {
			if k%c.every == c.every-1 {
				return codec.Frame{Kind: codec.Voice, Payload: c.payload}
			}
			return codec.Frame{}
		}})
		alone := newTable(t, RoomConfig{Mixing: true, Loudest: 1})
		without := alone.sit(&fakePort{format: opusCELT, next: honest.next})
		in, want := 0, 0
		for range ticks {
			r.run(1)
			alone.run(1)
			if without.inMix {
				want++
			}
			if crafted.envelope > fullScale || crafted.LevelDBFS() > 0 {
				t.Fatalf("%s: a level of %.0f dBFS, ranked by %v", name, crafted.LevelDBFS(), crafted.envelope)
			}
			if s.inMix {
				in++
			}
		}
		if c.every == 1 && in != want {
			t.Errorf("%s: a talker is in the mix in %d ticks, and alone in %d", name, in, want)
		}
	}
}

// louderThanFullScale is a frame of CELT that says so.
func louderThanFullScale(t *testing.T) []byte {
	t.Helper()
	dice := rand.New(rand.NewPCG(5, 6))
	for range 100000 {
		payload := []byte{31 << 3}
		for range 80 {
			payload = append(payload, byte(dice.IntN(256)))
		}
		var e codec.Energies
		if level, ok := e.Read(payload, qualityRate); ok && level > 4*fullScale {
			return payload
		}
	}
	t.Fatal("no such frame")
	return nil
}

// TestLossAsTheMixIsEntered: what is lost right after a talker came into the mix is concealed, and who comes in while a frame is lost fades in once he is heard.
func TestLossAsTheMixIsEntered(t *testing.T) {
	const ticks = 100
	for _, c := range []struct {
		name string
		lost func(k, entered int) bool // entered is negative before
		hid  bool                      // the loss is concealed
	}{
		{"after", func(k, entered int) bool { return entered >= 0 && k == entered+1 }, true},
		{"meanwhile", func(k, _ int) bool { return k%3 != 0 }, false},
	} {
		for at := 30; at < 50; at++ {
			r := newTable(t, RoomConfig{Mixing: true, Loudest: 1})
			first := newSpeaker(t, opusCELT, 1, 1, ticks, []spurt{{0, at}})
			second := newSpeaker(t, opusCELT, 2, 0.5, ticks, []spurt{{15, ticks}})
			entered, heard := -1, false
			var s *Seat
			r.sit(&fakePort{format: opusCELT, next: first.next})
			s = r.sit(&fakePort{format: opusCELT, next: func(k Tick) codec.Frame {
				if c.lost(int(k), entered) {
					return codec.Frame{Kind: codec.Lost}
				}
				return second.next(k)
			}})
			for k := range ticks {
				gain := s.gainNow
				r.run(1)
				if entered < 0 && s.inMix {
					entered, gain = k, 0
				}
				if entered < 0 {
					continue
				}
				if c.hid && k == entered+1 && !s.fresh && meanSquare(second.decoded[entered*qualityTick:k*qualityTick]) > speakOn {
					t.Fatalf("%s, at %d: a loss in tick %d, right after the seat came in, is not concealed", c.name, at, k)
				}
				if s.fresh && !heard {
					heard = true
					if gain != 0 {
						t.Fatalf("%s, at %d: first heard in tick %d with gain %d already", c.name, at, k, gain)
					}
				}
			}
			if !heard {
				t.Fatalf("%s, at %d: never heard", c.name, at)
			}
		}
	}
}

// TestManyComeInByAndBy: decoders that come in late take turns.
func TestManyComeInByAndBy(t *testing.T) {
	const talkers = 2*lateEntries + 1
	r := newTable(t, RoomConfig{Mixing: true, Loudest: talkers})
	r.talkers(talkers, 3000)
	for _, want := range []int{lateEntries, 2 * lateEntries, talkers} {
		if r.run(1); len(r.mix) != want {
			t.Fatalf("%d in the mix, want %d", len(r.mix), want)
		}
	}
}
