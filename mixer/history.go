package mixer

// historyFrames is how many frames of the full bus are kept: those that prime an encoder, and the present one.
const historyFrames = primeFrames + 1

// history keeps the last frames of the full bus.
type history struct {
	frames [historyFrames][]int16
	silent [historyFrames]bool // the frame is known to be all zeros
	zeros  []int16
}

func (h *history) reset(samples int) {
	for i := range h.frames {
		h.frames[i] = make([]int16, samples)
		h.silent[i] = true
	}
	h.zeros = make([]int16, samples)
}

// sound is where the frame of a step is written.
func (h *history) sound(step uint64) []int16 {
	h.silent[step%historyFrames] = false
	return h.frames[step%historyFrames]
}

// silence makes the frame of a step zeros.
func (h *history) silence(step uint64) []int16 {
	i := step % historyFrames
	if !h.silent[i] {
		clear(h.frames[i])
		h.silent[i] = true
	}
	return h.frames[i]
}

// frame is the frame of a step, at most primeFrames ago.
func (h *history) frame(step uint64) []int16 { return h.frames[step%historyFrames] }
