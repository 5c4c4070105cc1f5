package sound

import (
	"math"
	"slices"
	"time"
)

// Envelope follows how loud one talker is among others, closely enough to see a gap of some milliseconds in what he says. One caller at
// a time.
//
// Filters that tell tones 64 Hz apart are 30 ms long and would fill such gaps. But a mean over one period of 192 Hz, 5.2 ms, is blind to
// every tone that lies a multiple of 192 Hz beside the one that it is tuned to. So voices whose gaps are to be seen are spread: within
// a class all tones lie three steps of the grid or a multiple of that apart, and each talker's envelope has nothing of the others'
// tones in it. What is left of them are the beginnings and ends of their spurts, and their marks, for the length of the mean.
type Envelope struct {
	down   decimator
	talker int
	heard  []float32 // at earRate
}

// SpreadVoice is the talker number of voice i of a class, of SpreadVoices and SpreadClasses. Five neighbours of a class share no tone.
func SpreadVoice(class, i int) int {
	class, i = class%SpreadClasses, i%SpreadVoices
	// Within 18 neighbours the two indexes differ as pairs (6 and 9 have that for a multiple); the next 18 go on one further.
	low := class + spreadStep*(i%spreadLow)
	first := lowTones + (class+spreadStep-lowTones%spreadStep)%spreadStep // the lowest high tone of the class
	high := first + spreadStep*((i+i/18)%spreadHigh)
	n := low
	for n%highTones != high-lowTones {
		n += lowTones
	}
	return n
}

// NewEnvelope returns an Envelope for samples at rate Hz that listens to nobody yet.
func NewEnvelope(rate int) *Envelope { return &Envelope{down: decimator{factor: rate / earRate}} }

// Open begins to listen to a talker.
func (e *Envelope) Open(talker int) {
	e.talker, e.heard = talker, e.heard[:0]
	e.down.reset()
}

// Listen takes the next samples.
func (e *Envelope) Listen(pcm []int16) {
	for _, s := range pcm {
		if v, ok := e.down.next(s); ok {
			e.heard = append(e.heard, v)
		}
	}
}

// Course is what became of a talker's voice in the time that an Envelope listened.
type Course struct {
	Level   float64       // median, 1 as he speaks it
	Gap     time.Duration // longest time in which he was below half of that
	Doubled time.Duration // longest time in which one of his tones was half as loud again, as when two copies of him are heard
	There   time.Duration // longest time in which he was above a quarter of what he speaks at
}

// Course reckons up. It takes about a millisecond for each second.
//
// Two copies of a tone add up by their phases: to more than one and a half of one in two of five cases, and for one of two tones in three
// of five. So a single doubling may be missed; a server that doubles is not.
func (e *Envelope) Course() Course {
	low, high := Pair(e.talker)
	a, b := e.follow(ToneHz(low)), e.follow(ToneHz(high))
	both := make([]float64, len(a))
	for i := range both {
		both[i] = (a[i] + b[i]) / 2
	}
	level := median(both)
	above := func(x []float64, least float64) time.Duration {
		return longest(x, func(v float64) bool { return v > least })
	}
	return Course{
		Level: level, Gap: longest(both, func(v float64) bool { return v < half*level }),
		Doubled: max(above(a, twice*median(a)), above(b, twice*median(b))), There: above(both, there),
	}
}

// follow is the level of a tone every half millisecond, 1 as a talker speaks it: the mean over one period of 192 Hz of what he said, turned
// down by the tone.
func (e *Envelope) follow(hz int) []float64 {
	const period = float64(earRate) / (spreadStep * stepHz) // in samples, and not a whole number of them
	const whole = earRate / (spreadStep * stepHz)
	turn := newOscillator(hz, earRate)
	re, im := make([]float64, len(e.heard)+1), make([]float64, len(e.heard)+1) // sums so far
	for i, v := range e.heard {
		re[i+1], im[i+1] = re[i]+float64(v)*turn.re, im[i]+float64(v)*turn.im
		turn.next()
	}
	scale := 2 / (period * Amplitude * Amplitude * e.down.response(float64(hz))) // the oscillator's own amplitude is in the sums
	var levels []float64
	for i := 0; i+whole+1 < len(re); i += envelopeStep {
		part := period - float64(whole)
		x := re[i+whole] - re[i] + part*(re[i+whole+1]-re[i+whole])
		y := im[i+whole] - im[i] + part*(im[i+whole+1]-im[i+whole])
		levels = append(levels, scale*math.Hypot(x, y))
	}
	return levels
}

func median(x []float64) float64 {
	if len(x) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(x))
	return sorted[len(sorted)/2]
}

// longest is the length of the longest run of levels that are so.
func longest(x []float64, so func(float64) bool) time.Duration {
	most, run := 0, 0
	for _, v := range x {
		if run++; !so(v) {
			run = 0
		}
		most = max(most, run)
	}
	return time.Duration(most*envelopeStep) * time.Second / earRate
}
