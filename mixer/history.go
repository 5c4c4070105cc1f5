package mixer

// historyFrames is how many frames of a bus are kept: those that prime an encoder, and the present one.
const historyFrames = primeFrames + 1

// history keeps the last frames of a bus, behind its limiter.
type history struct {
	frames [historyFrames][]int16
	silent [historyFrames]bool // the frame is known to be all zeros
}

// reset makes room for frames of so many samples, all zeros.
func (h *history) reset(samples int) {
	all := make([]int16, historyFrames*samples)
	for i := range h.frames {
		h.frames[i] = all[i*samples : (i+1)*samples : (i+1)*samples]
		h.silent[i] = true
	}
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

// quietBefore says whether there was silence in the steps before this one.
func (h *history) quietBefore(step uint64) bool {
	for ago := uint64(1); ago <= primeFrames; ago++ {
		if !h.silent[(step-ago)%historyFrames] {
			return false
		}
	}
	return true
}

// copyFrame takes the frame of a step from another bus.
func (h *history) copyFrame(from *history, step uint64) []int16 {
	if from.silent[step%historyFrames] {
		return h.silence(step)
	}
	pcm := h.sound(step)
	copy(pcm, from.frame(step))
	return pcm
}
