package codec

import "math"

// concealer hides lost samples of a waveform codec by repeating the last pitch period with a fade, in the manner of
// G.711 Appendix I but without its delay. It works at the codec's rate.
type concealer struct {
	past  []int16 // the last samples that were played, newest last; owned by the decoder's caller
	cycle []int16 // the pitch period being repeated
	pitch int     // samples of cycle in use
	phase int     // next sample of cycle
	lost  int     // samples concealed in this gap; 0 = no gap
	step  int     // jump between signal and cycle at the start of the gap, faded out so that it does not click
	ms    int     // samples per millisecond
}

func newConcealer(rate int) *concealer {
	ms := rate / 1000
	return &concealer{
		past:  make([]int16, (2*maxPitchMs)*ms),
		cycle: make([]int16, maxPitchMs*ms),
		ms:    ms,
	}
}

// good takes samples that arrived. After a gap their head is blended with the concealment.
func (c *concealer) good(pcm []int16) {
	if c.lost > 0 {
		join := min(joinMs*c.ms, len(pcm))
		for i := range join {
			pcm[i] = int16((int(c.next())*(join-i) + int(pcm[i])*i) / join)
		}
		c.lost = 0
	}
	c.remember(pcm)
}

// conceal fills pcm with what may have been lost.
func (c *concealer) conceal(pcm []int16) {
	if c.lost == 0 {
		c.open()
	}
	for i := range pcm {
		pcm[i] = c.next()
	}
	c.remember(pcm)
}

// skip is a gap without length: what arrives next is blended with what would have gone on.
func (c *concealer) skip() {
	if c.lost == 0 {
		c.open()
		c.lost = 1
	}
}

// reset forgets the past.
func (c *concealer) reset() {
	clear(c.past)
	c.lost = 0
}

func (c *concealer) remember(pcm []int16) {
	if len(pcm) >= len(c.past) {
		copy(c.past, pcm[len(pcm)-len(c.past):])
		return
	}
	kept := copy(c.past, c.past[len(pcm):])
	copy(c.past[kept:], pcm)
}

// open begins a gap: it finds the pitch and makes a period whose end runs smoothly into its start.
func (c *concealer) open() {
	c.pitch, c.phase = c.findPitch(), 0
	end := len(c.past)
	copy(c.cycle, c.past[end-c.pitch:])
	blend := c.pitch / 4
	for i := range blend {
		at := end - blend + i
		c.cycle[c.pitch-blend+i] = int16((int(c.past[at])*(blend-i) + int(c.past[at-c.pitch])*i) / blend)
	}
	c.step = int(c.past[end-1]) - int(c.past[end-1-c.pitch])
}

// next makes one concealed sample.
func (c *concealer) next() int16 {
	v := int(c.cycle[c.phase])
	if c.phase++; c.phase >= c.pitch {
		c.phase = 0
	}
	if join := joinMs * c.ms; c.lost < join {
		v += c.step * (join - c.lost) / join
	}
	steady, whole := steadyMs*c.ms, concealMs*c.ms
	if c.lost > steady {
		v = v * max(whole-c.lost, 0) / (whole - steady)
	}
	c.lost++
	return int16(min(max(v, math.MinInt16), math.MaxInt16))
}

// findPitch returns the lag in samples at which the newest maxPitchMs of the past resemble themselves best. It looks
// at 8000 Hz whatever the rate.
func (c *concealer) findPitch() int {
	stride := max(c.ms/8, 1)
	length := maxPitchMs * c.ms
	head := c.past[len(c.past)-length:]
	best, bestScore := length, 0.0
	for lag := minPitchMs10 * c.ms / 10; lag <= length; lag += stride {
		tail := c.past[len(c.past)-length-lag:]
		var cross, energy int64
		for i := 0; i < length; i += stride {
			cross += int64(head[i]) * int64(tail[i])
			energy += int64(tail[i]) * int64(tail[i])
		}
		if cross <= 0 {
			continue
		}
		if score := float64(cross) * float64(cross) / float64(energy); score > bestScore {
			best, bestScore = lag, score
		}
	}
	return best
}
