package sound

import (
	"math"
	"time"
)

// Stopwatch finds the mark of a Talker in what is heard after Start. One caller at a time.
type Stopwatch struct {
	down   decimator
	span   int       // samples at earRate to collect
	heard  []float32 // at earRate
	re, im []float32 // the mark at earRate, both quadratures
	energy float64   // of the mark
	open   bool
	delay  float64 // of the averaging in down, in samples at earRate
}

// NewStopwatch returns a Stopwatch for samples at rate Hz that listens for span after Start.
func NewStopwatch(rate int, span time.Duration) *Stopwatch {
	factor := rate / earRate
	w := &Stopwatch{down: decimator{factor: factor}, span: int(span * earRate / time.Second)}
	w.heard = make([]float32, 0, w.span)
	w.delay = float64(factor-1) / float64(2*factor)
	for i := range int(MarkTime * earRate / time.Second) {
		re, im := sweep(float64(i)/earRate, MarkTime.Seconds())
		w.re, w.im = append(w.re, float32(re)), append(w.im, float32(im))
		w.energy += im * im
	}
	return w
}

// Start begins to listen with the next Listen.
func (w *Stopwatch) Start() {
	w.open, w.heard = true, w.heard[:0]
	w.down.reset()
}

// Wanted reports whether the Stopwatch is listening.
func (w *Stopwatch) Wanted() bool { return w.open }

// Listen takes the next samples and reports whether they were the last it needs. It ignores them when not started.
func (w *Stopwatch) Listen(pcm []int16) (full bool) {
	if !w.open {
		return false
	}
	for _, s := range pcm {
		if v, ok := w.down.next(s); ok {
			w.heard = append(w.heard, v)
		}
		if len(w.heard) == w.span {
			w.open = false
			return true
		}
	}
	return false
}

// Found returns when the mark began, counted from the first sample after Start; ok is false when there is none. The
// resolution is about a third of a millisecond. It takes a few milliseconds for a span of half a second.
func (w *Stopwatch) Found() (after time.Duration, ok bool) {
	mark := len(w.re)
	if len(w.heard) < mark {
		return 0, false
	}
	var energy float64 // of what the mark is laid over
	for _, v := range w.heard[:mark] {
		energy += float64(v) * float64(v)
	}
	best, at := 0.0, 0
	for n := 0; ; n++ {
		if score := w.score(w.heard[n:n+mark], energy); score > best {
			best, at = score, n
		}
		if n+mark == len(w.heard) {
			break
		}
		in, out := float64(w.heard[n+mark]), float64(w.heard[n])
		energy += in*in - out*out
	}
	seconds := (float64(at) - w.delay) / earRate
	return time.Duration(math.Round(seconds * float64(time.Second))), best >= markScore
}

// score is the normalised correlation of x with the mark, whatever its phase.
func (w *Stopwatch) score(x []float32, energy float64) float64 {
	const quiet = 100 // below this energy there is nothing but rounding
	if energy < quiet {
		return 0
	}
	re, im := w.re[:len(x)], w.im[:len(x)]
	var a, b float32
	for i, v := range x {
		a += v * re[i]
		b += v * im[i]
	}
	return math.Hypot(float64(a), float64(b)) / math.Sqrt(energy*w.energy)
}
