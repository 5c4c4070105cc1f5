package codec

import (
	"fmt"
	"testing"
)

func TestNothingIsAllocated(t *testing.T) {
	for _, f := range formats {
		for _, rate := range rates {
			e, d := make2(t, f, rate)
			pcm, dst, got := make([]int16, rate/50), make([]byte, MaxFrameSize), make([]int16, rate/50)
			n := 0
			round := func() {
				tone(pcm, rate, 500, 6000, n*len(pcm))
				if n%40 > 25 {
					clear(pcm)
				}
				size, err := e.Encode(pcm, dst)
				if err != nil {
					t.Fatal(err)
				}
				for _, frame := range []Frame{
					{Kind: Voice, Payload: dst[:size]}, {Kind: Lost, Next: dst[:size]}, {Kind: Lost}, {Kind: Held}, {},
				} {
					if err := d.Decode(frame, got); err != nil {
						t.Fatal(err)
					}
				}
				n++
			}
			if allocs := testing.AllocsPerRun(100, round); allocs != 0 {
				t.Errorf("%v at %d Hz: %v allocations", f, rate, allocs)
			}
			if allocs := testing.AllocsPerRun(10, e.Reset); allocs != 0 {
				t.Errorf("%v at %d Hz: %v allocations in Encoder.Reset", f, rate, allocs)
			}
		}
	}
}

func BenchmarkEncode(b *testing.B) { bench(b, false) }

func BenchmarkDecode(b *testing.B) { bench(b, true) }

// bench measures one direction over frames that were made before.
func bench(b *testing.B, decode bool) {
	for _, f := range formats {
		for _, rate := range rates {
			if f.Codec == L16 && rate == 48000 && f.Rate == 8000 {
				continue
			}
			b.Run(fmt.Sprintf("%s/%d/mode%d/rate%d", f.Codec, f.Rate, f.Mode, rate), func(b *testing.B) {
				e, d := make2(b, f, rate)
				voice, coded := speechLike(rate, 100), make([][]byte, 100)
				for i := range coded {
					coded[i] = make([]byte, f.FrameSize())
					if _, err := e.Encode(voice[i], coded[i]); err != nil {
						b.Fatal(err)
					}
				}
				pcm, dst := make([]int16, rate/50), make([]byte, MaxFrameSize)
				b.ReportAllocs()
				for n := 0; b.Loop(); n++ {
					var err error
					if decode {
						err = d.Decode(Frame{Kind: Voice, Payload: coded[n%100]}, pcm)
					} else {
						_, err = e.Encode(voice[n%100], dst)
					}
					if err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkSilence is a silent talker: what nine of ten legs do.
func BenchmarkSilence(b *testing.B) {
	e, d := make2(b, celt, 48000)
	pcm, dst := make([]int16, 960), make([]byte, MaxFrameSize)
	b.ReportAllocs()
	for b.Loop() {
		n, err := e.Encode(pcm, dst)
		if err != nil {
			b.Fatal(err)
		}
		if err := d.Decode(Frame{Kind: Voice, Payload: dst[:n]}, pcm); err != nil {
			b.Fatal(err)
		}
	}
}

// speechLike returns frames of a buzz of 120 Hz with a wandering formant and syllables.
func speechLike(rate, frames int) [][]int16 {
	all := make([][]int16, frames)
	var y1, y2 float64
	phase, noise := 0.0, uint32(1)
	for n := range all {
		all[n] = make([]int16, rate/50)
		pitch := 120 + 20*float64(n%25)/25
		loud := 3000 * float64(n%20) / 20
		for i := range all[n] {
			noise = noise*1664525 + 1013904223
			x := float64(int32(noise)) / (1 << 31) * 0.02
			if phase += pitch / float64(rate); phase >= 1 {
				phase--
				x++
			}
			y := x + 1.9*y1 - 0.92*y2
			y1, y2 = y, y1
			all[n][i] = int16(min(max(y*loud/4, -30000), 30000))
		}
	}
	return all
}
