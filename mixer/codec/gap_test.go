package codec

import (
	"errors"
	"math"
	"testing"

	"github.com/hraban/opus"
)

// TestSilenceIsSkippedUnheard proves that not calling libopus for settled silence is not heard: across pauses the Decoder
// gives the same samples as plain libopus does for the same packets, and the Encoder is as true to the voice as plain
// libopus is (its packets may differ in rounding: the DC filter's tail is below a sample).
func TestSilenceIsSkippedUnheard(t *testing.T) {
	const rate = 48000
	e, d := make2(t, celt, rate)
	plain, err := newOpusSink(celt, rate)
	if err != nil {
		t.Fatal(err)
	}
	// Both look for onsets always: what is compared here is the skip, and an encoder that does not look decides otherwise for less.
	plain.always = true
	e.AlwaysLook()
	reference, err := opus.NewDecoder(rate, 1)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := opus.NewDecoder(rate, 1)
	if err != nil {
		t.Fatal(err)
	}
	pcm, dst, other := make([]int16, rate/50), make([]byte, 80), make([]byte, 80)
	got, want, unskipped := make([]int16, rate/50), make([]int16, rate/50), make([]int16, rate/50)
	voice := speechLike(rate, 100)
	settled, diff, all := 0, 0.0, 0.0
	for n := range 1000 {
		clear(pcm)
		if n%100 < 30 {
			copy(pcm, voice[n%100])
		}
		_, err := e.Encode(pcm, dst)
		if err := errors.Join(err, plain.encode(pcm, other)); err != nil {
			t.Fatal(err)
		}
		if e.Settled() {
			settled++
			if string(dst) != string(Silence(celt)) || string(dst) != string(other) {
				t.Fatalf("frame %d: settled, yet % x and without the skip % x", n, dst[:8], other[:8])
			}
		}
		err = d.Decode(Frame{Kind: Voice, Payload: dst}, got)
		_, err2 := reference.Decode(dst, want)
		_, err3 := whole.Decode(other, unskipped)
		if err := errors.Join(err, err2, err3); err != nil {
			t.Fatal(err)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("frame %d sample %d: %d, without the skip %d", n, i, got[i], want[i])
			}
			delta := float64(got[i]) - float64(unskipped[i])
			diff, all = diff+delta*delta, all+float64(want[i])*float64(want[i])
		}
	}
	if settled < 200 || d.source.(*opusSource).calm < settleFrames {
		t.Errorf("settled in %d frames, decoder calm for %d: the skip was never taken", settled, d.source.(*opusSource).calm)
	}
	if snr := 10 * math.Log10(all/diff); snr < 30 {
		t.Errorf("the skip changes the voice: %.1f dB", snr)
	}
}

func TestLostFramesAreConcealed(t *testing.T) {
	for _, f := range formats {
		for _, rate := range rates {
			e, d := make2(t, f, rate)
			const hz = 400 // whole periods in a frame, so that a good concealment is close to the truth
			carry(t, e, d, rate, 25, hz, 8000)
			got := make([]int16, rate/50)
			first := 0.0
			for n := range 10 {
				if err := d.Decode(Frame{Kind: Lost}, got); err != nil {
					t.Fatal(err)
				}
				amplitude, _ := level(got, rate, hz)
				if n == 0 {
					first = amplitude
				}
				if n == 9 && amplitude > 800 && f.Codec != Opus {
					t.Errorf("%v at %d Hz: still at %.0f after 200 ms", f, rate, amplitude)
				}
			}
			if first < 3500 || first > 10000 { // SILK at 24 kbit/s repeats a tone badly, the others near 8000
				t.Errorf("%v at %d Hz: first lost frame at %.0f, want about 8000", f, rate, first)
			}
		}
	}
}

// TestNoClick: a gap in a sine must not make steps larger than the sine's own, several times over.
func TestNoClick(t *testing.T) {
	for _, f := range []Format{pcmu, pcma, l16, l16wide} {
		e, d := make2(t, f, f.Rate)
		pcm, dst, got := make([]int16, f.Rate/50), make([]byte, MaxFrameSize), make([]int16, f.Rate/50)
		last, worst := int16(0), 0
		for n := range 60 {
			tone(pcm, f.Rate, 233, 8000, n*len(pcm))
			size, err := e.Encode(pcm, dst)
			if err != nil {
				t.Fatal(err)
			}
			frame := Frame{Kind: Voice, Payload: dst[:size]}
			if n%11 > 8 {
				frame = Frame{Kind: Lost}
			}
			if err := d.Decode(frame, got); err != nil {
				t.Fatal(err)
			}
			for _, v := range got {
				worst = max(worst, int(v)-int(last), int(last)-int(v))
				last = v
			}
		}
		if own := 8000 * 2 * math.Pi * 233 / float64(f.Rate); float64(worst) > 2*own+600 {
			t.Errorf("%v: a step of %d, the sine's own is %.0f", f, worst, own)
		}
	}
}

func TestInBandFECBeatsConcealment(t *testing.T) {
	const rate = 48000
	off := func(fec bool) float64 {
		e, d := make2(t, voip, rate)
		whole, err := NewDecoder(voip, rate)
		if err != nil {
			t.Fatal(err)
		}
		var coded [][]byte
		voice := speechLike(rate, 100)
		for _, pcm := range voice {
			dst := make([]byte, voip.FrameSize())
			if _, err := e.Encode(pcm, dst); err != nil {
				t.Fatal(err)
			}
			coded = append(coded, dst)
		}
		got, want := make([]int16, rate/50), make([]int16, rate/50)
		var diff, all float64
		for n := range coded[:99] {
			frame := Frame{Kind: Voice, Payload: coded[n]}
			if n%7 == 6 {
				frame = Frame{Kind: Lost}
				if fec {
					frame.Next = coded[n+1]
				}
			}
			if err := errors.Join(d.Decode(frame, got), whole.Decode(Frame{Kind: Voice, Payload: coded[n]}, want)); err != nil {
				t.Fatal(err)
			}
			for i := range got {
				delta := float64(got[i]) - float64(want[i])
				diff, all = diff+delta*delta, all+float64(want[i])*float64(want[i])
			}
		}
		return math.Sqrt(diff / all)
	}
	with, without := off(true), off(false)
	t.Logf("residual with FEC %.2f, without %.2f", with, without)
	if with > 0.95*without {
		t.Errorf("FEC is not used: residual %.2f with, %.2f without", with, without)
	}
}

func TestSilentIsZerosAndForgets(t *testing.T) {
	for _, f := range formats {
		e, d := make2(t, f, 48000)
		carry(t, e, d, 48000, 5, 700, 9000)
		got := make([]int16, 960)
		if err := d.Decode(Frame{}, got); err != nil || zero(got) || got[959] != 0 {
			t.Errorf("%v: the first frame of silence does not fade to zero, %v", f, err)
		}
		for _, kind := range []Kind{Silent, Lost, Held, Silent} {
			got[0] = 1
			if err := d.Decode(Frame{Kind: kind}, got); err != nil || !zero(got) {
				t.Errorf("%v: kind %d after silence is not zeros, %v", f, kind, err)
			}
		}
		carry(t, e, d, 48000, 5, 700, 9000)
		d.Reset()
		if err := d.Decode(Frame{Kind: Lost}, got); err != nil || !zero(got) {
			t.Errorf("%v: lost after Reset is not zeros, %v", f, err)
		}
	}
}

// TestSilenceAfterLossDoesNotClick: concealment that goes on for five frames still sounds in some codecs; the silence after it may
// not cut it off.
func TestSilenceAfterLossDoesNotClick(t *testing.T) {
	const rate, hz = 48000, 233
	for _, f := range formats {
		e, d := make2(t, f, rate)
		carry(t, e, d, rate, 20, hz, 8000)
		got := make([]int16, rate/50)
		for range 5 {
			if err := d.Decode(Frame{Kind: Lost}, got); err != nil {
				t.Fatal(err)
			}
		}
		last, worst := got[len(got)-1], 0
		for range 2 {
			if err := d.Decode(Frame{}, got); err != nil {
				t.Fatal(err)
			}
			for _, v := range got {
				worst = max(worst, int(v)-int(last), int(last)-int(v))
				last = v
			}
		}
		if own := 8000 * 2 * math.Pi * hz / rate; float64(worst) > 2*own {
			t.Errorf("%v: a step of %d, the sine's own is %.0f", f, worst, own)
		}
	}
}
