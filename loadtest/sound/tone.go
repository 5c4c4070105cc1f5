package sound

import (
	"math"
	"time"
)

// ToneHz returns the frequency of tone number i, 0 to Tones-1: a whole number, so that a second of it is a loop.
func ToneHz(i int) int { return firstHz + i*stepHz }

// Pair returns the numbers of the two tones of a talker, 0 to Talkers-1; numbers beyond wrap round.
func Pair(talker int) (low, high int) {
	return talker % lowTones, lowTones + talker%highTones
}

// Talker speaks in the two tones of his number, pauses, and marks moments. After a whole second his tones repeat exactly.
// One caller at a time.
type Talker struct {
	rate   int
	tones  [2]oscillator
	at     int     // samples since the start, modulo rate
	target float64 // gain that SetLevel asked for
	gain   float64 // 0 to 1, on its way there
	slope  float64 // of the gain, per sample
	mark   []int16 // the mark, made once
	marked int     // samples of it that are out; len(mark) when none is under way
}

// NewTalker returns talker number n, silent, whose samples come at rate Hz.
func NewTalker(n, rate int) *Talker {
	low, high := Pair(n)
	t := &Talker{rate: rate, slope: 1 / (rampTime.Seconds() * float64(rate))}
	t.tones = [2]oscillator{newOscillator(ToneHz(low), rate), newOscillator(ToneHz(high), rate)}
	t.mark = makeMark(rate)
	t.marked = len(t.mark)
	return t
}

// SetTalking starts or ends a talk spurt with the next Frame, with a ramp of 5 ms. A pause is digital silence.
func (t *Talker) SetTalking(talking bool) {
	t.SetLevel(0)
	if talking {
		t.SetLevel(1)
	}
}

// SetLevel has the talker go on at a share, 0 to 1, of his amplitude with the next Frame, with a ramp of 5 ms at most.
func (t *Talker) SetLevel(share float64) { t.target = share }

// Mark has the next Frame begin with a mark of MarkTime that a Stopwatch finds. It takes the place of the tones.
func (t *Talker) Mark() { t.marked = 0 }

// Frame fills pcm with what the talker says next.
func (t *Talker) Frame(pcm []int16) {
	for i := range pcm {
		if t.at == 0 {
			t.tones[0].restart()
			t.tones[1].restart()
		}
		v := t.tones[0].next() + t.tones[1].next()
		if t.at++; t.at == t.rate {
			t.at = 0
		}
		if t.gain < t.target {
			t.gain = min(t.gain+t.slope, t.target)
		} else {
			t.gain = max(t.gain-t.slope, t.target)
		}
		if t.marked < len(t.mark) {
			pcm[i] = t.mark[t.marked]
			t.marked++
			t.gain = 0 // the tones come back with a ramp
			continue
		}
		pcm[i] = int16(math.Round(v * t.gain))
	}
}

// oscillator turns a unit vector by a fixed angle for each sample.
type oscillator struct{ re, im, cos, sin float64 }

func newOscillator(hz, rate int) oscillator {
	sin, cos := math.Sincos(2 * math.Pi * float64(hz) / float64(rate))
	return oscillator{re: Amplitude, cos: cos, sin: sin}
}

func (o *oscillator) restart() { o.re, o.im = Amplitude, 0 }

func (o *oscillator) next() float64 {
	v := o.im
	o.re, o.im = o.re*o.cos-o.im*o.sin, o.im*o.cos+o.re*o.sin
	return v
}

// makeMark returns the mark at rate: a sweep with rounded ends.
func makeMark(rate int) []int16 {
	pcm := make([]int16, int(MarkTime*time.Duration(rate)/time.Second))
	for i := range pcm {
		_, im := sweep(float64(i)/float64(rate), MarkTime.Seconds())
		pcm[i] = int16(math.Round(markAmplitude * im))
	}
	return pcm
}

// sweep is the mark at second t, 0 to length, as a vector whose imaginary part is the sound.
func sweep(t, length float64) (re, im float64) {
	phase := 2 * math.Pi * (markFrom*t + (markTo-markFrom)*t*t/(2*length))
	const taper = 0.1
	edge := min(t/length, 1-t/length) / taper
	envelope := 1.0
	if edge < 1 {
		envelope = 0.5 - 0.5*math.Cos(math.Pi*edge)
	}
	sin, cos := math.Sincos(phase)
	return envelope * cos, envelope * sin
}
