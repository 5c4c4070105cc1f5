package mixer

import "math"

// limiter brings a sum of voices into 16 bits by a gain that falls at once and recovers slowly. As long as nothing is too loud,
// and the gain has recovered, samples pass unchanged. The zero limiter is at rest.
type limiter struct {
	lack float32 // 1 minus the gain at the end of the last frame
}

// rest is a frame of silence.
func (l *limiter) rest() { l.lack = 0 }

// limit writes in to out.
func (l *limiter) limit(out []int16, in []int32) {
	out = out[:len(in)]
	if l.lack == 0 && pass(out, in) {
		return
	}
	n := len(in) / limiterBlocks
	gain := 1 - l.lack
	ceiling := ceilingGain(in[:n])
	for b := range limiterBlocks {
		next := float32(1)
		if b+1 < limiterBlocks {
			next = ceilingGain(in[(b+1)*n : (b+2)*n])
		}
		// The gain at the end of the block suits this block and the one that follows it.
		to := min(gain+(1-gain)*limiterRelease, ceiling, next)
		ramp(out[b*n:(b+1)*n], in[b*n:(b+1)*n], min(gain, ceiling), to)
		gain, ceiling = to, next
	}
	if l.lack = 1 - gain; l.lack < limiterAtRest {
		l.lack = 0
	}
}

// limiterAtRest is the lack of gain that is taken for none: 0.01 dB.
const limiterAtRest = 1e-3

// pass converts a frame that needs no limiting, and says whether it could.
func pass(out []int16, in []int32) bool {
	var over int32
	for i, v := range in {
		w := int16(v)
		over |= int32(w) ^ v
		out[i] = w
	}
	return over == 0
}

// ceilingGain is the greatest gain at which the samples are not too loud.
func ceilingGain(in []int32) float32 {
	var peak int32
	for _, v := range in {
		peak = max(peak, v, -v)
	}
	if peak <= math.MaxInt16 {
		return 1
	}
	return limiterCeiling / float32(peak)
}

// ramp multiplies with a gain that goes evenly from one value to another. Both suit the samples; the clamp is for rounding.
func ramp(out []int16, in []int32, from, to float32) {
	out = out[:len(in)]
	d := (to - from) / float32(len(in))
	for i, v := range in {
		from += d
		out[i] = int16(max(math.MinInt16, min(math.MaxInt16, float32(v)*from)))
	}
}
