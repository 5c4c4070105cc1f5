package codec

import (
	"math"
	"slices"
	"testing"
)

// TestSkippedAudioIsJoined: where a jitter buffer throws a frame away, the waveform codecs may not jump.
func TestSkippedAudioIsJoined(t *testing.T) {
	const hz = 210 // 4.2 periods a frame: without a join the sine jumps
	for _, f := range []Format{pcmu, l16wide} {
		e, d := make2(t, f, f.Rate)
		pcm, dst, got := make([]int16, f.Rate/50), make([]byte, MaxFrameSize), make([]int16, f.Rate/50)
		last, worst, skipped := int16(0), 0, false
		for n := range 60 {
			tone(pcm, f.Rate, hz, 8000, n*len(pcm))
			size, err := e.Encode(pcm, dst)
			if err != nil {
				t.Fatal(err)
			}
			if skipped = !skipped && n%10 == 9; skipped {
				continue
			}
			if err := d.Decode(Frame{Kind: Voice, Payload: dst[:size], Skipped: n%10 == 0}, got); err != nil {
				t.Fatal(err)
			}
			for _, v := range got {
				worst = max(worst, int(v)-int(last), int(last)-int(v))
				last = v
			}
		}
		if own := 8000 * 2 * math.Pi * hz / float64(f.Rate); float64(worst) > 2*own+600 {
			t.Errorf("%v: a step of %d, the sine's own is %.0f", f, worst, own)
		}
	}
}

// TestShortenedAudioIsJoined: where a jitter buffer leaves a frame out and hands it over, the sound goes on without a jump, and the
// codec's memory is what it would be: one frame later everything is as if nothing had been left out.
func TestShortenedAudioIsJoined(t *testing.T) {
	const rate, hz = 16000, 210
	for _, f := range formats {
		e, d := make2(t, f, rate)
		whole, err := NewDecoder(f, rate)
		if err != nil {
			t.Fatal(err)
		}
		pcm, got, want := make([]int16, rate/50), make([]int16, rate/50), make([]int16, rate/50)
		last, worst, own := int16(0), 0, 8000*2*math.Pi*hz/rate
		var before []byte
		for n := range 60 {
			dst := make([]byte, MaxFrameSize)
			tone(pcm, rate, hz, 8000, n*len(pcm))
			size, err := e.Encode(pcm, dst)
			if err != nil {
				t.Fatal(err)
			}
			frame := Frame{Kind: Voice, Payload: dst[:size]}
			if err := whole.Decode(frame, want); err != nil {
				t.Fatal(err)
			}
			if n%10 == 8 {
				before = frame.Payload
				continue
			}
			if n%10 == 9 {
				frame.Skipped, frame.Before = true, before
			}
			if err := d.Decode(frame, got); err != nil {
				t.Fatal(err)
			}
			if n%10 != 9 && !slices.Equal(got, want) {
				t.Fatalf("%v: frame %d is not what it is without the ones left out", f, n)
			}
			for i, v := range got {
				if n > 5 {
					worst = max(worst, int(v)-int(last), int(last)-int(v))
				}
				if i == len(got)-1 && v != want[i] {
					t.Fatalf("%v: frame %d ends elsewhere", f, n)
				}
				last = v
				if i > 0 {
					own = max(own, math.Abs(float64(want[i])-float64(want[i-1])))
				}
			}
		}
		if float64(worst) > 2*own+600 {
			t.Errorf("%v: a step of %d, those of the whole tone are up to %.0f", f, worst, own)
		}
	}
}

// TestShorteningRefusesWhatDoesNotFit: whatever stands in Before, Payload is played.
func TestShorteningRefusesWhatDoesNotFit(t *testing.T) {
	for _, f := range formats {
		for _, before := range [][]byte{nil, {}, {0xff}, make([]byte, 3), make([]byte, 1275)} {
			e, d := make2(t, f, 48000)
			carry(t, e, d, 48000, 5, 700, 9000)
			pcm, dst, got := make([]int16, 960), make([]byte, MaxFrameSize), make([]int16, 960)
			tone(pcm, 48000, 700, 9000, 5*960)
			size, err := e.Encode(pcm, dst)
			if err != nil {
				t.Fatal(err)
			}
			if err := d.Decode(Frame{Kind: Voice, Payload: dst[:size], Skipped: true, Before: before}, got); err != nil {
				t.Errorf("%v, %d octets before: %v", f, len(before), err)
			}
			if amplitude, _ := level(got, 48000, 700); amplitude < 4000 {
				t.Errorf("%v, %d octets before: tone at %.0f", f, len(before), amplitude)
			}
		}
	}
}
