package sound_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/conclave/conclave/loadtest/sound"
	"github.com/conclave/conclave/mixer/codec"
)

// Five neighbours of a class share no tone, all tones of a class are three steps apart, and no voice is there twice.
func TestSpreadVoices(t *testing.T) {
	seen := make(map[int]bool)
	for class := range sound.SpreadClasses {
		for i := range sound.SpreadVoices {
			n := sound.SpreadVoice(class, i)
			if seen[n] || n >= sound.Talkers {
				t.Fatalf("voice %d of class %d is talker %d again", i, class, n)
			}
			seen[n] = true
			low, high := sound.Pair(n)
			if low%3 != class || high%3 != class {
				t.Fatalf("voice %d of class %d has tones %d and %d", i, class, low, high)
			}
			for j := i + 1; j < min(i+5, sound.SpreadVoices); j++ {
				l, h := sound.Pair(sound.SpreadVoice(class, j))
				if l == low || h == high {
					t.Fatalf("voices %d and %d of class %d share a tone", i, j, class)
				}
			}
		}
	}
}

// chorus is five talkers of a class at 48 kHz; shape has the first one's samples before they are added.
func chorus(class int, length time.Duration, shape func(at time.Duration, v int16) int16) []int16 {
	const rate = 48000
	sum := make([]int16, int(length*rate/time.Second))
	for i := range 5 {
		talker := sound.NewTalker(sound.SpreadVoice(class, i), rate)
		talker.SetTalking(true)
		pcm := make([]int16, len(sum))
		talker.Frame(pcm)
		for n, v := range pcm {
			if i == 0 && shape != nil {
				v = shape(time.Duration(n)*time.Second/rate, v)
			}
			sum[n] += v
		}
	}
	return sum
}

func course(pcm []int16, talker int) sound.Course {
	e := sound.NewEnvelope(8000)
	e.Open(talker)
	e.Listen(pcm)
	return e.Course()
}

// TestEnvelope: among five who talk at once a hole of 30 ms is measured as such, a doubled voice is found, and a clean one has neither;
// what the others do is not seen.
func TestEnvelope(t *testing.T) {
	const hole, at = 30 * time.Millisecond, 700 * time.Millisecond
	within := func(t, from, length time.Duration) bool { return t >= from && t < from+length }
	for name, f := range map[string]codec.Format{
		"opus": {Codec: codec.Opus, Rate: 48000, Bitrate: codec.DefaultBitrate}, "pcmu": {Codec: codec.PCMU, Rate: 8000},
	} {
		carried := func(pcm []int16) []int16 { return through(t, pcm, f, 48000, 8000)[800:] } // without what a codec does at first
		for class := range sound.SpreadClasses {
			first := sound.SpreadVoice(class, 0)
			clean := carried(chorus(class, 1400*time.Millisecond, nil))
			for i := range 5 {
				c := course(clean, sound.SpreadVoice(class, i))
				t.Logf("%s, class %d, voice %d: %+v", name, class, i, c)
				if c.Gap > 2*time.Millisecond || c.Doubled > 5*time.Millisecond || c.Level < 0.7 || c.Level > 1.2 {
					t.Errorf("%s, class %d, voice %d: %+v of a clean one", name, class, i, c)
				}
			}
			if c := course(clean, sound.SpreadVoice(class, 5)); c.There > 5*time.Millisecond {
				t.Errorf("%s, class %d: %+v of one who says nothing", name, class, c)
			}
			pcm := chorus(class, 1400*time.Millisecond, func(t time.Duration, v int16) int16 {
				if within(t, at, hole) {
					return 0
				}
				return v
			})
			if c := course(carried(pcm), first); c.Gap < hole-5*time.Millisecond || c.Gap > hole+5*time.Millisecond || c.Doubled > 5*time.Millisecond {
				t.Errorf("%s, class %d: %+v of a hole of %v", name, class, c, hole)
			}
			if c := course(carried(pcm), sound.SpreadVoice(class, 1)); c.Gap > 2*time.Millisecond {
				t.Errorf("%s, class %d: %+v beside a hole of another", name, class, c)
			}
			pcm = chorus(class, 1400*time.Millisecond, func(t time.Duration, v int16) int16 {
				if within(t, at, 100*time.Millisecond) {
					return 2 * v
				}
				return v
			})
			if c := course(carried(pcm), first); c.Doubled < 90*time.Millisecond || c.Doubled > 110*time.Millisecond || c.Gap > 2*time.Millisecond {
				t.Errorf("%s, class %d: %+v of one who was doubled for 100 ms", name, class, c)
			}
		}
	}
}

// TestEnvelopeOfTwoCopies: two copies of a voice with any delay between them, as two devices of a person make, are found in most cases.
func TestEnvelopeOfTwoCopies(t *testing.T) {
	const times = 100
	dice := rand.New(rand.NewPCG(1, 2))
	found := 0
	for range times {
		talker := sound.NewTalker(sound.SpreadVoice(0, 0), 8000)
		talker.SetTalking(true)
		pcm := make([]int16, 8000)
		talker.Frame(pcm)
		sum := append([]int16(nil), pcm[1000:]...)
		delay := dice.IntN(1000)
		for n := range 1600 { // 200 ms
			sum[3000+n] += pcm[4000+n-delay]
		}
		if course(sum, sound.SpreadVoice(0, 0)).Doubled > 40*time.Millisecond {
			found++
		}
	}
	if found < times/2 {
		t.Errorf("found %d of %d", found, times)
	}
}
