package codec

import (
	"errors"
	"math"
	"slices"
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

// TestLongPackets sends packets of two and three frames; the ticks in between are Held.
func TestLongPackets(t *testing.T) {
	for _, f := range []Format{pcmu, l16wide} {
		for _, frames := range []int{2, 3, 6} {
			e, d := make2(t, f, f.Rate)
			pcm, dst := make([]int16, f.Rate/50), make([]byte, MaxFrameSize)
			var packet []byte
			var said, heard []int16
			for n := range 12 {
				tone(pcm, f.Rate, 500, 8000, n*len(pcm))
				size, err := e.Encode(pcm, dst)
				if err != nil {
					t.Fatal(err)
				}
				packet = append(packet, dst[:size]...)
				said = append(said, pcm...)
				if (n+1)%frames != 0 {
					continue
				}
				for i := range frames {
					frame := Frame{Kind: Held}
					if i == 0 {
						frame = Frame{Kind: Voice, Payload: packet}
					}
					got := make([]int16, f.Rate/50)
					if err := d.Decode(frame, got); err != nil {
						t.Fatal(err)
					}
					heard = append(heard, got...)
				}
				packet = packet[:0]
			}
			for i := range said {
				if off := int(said[i]) - int(heard[i]); off > 300 || off < -300 {
					t.Fatalf("%v, %d frames a packet: sample %d is %d, said %d", f, frames, i, heard[i], said[i])
				}
			}
		}
	}
}

// TestOpusOfEveryDuration decodes packets of 2.5 to 60 ms of a tone, each where it is due, and wants an unbroken tone.
func TestOpusOfEveryDuration(t *testing.T) {
	const rate, hz = 48000, 400
	for _, tenths := range []int{100, 200, 400, 600} {
		encoder, err := opus.NewEncoder(rate, 1, opus.AppVoIP)
		if err != nil {
			t.Fatal(err)
		}
		if err := encoder.SetBitrate(64000); err != nil {
			t.Fatal(err)
		}
		d, err := NewDecoder(celt, rate)
		if err != nil {
			t.Fatal(err)
		}
		samples := tenths * rate / 10000
		pcm, dst := make([]int16, samples), make([]byte, 1500)
		said, due := 0, 0
		var out []int16
		for tick := range 60 {
			frame := Frame{Kind: Held}
			if due <= tick*960 {
				tone(pcm, rate, hz, 8000, said)
				n, err := encoder.Encode(pcm, dst)
				if err != nil {
					t.Fatal(err)
				}
				if got, err := OpusDuration(dst[:n]); err != nil || got != samples {
					t.Fatalf("%d samples: OpusDuration %d, %v", samples, got, err)
				}
				frame = Frame{Kind: Voice, Payload: dst[:n]}
				said += samples
				due += max(samples, 960)
			}
			got := make([]int16, 960)
			if err := d.Decode(frame, got); err != nil {
				t.Fatal(err)
			}
			out = append(out, got...)
		}
		if amplitude, rest := level(out[20*960:], rate, hz); tenths >= 200 && (math.Abs(amplitude-8000) > 1000 || rest > 1500) {
			t.Errorf("%d samples a packet: tone at %.0f, rest %.0f", samples, amplitude, rest)
		}
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
