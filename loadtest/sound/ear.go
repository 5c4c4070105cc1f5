package sound

import (
	"math"
	"slices"
	"time"
)

// Ear listens to a window of samples and tells whose tones are in it. Listening now and then is enough: between windows
// it wants nothing, and the caller need not even decode. One caller at a time.
type Ear struct {
	down  decimator
	hann  []float32 // shape of the window; set once
	half  []float32 // shape of each half of it; set once
	heard []float32 // what came in so far, at earRate
	level float64   // sum of the squares of what came in
	open  bool
}

// NewEar returns an Ear for samples at rate Hz: 8000, 16000 or 48000. It is not open.
func NewEar(rate int) *Ear {
	n := int(Window * earRate / time.Second)
	return &Ear{down: decimator{factor: rate / earRate}, hann: hann(n), half: hann(n / 2), heard: make([]float32, 0, n)}
}

// hann returns the Hann window of n samples.
func hann(n int) []float32 {
	w := make([]float32, n)
	for i := range w {
		w[i] = float32(0.5 - 0.5*math.Cos(2*math.Pi*(float64(i)+0.5)/float64(n)))
	}
	return w
}

// Open begins a new window with the next Listen.
func (e *Ear) Open() {
	e.open, e.heard, e.level = true, e.heard[:0], 0
	e.down.reset()
}

// Wanted reports whether a window is open and not yet full.
func (e *Ear) Wanted() bool { return e.open }

// Listen takes the next samples and reports whether they filled the window. It ignores them when none is open.
func (e *Ear) Listen(pcm []int16) (full bool) {
	if !e.open {
		return false
	}
	for _, s := range pcm {
		v, ok := e.down.next(s)
		if !ok {
			continue
		}
		e.level += float64(v) * float64(v)
		e.heard = append(e.heard, v)
		if len(e.heard) == len(e.hann) {
			e.open = false
			return true
		}
	}
	return false
}

// Heard reckons up the last full window. It takes about two fifths of a millisecond.
func (e *Ear) Heard() Heard {
	h := Heard{LevelDB: decibel(math.Sqrt(e.level/float64(max(len(e.heard), 1))) / fullScale)}
	middle := len(e.heard) / 2
	for i := range h.Tones {
		hz := float64(ToneHz(i))
		h.Tones[i] = e.tone(e.heard, e.hann, hz)
		h.best[i] = max(h.Tones[i], e.tone(e.heard[:middle], e.half, hz), e.tone(e.heard[middle:], e.half, hz))
	}
	return h
}

// tone is the level of a tone in x, seen through a window of its length.
func (e *Ear) tone(x, window []float32, hz float64) float64 {
	amplitude := goertzel(x, window, hz) * 4 / float64(len(window)) / e.down.response(hz) // 2 for a real tone, 2 for Hann
	return decibel(amplitude / Amplitude)
}

// Heard is what an Ear heard in one window.
type Heard struct {
	Tones   [Tones]float64 // level of each tone in dB, 0 as a talker speaks it
	LevelDB float64        // level of everything, dB below full scale

	// best is the level of each tone in the whole window or in one of its halves. A jitter buffer that changes its depth turns the
	// phase of a tone, and the two sides of the turn may cancel: then a half still has it.
	best [Tones]float64
}

// TalkerDB returns the level in dB of the weaker of a talker's two tones, 0 as he speaks it.
func (h *Heard) TalkerDB(talker int) float64 {
	low, high := Pair(talker)
	return min(h.Tones[low], h.Tones[high])
}

// Hears reports whether both tones of a talker are there.
func (h *Heard) Hears(talker int) bool {
	low, high := Pair(talker)
	return min(h.best[low], h.best[high]) >= presentDB
}

// Judgement compares what was heard with who ought to be heard.
type Judgement struct {
	Missing []int   // talkers expected and not heard
	Foreign []int   // numbers of tones that are there though nobody who is expected has them
	Self    bool    // the listener's own tones are there and nobody else explains them
	Margin  float64 // dB between the weakest expected tone and the strongest other; +Inf when there is no other
}

// OK reports whether everybody expected was heard, and nobody else.
func (j *Judgement) OK() bool { return len(j.Missing) == 0 && len(j.Foreign) == 0 && !j.Self }

// Judge compares with the talkers that ought to be heard. own is the listener's own talker number, or negative.
func (h *Heard) Judge(expected []int, own int) Judgement {
	var j Judgement
	var explained [Tones]bool
	weakest, strongest := 0.0, math.Inf(-1)
	for _, t := range expected {
		low, high := Pair(t)
		explained[low], explained[high] = true, true
		weakest = min(weakest, h.TalkerDB(t))
		if !h.Hears(t) {
			j.Missing = append(j.Missing, t)
		}
	}
	for tone, there := range explained {
		if there {
			continue
		}
		strongest = max(strongest, h.Tones[tone])
		if h.Tones[tone] >= foreignDB {
			j.Foreign = append(j.Foreign, tone)
		}
	}
	if own >= 0 {
		low, high := Pair(own)
		alone := slices.Contains(j.Foreign, low) || slices.Contains(j.Foreign, high)
		j.Self = alone && h.TalkerDB(own) >= foreignDB
	}
	j.Margin = weakest - strongest
	return j
}

// Suspects returns those of the candidates who explain a foreign tone: both of their tones are there, one unexplained.
func (h *Heard) Suspects(j Judgement, candidates []int) []int {
	var found []int
	for _, t := range candidates {
		low, high := Pair(t)
		if h.TalkerDB(t) >= foreignDB && (slices.Contains(j.Foreign, low) || slices.Contains(j.Foreign, high)) {
			found = append(found, t)
		}
	}
	return found
}

// goertzel returns the magnitude of the Fourier sum of x, shaped by a window, at hz, at earRate.
func goertzel(x, window []float32, hz float64) float64 {
	window = window[:len(x)]
	w := 2 * math.Pi * hz / earRate
	k := 2 * math.Cos(w)
	var s1, s2 float64
	for i, v := range x {
		s1, s2 = float64(v*window[i])+k*s1-s2, s1
	}
	return math.Sqrt(max(s1*s1+s2*s2-k*s1*s2, 0))
}

// decimator averages groups of samples down to earRate: its droop is known and undone, its aliases lie above 4 kHz,
// where callers say nothing.
type decimator struct {
	factor int
	sum    int
	count  int
}

func (d *decimator) reset() { d.sum, d.count = 0, 0 }

func (d *decimator) next(s int16) (v float32, ok bool) {
	d.sum += int(s)
	if d.count++; d.count < d.factor {
		return 0, false
	}
	v = float32(d.sum) / float32(d.factor)
	d.reset()
	return v, true
}

// response is the gain of the averaging at hz.
func (d *decimator) response(hz float64) float64 {
	if d.factor == 1 {
		return 1
	}
	x := math.Pi * hz / earRate
	return math.Sin(x) / (float64(d.factor) * math.Sin(x/float64(d.factor)))
}
