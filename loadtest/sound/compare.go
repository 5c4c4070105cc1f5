package sound

import (
	"math"
	"math/bits"
	"math/cmplx"
)

const fullScale = 32768

// LevelDB returns the RMS level of pcm in dB below full scale, -Inf for digital silence.
func LevelDB(pcm []int16) float64 {
	var sum float64
	for _, v := range pcm {
		sum += float64(v) * float64(v)
	}
	return decibel(math.Sqrt(sum/float64(max(len(pcm), 1))) / fullScale)
}

func decibel(ratio float64) float64 { return 20 * math.Log10(ratio) }

// Correlate finds where said lies in heard: it returns the lag in samples (said[i] is heard[i+lag], -maxLag to maxLag) of
// the largest normalised cross-correlation over their overlap, and that correlation, -1 to 1.
func Correlate(said, heard []int16, maxLag int) (lag int, r float64) {
	if len(said) == 0 || len(heard) == 0 || maxLag < 0 {
		return 0, 0
	}
	cross := crossCorrelation(said, heard)
	saidSum, heardSum := energies(said), energies(heard)
	least := 0.1 * math.Sqrt(saidSum[len(said)]*heardSum[len(heard)]) // a sliver of overlap proves nothing
	best := math.Inf(-1)
	for l := -min(maxLag, len(said)-1); l <= min(maxLag, len(heard)-1); l++ {
		from, to := max(0, -l), min(len(said), len(heard)-l) // of said
		norm := math.Sqrt((saidSum[to] - saidSum[from]) * (heardSum[to+l] - heardSum[from+l]))
		if norm == 0 || norm < least {
			continue
		}
		if v := cross[(l+len(cross))%len(cross)] / norm; v > best {
			best, lag = v, l
		}
	}
	if math.IsInf(best, -1) {
		return 0, 0
	}
	return lag, best
}

// Align cuts said and heard to their common part at the given lag.
func Align(said, heard []int16, lag int) (a, b []int16) {
	from, to := max(0, -lag), min(len(said), len(heard)-lag)
	if to <= from {
		return nil, nil
	}
	return said[from:to], heard[from+lag : to+lag]
}

// SegmentalSNR returns the mean over segments of 20 ms of the signal to noise ratio in dB of heard against said, which
// are aligned and at the same rate. Each segment counts between -10 and 35 dB, as is the custom; segments more than 40 dB
// below the loudest are left out. It returns 0 when there is none.
func SegmentalSNR(said, heard []int16, rate int) float64 {
	frame := rate / 50
	n := min(len(said), len(heard)) / frame
	loudest := 0.0
	signal, noise := make([]float64, n), make([]float64, n)
	for k := range n {
		for i := k * frame; i < (k+1)*frame; i++ {
			s, d := float64(said[i]), float64(heard[i])-float64(said[i])
			signal[k] += s * s
			noise[k] += d * d
		}
		loudest = max(loudest, signal[k])
	}
	sum, used := 0.0, 0
	for k := range n {
		if signal[k] <= loudest*1e-4 {
			continue
		}
		sum += min(max(10*math.Log10(signal[k]/max(noise[k], 1e-9)), -10), 35)
		used++
	}
	return sum / float64(max(used, 1))
}

// energies returns the running sum of squares: the energy of x[a:b] is at b less that at a.
func energies(x []int16) []float64 {
	sum := make([]float64, len(x)+1)
	for i, v := range x {
		sum[i+1] = sum[i] + float64(v)*float64(v)
	}
	return sum
}

// crossCorrelation returns the sum over i of said[i]*heard[i+l] at index l, negative lags counted from the end.
func crossCorrelation(said, heard []int16) []float64 {
	size := 1 << bits.Len(uint(len(said)+len(heard)-1))
	a, b := make([]complex128, size), make([]complex128, size)
	for i, v := range said {
		a[i] = complex(float64(v), 0)
	}
	for i, v := range heard {
		b[i] = complex(float64(v), 0)
	}
	fourier(a)
	fourier(b)
	for i := range a {
		a[i] = a[i] * cmplx.Conj(b[i]) // conjugated, as the inverse below needs it
	}
	fourier(a)
	out := make([]float64, size)
	for i := range out {
		out[i] = real(a[i]) / float64(size)
	}
	return out
}

// fourier transforms x in place; its length is a power of two.
func fourier(x []complex128) {
	n := len(x)
	shift := 64 - uint(bits.Len(uint(n-1)))
	for i := range x {
		if j := int(bits.Reverse64(uint64(i)) >> shift); n > 1 && j > i {
			x[i], x[j] = x[j], x[i]
		}
	}
	for half := 1; half < n; half *= 2 {
		turn := make([]complex128, half)
		for k := range turn {
			turn[k] = cmplx.Rect(1, -math.Pi*float64(k)/float64(half))
		}
		for start := 0; start < n; start += 2 * half {
			for k, w := range turn {
				u, v := x[start+k], x[start+k+half]*w
				x[start+k], x[start+k+half] = u+v, u-v
			}
		}
	}
}
