package codec

import (
	"fmt"
	"math"
	"testing"
)

func TestResamplersPassTheBandAndNothingElse(t *testing.T) {
	for _, from := range rates {
		for _, to := range rates {
			if from == to {
				continue
			}
			r := newResampler(from, to, from/50)
			narrow := float64(min(from, to)) / 2
			for _, part := range []float64{0.05, 0.2, 0.5, 0.75, 0.84, 1.2, 1.5} {
				hz := part * narrow
				if hz > float64(from)/2*0.99 {
					continue
				}
				r.reset()
				in, out := make([]int16, from/50), make([]int16, to/50)
				var all []int16
				for n := range 20 {
					tone(in, from, hz, 10000, n*len(in))
					r.process(in, out)
					all = append(all, out...)
				}
				passed, rest := level(all[len(all)/2:], to, hz)
				if part < 1 {
					if math.Abs(20*math.Log10(passed/10000)) > 0.3 || rest > 60 {
						t.Errorf("%d to %d Hz, tone at %.0f: passed %.0f of 10000, rest %.0f", from, to, hz, passed, rest)
					}
				} else if all := math.Hypot(passed, rest); all > 60 {
					t.Errorf("%d to %d Hz, tone at %.0f: %.0f of 10000 came through", from, to, hz, all)
				}
			}
		}
	}
}

// TestResamplersKeepLevelAtDCAndClip: full scale must not wrap round.
func TestResamplersKeepLevelAtDCAndClip(t *testing.T) {
	for _, from := range rates {
		for _, to := range rates {
			if from == to {
				continue
			}
			t.Run(fmt.Sprint(from, to), func(t *testing.T) {
				r := newResampler(from, to, from/50)
				in, out := make([]int16, from/50), make([]int16, to/50)
				for i := range in {
					in[i] = math.MinInt16
				}
				r.process(in, out)
				r.process(in, out)
				for _, v := range out {
					if v > -32760 {
						t.Fatalf("DC of -32768 became %d", v)
					}
				}
				for i := range in {
					in[i] = math.MaxInt16
					if i%16 < 8 {
						in[i] = math.MinInt16
					}
				}
				r.process(in, out) // overshoots at every edge: clipped, as the next check on signs shows
				wrapped, last := 0, out[0]
				for _, v := range out[1:] {
					if v > 30000 && last < -30000 || v < -30000 && last > 30000 {
						wrapped++
					}
					last = v
				}
				if edges := len(in) / 8; wrapped > edges {
					t.Errorf("%d jumps over the whole range, %d edges", wrapped, edges)
				}
			})
		}
	}
}

func TestResamplerDoesNotMindHowItIsCut(t *testing.T) {
	in := make([]int16, 960)
	tone(in, 8000, 777, 12000, 0)
	whole, parts := newResampler(8000, 48000, 960), newResampler(8000, 48000, 960)
	want, got := make([]int16, 5760), make([]int16, 5760)
	whole.process(in, want)
	for at := 0; at < 960; {
		n := min(8*(1+at/64), 960-at)
		parts.process(in[at:at+n], got[6*at:6*(at+n)])
		at += n
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("sample %d: %d in parts, %d at once", i, got[i], want[i])
		}
	}
}

// TestResamplersAreLateByWholeSamples: a round trip gives back the samples, later.
func TestResamplersAreLateByWholeSamples(t *testing.T) {
	for _, low := range []int{8000, 16000} {
		for _, high := range []int{16000, 48000} {
			if low == high {
				continue
			}
			late := 24
			if high == 6*low {
				late = 28
			}
			up, down := newResampler(low, high, low/50), newResampler(high, low, high/50)
			said, wide, heard := make([]int16, low/50), make([]int16, high/50), make([]int16, low/50)
			var all, back []int16
			for n := range 10 {
				tone(said, low, 0.3*float64(low)/2, 10000, n*len(said))
				up.process(said, wide)
				down.process(wide, heard)
				all, back = append(all, said...), append(back, heard...)
			}
			for i := 100; i < len(all)-late; i++ {
				if off := int(all[i]) - int(back[i+late]); off > 30 || off < -30 {
					t.Fatalf("%d to %d Hz and back: sample %d is %d, was %d", low, high, i, back[i+late], all[i])
				}
			}
		}
	}
}
