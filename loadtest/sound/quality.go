package sound

import (
	"math"
	"math/cmplx"
	"slices"
)

// barkEdges are the ends of the critical bands of hearing in Hz (Zwicker), in which spectra are compared: the ear does not
// hear that one line of a spectrum fell and its neighbour rose.
var barkEdges = [...]float64{
	100, 200, 300, 400, 510, 630, 770, 920, 1080, 1270, 1480, 1720, 2000, 2320, 2700, 3150, 3700, 4400, 5300, 6400, 7700,
	9500, 12000, 15500,
}

// LogSpectralDistance compares got with ref, which are aligned and at the same rate, by what is heard and not by the shape
// of the wave, which codecs and concealment change freely. Every 10 ms it takes 20 ms of both under a Hann window and
// returns the root mean square over the critical bands of the difference of their levels in dB. A band that is quieter than
// FloorDB counts as that loud, and one that is so in both is left out. A frame without any other band is NaN: a pause in both.
// So sound in a pause counts, and so does a hole in speech.
func LogSpectralDistance(ref, got []int16, rate int) []float64 {
	s := newSpectrum(rate)
	hop := s.length / 2
	var out []float64
	for at := 0; at+s.length <= min(len(ref), len(got)); at += hop {
		a, b := s.bands(ref[at:at+s.length]), s.bands(got[at:at+s.length])
		sum, n := 0.0, 0
		for k, x := range a {
			if x > FloorDB || b[k] > FloorDB {
				sum += (x - b[k]) * (x - b[k])
				n++
			}
		}
		out = append(out, math.Sqrt(sum/float64(n))) // NaN when n is 0
	}
	return out
}

// Mean returns the mean of those values that are not NaN; NaN when there is none.
func Mean(values []float64) float64 {
	sum, n := 0.0, 0
	for _, v := range values {
		if !math.IsNaN(v) {
			sum += v
			n++
		}
	}
	return sum / float64(n)
}

// Quantile returns the value that the share q (0 to 1) of those that are not NaN do not exceed; NaN when there is none.
func Quantile(values []float64, q float64) float64 {
	sorted := slices.DeleteFunc(slices.Clone(values), math.IsNaN)
	if len(sorted) == 0 {
		return math.NaN()
	}
	slices.Sort(sorted)
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// Click returns by how many PCM units the largest step between two neighbouring samples of got exceeds the largest one of
// ref within 10 ms of it, and at which sample that is; 0, 0 when got is nowhere steeper. They are aligned and at the same
// rate. A seam that is heard as a click is such a step.
func Click(ref, got []int16, rate int) (excess, at int) {
	around := rate / 100
	steps := make([]int, len(ref))
	for i := 1; i < len(ref); i++ {
		steps[i] = distance(ref[i], ref[i-1])
	}
	for i := 1; i < min(len(ref), len(got)); i++ {
		step := distance(got[i], got[i-1])
		if step <= excess {
			continue
		}
		if e := step - slices.Max(steps[max(0, i-around):min(len(steps), i+around+1)]); e > excess {
			excess, at = e, i
		}
	}
	return excess, at
}

// Seam returns by how many PCM units the step from sample at-1 to sample at, where two pieces of sound were joined, exceeds every
// other step within 5 ms of it; 0 when it exceeds none. Unlike Click it needs no other recording, but the place.
func Seam(pcm []int16, at, rate int) int {
	if at < 1 || at >= len(pcm) {
		return 0
	}
	around, most := rate/200, 0
	for i := max(1, at-around); i < min(len(pcm), at+around); i++ {
		if i != at {
			most = max(most, distance(pcm[i], pcm[i-1]))
		}
	}
	return max(0, distance(pcm[at], pcm[at-1])-most)
}

func distance(a, b int16) int {
	if a > b {
		return int(a) - int(b)
	}
	return int(b) - int(a)
}

// spectrum turns a frame into the levels of the critical bands.
type spectrum struct {
	length int // samples of a frame
	window []float64
	lines  []complex128
	band   []int // of each line of the spectrum; -1: none
	bandN  int
	scale  float64 // of power, so that a full-scale sine is at -3 dB
	level  [2][len(barkEdges)]float64
	turn   int
}

func newSpectrum(rate int) *spectrum {
	s := &spectrum{length: rate / 50}
	size := 1
	for size < s.length {
		size *= 2
	}
	s.window, s.lines, s.band = make([]float64, s.length), make([]complex128, size), make([]int, size/2)
	power := 0.0
	for i := range s.window {
		s.window[i] = 0.5 - 0.5*math.Cos(2*math.Pi*(float64(i)+0.5)/float64(s.length))
		power += s.window[i] * s.window[i]
	}
	s.scale = 2 / (float64(size) * power * fullScale * fullScale)
	for k := range s.band {
		s.band[k] = -1
		hz := float64(k) * float64(rate) / float64(size)
		if i, _ := slices.BinarySearch(barkEdges[:], hz); i > 0 && i < len(barkEdges) {
			s.band[k], s.bandN = i-1, max(s.bandN, i)
		}
	}
	return s
}

// bands returns the level of each band in dB below full scale, FloorDB at least. What it returned the time before last is
// overwritten.
func (s *spectrum) bands(pcm []int16) []float64 {
	clear(s.lines)
	for i, v := range pcm {
		s.lines[i] = complex(float64(v)*s.window[i], 0)
	}
	fourier(s.lines)
	s.turn = 1 - s.turn
	level := s.level[s.turn][:s.bandN]
	clear(level)
	for k, b := range s.band {
		if b >= 0 {
			a := cmplx.Abs(s.lines[k])
			level[b] += a * a * s.scale
		}
	}
	for b, power := range level {
		level[b] = max(10*math.Log10(power), FloorDB)
	}
	return level
}
