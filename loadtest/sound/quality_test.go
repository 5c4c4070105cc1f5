package sound_test

import (
	"math"
	"testing"

	"github.com/conclave/conclave/loadtest/sound"
)

func TestLogSpectralDistanceOfLevels(t *testing.T) {
	said := recording(t, 0)
	for _, db := range []float64{0, -3, -12} {
		heard := make([]int16, len(said))
		for i, v := range said {
			heard[i] = int16(math.Round(float64(v) * math.Pow(10, db/20)))
		}
		d := sound.LogSpectralDistance(said, heard, 8000)
		if want := len(said)/80 - 1; len(d) != want {
			t.Fatalf("%d frames, want %d", len(d), want)
		}
		// Bands near the floor come to less than the difference.
		if q := sound.Quantile(d, 1); q > -db+0.5 {
			t.Errorf("%v dB: a frame is %.2f dB away", db, q)
		}
		if m := sound.Mean(d); m < -0.75*db || m > -db+0.01 {
			t.Errorf("%v dB: mean %.2f dB", db, m)
		}
	}
}

func TestLogSpectralDistanceAtEveryRate(t *testing.T) {
	for _, rate := range []int{8000, 16000, 48000} {
		low, high, quiet := make([]int16, rate), make([]int16, rate), make([]int16, rate)
		for i := range low {
			low[i] = int16(8000 * math.Sin(2*math.Pi*450*float64(i)/float64(rate)))
			high[i] = int16(8000 * math.Sin(2*math.Pi*2500*float64(i)/float64(rate)))
		}
		same, hole := sound.Mean(sound.LogSpectralDistance(low, low, rate)), sound.Mean(sound.LogSpectralDistance(low, quiet, rate))
		other := sound.Mean(sound.LogSpectralDistance(low, high, rate))
		if same != 0 || hole < 15 || other < 15 {
			t.Errorf("%d Hz: the same %.1f dB, a hole %.1f dB, another tone %.1f dB", rate, same, hole, other)
		}
		if added := sound.Mean(sound.LogSpectralDistance(quiet, low, rate)); math.Abs(added-hole) > 1e-9 {
			t.Errorf("%d Hz: sound in a pause %.1f dB, a hole in sound %.1f dB", rate, added, hole)
		}
		if m := sound.Mean(sound.LogSpectralDistance(quiet, quiet, rate)); !math.IsNaN(m) {
			t.Errorf("%d Hz: two pauses are %v dB apart", rate, m)
		}
	}
	if d := sound.LogSpectralDistance(nil, make([]int16, 800), 8000); len(d) != 0 {
		t.Errorf("nothing said: %d frames", len(d))
	}
}

// TestLogSpectralDistanceHearsDamage: a gap of 20 ms in speech, small as it is in the mean, is far away in its own frames.
func TestLogSpectralDistanceHearsDamage(t *testing.T) {
	said := recording(t, 3)
	heard := append([]int16(nil), said...)
	at := loudest(said)
	clear(heard[at : at+160])
	d := sound.LogSpectralDistance(said, heard, 8000)
	if q := sound.Quantile(d, 1); q < 15 {
		t.Errorf("worst frame %.1f dB", q)
	}
	if m := sound.Mean(d); m <= 0 || m > 1 {
		t.Errorf("mean %.2f dB", m)
	}
}

func TestQuantile(t *testing.T) {
	list := []float64{3, math.NaN(), 1, 2, math.NaN(), 4}
	for q, want := range map[float64]float64{0: 1, 0.5: 3, 0.99: 4, 1: 4} {
		if got := sound.Quantile(list, q); got != want {
			t.Errorf("%v: %v, want %v", q, got, want)
		}
	}
	if m := sound.Mean(list); m != 2.5 {
		t.Errorf("mean %v", m)
	}
	if q := sound.Quantile([]float64{math.NaN()}, 0.5); !math.IsNaN(q) {
		t.Errorf("of nothing: %v", q)
	}
}

func TestClick(t *testing.T) {
	said := recording(t, 4)
	if excess, at := sound.Click(said, said, 8000); excess != 0 || at != 0 {
		t.Errorf("the same: %d at %d", excess, at)
	}
	heard := append([]int16(nil), said...)
	place := 0 // in a pause, where any step is heard
	for sound.LevelDB(said[place:place+400]) > -60 {
		place += 400
	}
	for i := place + 200; i < place+400; i++ {
		heard[i] += 2000
	}
	excess, at := sound.Click(said, heard, 8000)
	if excess < 1900 || excess > 2000 || at != place+200 && at != place+400 {
		t.Errorf("a step of 2000 at %d: %d at %d", place+200, excess, at)
	}
	if excess, _ := sound.Click(nil, heard, 8000); excess != 0 {
		t.Errorf("nothing said: %d", excess)
	}
}

func TestSeam(t *testing.T) {
	said := recording(t, 4)
	worst := 0
	for at := range said {
		worst = max(worst, sound.Seam(said, at, 8000))
	}
	if worst > 6000 { // the glottis clicks, too
		t.Errorf("speech itself clicks by %d", worst)
	}
	at := loudest(said)
	heard := append(append([]int16(nil), said[:at]...), said[at+37:]...) // a cut
	quiet := make([]int16, 800)
	for i := 400; i < 800; i++ {
		quiet[i] = 2000
	}
	if c := sound.Seam(quiet, 400, 8000); c != 2000 {
		t.Errorf("a step of 2000 in silence: %d", c)
	}
	if c := sound.Seam(quiet, 420, 8000); c != 0 {
		t.Errorf("beside the step: %d", c)
	}
	if was, is := sound.Seam(said, at, 8000), sound.Seam(heard, at, 8000); is <= was {
		t.Errorf("a cut in speech: %d, without %d", is, was)
	}
	for _, at := range []int{-1, 0, 800} {
		if c := sound.Seam(quiet, at, 8000); c != 0 {
			t.Errorf("at %d: %d", at, c)
		}
	}
}

// loudest is where the loudest 20 ms begin.
func loudest(pcm []int16) (at int) {
	best := math.Inf(-1)
	for i := 0; i+160 <= len(pcm); i += 160 {
		if l := sound.LevelDB(pcm[i : i+160]); l > best {
			best, at = l, i
		}
	}
	return at
}
