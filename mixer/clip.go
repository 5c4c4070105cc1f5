package mixer

import (
	"fmt"
	"math"
	"time"

	"github.com/conclave/conclave/mixer/codec"
)

// Clip is a sound to be played in a room: a prompt, a tone. It never changes, so that any number of rooms may play it at a time. It is
// kept at every mix rate: to play it costs an addition, and nothing is decoded in a tick.
type Clip struct {
	frames int
	pcm    [len(clipRates)][]int16
}

// clipRates are the mix rates.
var clipRates = [...]int{8000, 16000, 48000}

// NewClip decodes a clip: Opus packets of 20 ms, of which the first samples, counted at 48 kHz, are left out (the pre-skip of RFC 7845).
func NewClip(packets [][]byte, skip int) (*Clip, error) {
	if len(packets) == 0 || len(packets) > maxClipFrames || skip < 0 || skip/maxSamples >= len(packets) {
		return nil, fmt.Errorf("mixer: a clip of %d packets, %d samples of them left out", len(packets), skip)
	}
	c := &Clip{}
	for i, rate := range clipRates {
		d, err := codec.NewDecoder(codec.Format{Codec: codec.Opus, Rate: maxRate}, rate)
		if err != nil {
			return nil, err
		}
		frame := rate / 50
		pcm := make([]int16, (len(packets)+1)*frame)
		for k, p := range packets {
			if err := d.Decode(codec.Frame{Kind: codec.Voice, Payload: p}, pcm[k*frame:(k+1)*frame]); err != nil {
				return nil, fmt.Errorf("mixer: packet %d of a clip: %w", k, err)
			}
		}
		_ = d.Decode(codec.Frame{}, pcm[len(packets)*frame:]) // a Silent frame cannot fail: it fades out what is left
		c.set(i, pcm[skip/(maxRate/rate):])
	}
	return c, nil
}

// Note is a part of a tone: a frequency, 0 for a pause, and how long it lasts.
type Note struct {
	Hz     float64
	Length time.Duration
}

// NewTone makes a clip of notes. Each comes up and goes down within 5 ms.
func NewTone(notes ...Note) *Clip {
	c := &Clip{}
	for i, rate := range clipRates {
		var pcm []int16
		for _, n := range notes {
			pcm = append(pcm, n.samples(rate)...)
		}
		c.set(i, pcm)
	}
	return c
}

func (n Note) samples(rate int) []int16 {
	pcm := make([]int16, int(n.Length.Seconds()*float64(rate)))
	edge := min(rate/200, len(pcm)/2)
	for i := range pcm {
		v := notePeak * math.Sin(2*math.Pi*n.Hz*float64(i)/float64(rate))
		if near := min(i, len(pcm)-1-i); near < edge {
			v *= float64(near) / float64(edge)
		}
		pcm[i] = int16(v)
	}
	return pcm
}

// set keeps the samples at one rate, filled up to whole frames.
func (c *Clip) set(i int, pcm []int16) {
	frame := clipRates[i] / 50
	c.frames = min((len(pcm)+frame-1)/frame, maxClipFrames)
	c.pcm[i] = make([]int16, c.frames*frame)
	copy(c.pcm[i], pcm)
}

// Length is how long the clip sounds.
func (c *Clip) Length() time.Duration { return time.Duration(c.frames) * tickLength }

// frame is a frame of the clip at a mix rate.
func (c *Clip) frame(at, rate int) []int16 {
	n := rate / 50
	for i, r := range clipRates {
		if r == rate && at < c.frames {
			return c.pcm[i][at*n : (at+1)*n]
		}
	}
	return nil
}
