package mixer

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestLimiterPassesWhatFits(t *testing.T) {
	var l limiter
	in := make([]int32, 160)
	for i := range in {
		in[i] = int32(math.MinInt16 + i*409)
	}
	out := make([]int16, len(in))
	l.limit(out, in)
	for i := range in {
		if int32(out[i]) != in[i] {
			t.Fatalf("sample %d: %d became %d", i, in[i], out[i])
		}
	}
}

// A loud burst is brought down without wrapping or clipping flat, the gain moves smoothly, and it comes back within a second.
func TestLimiterGainIsSmoothAndRecovers(t *testing.T) {
	var l limiter
	in, out := make([]int32, 960), make([]int16, 960)
	sine := func(peak float64) {
		for i := range in {
			in[i] = int32(peak * math.Sin(2*math.Pi*float64(i)/48))
		}
		l.limit(out, in)
	}
	for range 5 {
		sine(100000)
	}
	if l.lack < 0.66 || l.lack > 0.69 {
		t.Errorf("gain lacks %.3f, want about 0.674", l.lack)
	}
	flat := 0
	for _, v := range out {
		if v == math.MaxInt16 || v == math.MinInt16 {
			flat++
		}
	}
	if flat > 0 {
		t.Errorf("%d samples clipped in the steady state", flat)
	}
	before := l.lack
	for range 100 {
		sine(3000)
		if l.lack > before {
			t.Fatal("gain fell while it should recover")
		}
		before = l.lack
	}
	if l.lack != 0 {
		t.Errorf("gain still lacks %.4f after two seconds", l.lack)
	}
}

func TestLimiterNeverWraps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l limiter
		in, out := make([]int32, 160), make([]int16, 160)
		for range rapid.IntRange(1, 6).Draw(t, "frames") {
			bound := rapid.Int32Range(0, 32*327670).Draw(t, "bound")
			for i, v := range rapid.SliceOfN(rapid.Int32Range(-bound, bound), 160, 160).Draw(t, "samples") {
				in[i] = v
			}
			l.limit(out, in)
			for i := range in {
				if int64(in[i])*int64(out[i]) < 0 {
					t.Fatalf("sample %d: %d became %d", i, in[i], out[i])
				}
				if a, b := max(in[i], -in[i]), max(int32(out[i]), -int32(out[i])); b > a {
					t.Fatalf("sample %d grew: %d became %d", i, in[i], out[i])
				}
			}
		}
	})
}
