package codec

import "math"

// Resampling between 8, 16 and 48 kHz by polyphase FIR filters of the Nyquist kind (every factor-th tap is zero but the
// middle one). 8 to 48 kHz goes over 16 kHz: the steep filter then runs at the low rate, the second may be short.
const (
	steepTaps   = 24 // per phase: passes to 0.85 of the lower band, stops 60 dB at 1.15 of it
	relaxedTaps = 8  // per phase, where the signal fills only half of the band
	kaiserBeta  = 5.65
)

// resampler carries one stream from one rate to another, late by 12 samples of the lower rate, or 14 (1.75 ms) between 8
// and 48 kHz. One caller at a time.
type resampler struct {
	stages []*stage
	from   int // Hz
	to     int // Hz
}

// newResampler returns nil when there is nothing to do. maxIn bounds the samples of one call.
func newResampler(from, to, maxIn int) *resampler {
	r := &resampler{from: from, to: to}
	add := func(up, down, taps int) {
		r.stages = append(r.stages, newStage(up, down, taps, maxIn))
		maxIn = maxIn * up / down
	}
	switch {
	case from == to:
		return nil
	case from == 8000 && to == 16000:
		add(2, 1, steepTaps)
	case from == 16000 && to == 48000:
		add(3, 1, steepTaps)
	case from == 8000: // to 48000
		add(2, 1, steepTaps)
		add(3, 1, relaxedTaps)
	case from == 16000: // to 8000
		add(1, 2, steepTaps)
	case to == 16000: // from 48000
		add(1, 3, steepTaps)
	default: // 48000 to 8000
		add(1, 3, relaxedTaps)
		add(1, 2, steepTaps)
	}
	return r
}

// process resamples in, a whole number of milliseconds, into out, which has len(in)*to/from samples.
func (r *resampler) process(in, out []int16) {
	first := r.stages[0]
	line := first.room(len(in))
	for i, s := range in {
		line[i] = float32(s)
	}
	for i, s := range r.stages {
		produced := s.run()
		if i+1 < len(r.stages) {
			copy(r.stages[i+1].room(len(produced)), produced)
			continue
		}
		out = out[:len(produced)]
		for j, v := range produced {
			out[j] = clip(v)
		}
	}
}

// reset forgets the past of the stream.
func (r *resampler) reset() {
	for _, s := range r.stages {
		clear(s.line[:s.past])
	}
}

// stage multiplies the rate by up or divides it by down; one of the two is 1.
type stage struct {
	up, down int
	phases   [][]float32 // up: taps of phases 1 to up-1, reversed; down: one set. Set once.
	middle   int         // up: the tap of phase 0, which is a plain copy
	past     int         // samples of the past at the head of line
	line     []float32   // past samples, then the new ones
	fresh    int         // number of new ones
	out      []float32
}

func newStage(up, down, taps, maxIn int) *stage {
	factor := max(up, down)
	h := prototype(factor, taps)
	s := &stage{up: up, down: down}
	if up > 1 {
		s.middle = taps - 1 - taps/2
		s.past = taps - 1
		for p := 1; p < up; p++ {
			set := make([]float32, taps)
			for k := range taps {
				set[taps-1-k] = float32(h[k*factor+p])
			}
			s.phases = append(s.phases, normalise(set))
		}
	} else {
		set := make([]float32, taps*factor) // the prototype without its zero ends, one zero to fill it up
		for i := range taps*factor - 1 {
			set[i+1] = float32(h[i+1])
		}
		s.past = len(set) // one group more than needed: a cascade is then late by whole samples of the lower rate
		s.phases = [][]float32{normalise(set)}
	}
	s.line = make([]float32, s.past+maxIn)
	s.out = make([]float32, maxIn*up/down)
	return s
}

// room returns where the next n input samples go.
func (s *stage) room(n int) []float32 {
	s.fresh = n
	return s.line[s.past : s.past+n]
}

// run filters what room was filled with. The result is valid until the next run.
func (s *stage) run() []float32 {
	out := s.out[:s.fresh*s.up/s.down]
	if s.up > 1 {
		for n := range s.fresh {
			window := s.line[n : n+s.past+1]
			out[n*s.up] = window[s.middle]
			for p, taps := range s.phases {
				out[n*s.up+1+p] = dot(taps, window)
			}
		}
	} else {
		taps := s.phases[0]
		for n := range out {
			out[n] = dot(taps, s.line[n*s.down:])
		}
	}
	copy(s.line[:s.past], s.line[s.fresh:s.fresh+s.past])
	return out
}

// prototype returns a Kaiser-windowed sinc of taps*factor+1 coefficients that cuts at the lower Nyquist frequency.
func prototype(factor, taps int) []float64 {
	half := taps * factor / 2
	h := make([]float64, 2*half+1)
	for i := range h {
		x := float64(i-half) / float64(factor)
		w := float64(i-half) / float64(half)
		h[i] = bessel(kaiserBeta*math.Sqrt(1-w*w)) / bessel(kaiserBeta)
		if x != 0 {
			h[i] *= math.Sin(math.Pi*x) / (math.Pi * x)
		}
	}
	return h
}

// bessel is the modified Bessel function of order 0.
func bessel(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > sum*1e-12; k++ {
		term *= x * x / (4 * k * k)
		sum += term
	}
	return sum
}

// normalise gives a set of taps unit gain at DC, so that no phase is louder than another.
func normalise(taps []float32) []float32 {
	var sum float32
	for _, t := range taps {
		sum += t
	}
	for i := range taps {
		taps[i] /= sum
	}
	return taps
}

// dot is the inner product; len(h) is a multiple of 8 and x is at least as long.
func dot(h, x []float32) float32 {
	var a, b, c, d float32
	for len(h) >= 8 && len(x) >= 8 {
		p, q := (*[8]float32)(h), (*[8]float32)(x)
		a += p[0]*q[0] + p[4]*q[4]
		b += p[1]*q[1] + p[5]*q[5]
		c += p[2]*q[2] + p[6]*q[6]
		d += p[3]*q[3] + p[7]*q[7]
		h, x = h[8:], x[8:]
	}
	return a + b + (c + d)
}

// clip rounds to the nearest sample within range.
func clip(v float32) int16 {
	const bias = 32768
	return int16(int32(min(max(v, -bias), bias-1)+bias+0.5) - bias)
}
