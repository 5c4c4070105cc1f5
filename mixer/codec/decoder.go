package codec

import "fmt"

// source is one codec's way to samples at the mix rate.
type source interface {
	// duration returns the samples at the mix rate that decode will make of payload, or ErrPayload.
	duration(payload []byte) (int, error)
	// decode fills pcm, which has exactly that many samples.
	decode(payload []byte, pcm []int16) error
	// redundancy returns how many samples recover can make of the packet after a lost one; 0 = none.
	redundancy(next []byte) int
	// recover fills pcm with the lost packet, from the copy in next.
	recover(next []byte, pcm []int16) error
	// conceal fills pcm, a whole number of 2.5 ms, with what may have been lost.
	conceal(pcm []int16)
	// skip says that what decode gets next does not follow what it got last.
	skip()
	// rest says that silence was played instead of anything decoded.
	rest()
	// reset forgets everything.
	reset()
}

// Decoder turns the frames of one stream into samples at the mix rate. One caller at a time.
type Decoder struct {
	source source
	frame  int     // samples of one tick
	queue  []int16 // decoded ahead: the rest of packets longer than a tick; oldest first
	space  []int16 // what queue is cut from
	silent bool    // the last frame was Silent: there is nothing to continue when the next is lost
	sounds bool    // the last frame decoded to something
}

// NewDecoder returns a Decoder for format f whose samples come at rate (the mix rate: 8000, 16000 or 48000 Hz). The mode
// and bitrate of f do not matter: any Opus packet is taken, mono or stereo.
func NewDecoder(f Format, rate int) (*Decoder, error) {
	if err := checkRate(f, rate); err != nil {
		return nil, err
	}
	d := &Decoder{frame: rate / framesPerSecond, silent: true}
	d.space = make([]int16, d.frame+rate/1000*maxWaveMs)
	d.queue = d.space[:0]
	if f.Codec == Opus {
		source, err := newOpusSource(rate)
		if err != nil {
			return nil, err
		}
		d.source = source
		return d, nil
	}
	d.source = newWaveSource(f, rate)
	return d, nil
}

// Decode fills pcm, which has exactly rate/50 samples, with the audio due in this tick. pcm is filled whatever happens:
// after ErrPayload it holds a concealment. Lost takes the copy in Next where there is one, and is concealed otherwise. The first Silent
// fades out what was heard before it, the others are zeros.
func (d *Decoder) Decode(f Frame, pcm []int16) error {
	if len(pcm) != d.frame {
		return fmt.Errorf("%w: %d samples, not %d", ErrBuffer, len(pcm), d.frame)
	}
	var err error
	switch f.Kind {
	case Voice:
		skipped := f.Skipped && !d.silent
		if d.silent = false; skipped && d.shorten(f, pcm) {
			break
		}
		if skipped {
			d.source.skip()
		}
		err = d.voice(f.Payload, pcm)
	case Lost:
		err = d.lost(f.Next, pcm)
	case Held:
		d.drain(pcm)
	default:
		d.rest(pcm)
		return nil
	}
	d.sounds = !zero(pcm)
	return err
}

// rest ends what sounded within one frame: concealment does not fade by itself in all codecs, and a cut is heard as a click.
func (d *Decoder) rest(pcm []int16) {
	if d.sounds {
		d.drain(pcm)
		for i, v := range pcm {
			pcm[i] = int16(int(v) * (len(pcm) - 1 - i) / len(pcm))
		}
	} else {
		clear(pcm)
	}
	d.queue = d.queue[:0]
	if !d.silent {
		d.source.rest()
	}
	d.silent, d.sounds = true, false
}

// Reset forgets everything heard so far. For Opus it makes a new decoder, hence allocates: not for the steady state.
func (d *Decoder) Reset() {
	d.queue, d.silent, d.sounds = d.queue[:0], true, false
	d.source.reset()
}

func (d *Decoder) voice(payload []byte, pcm []int16) error {
	if len(d.queue) >= d.frame {
		d.queue = d.queue[:0] // a packet is due although a tick is still queued: the port moved its clock, follow it
	}
	n, err := d.source.duration(payload)
	if err != nil {
		d.drain(pcm)
		return err
	}
	if n == d.frame && len(d.queue) == 0 { // what nearly every packet is
		if err := d.source.decode(payload, pcm); err != nil {
			d.source.conceal(pcm)
			return err
		}
		return nil
	}
	held := len(d.queue)
	if err := d.source.decode(payload, d.extend(n)); err != nil {
		d.queue = d.queue[:held]
		d.drain(pcm)
		return err
	}
	d.drain(pcm)
	return nil
}

func (d *Decoder) lost(next []byte, pcm []int16) error {
	if len(d.queue) >= d.frame {
		d.drain(pcm) // the rest of a longer packet, or of a longer redundant copy
		return nil
	}
	n := 0
	if len(next) > 0 {
		n = d.source.redundancy(next)
	}
	if n >= d.frame {
		d.silent = false
		held := len(d.queue)
		if err := d.source.recover(next, d.extend(n)); err != nil {
			d.queue = d.queue[:held]
			d.drain(pcm)
			return err
		}
	}
	d.drain(pcm)
	return nil
}

// extend makes room for n samples behind the queue. There is always enough: the queue holds less than a tick here, and
// no packet is longer than maxWaveMs.
func (d *Decoder) extend(n int) []int16 {
	held := copy(d.space, d.queue)
	d.queue = d.space[:held+n]
	return d.queue[held:]
}

// drain fills pcm from the queue and conceals what is missing.
func (d *Decoder) drain(pcm []int16) {
	n := copy(pcm, d.queue)
	d.queue = d.queue[n:]
	switch {
	case n == len(pcm):
	case d.silent:
		clear(pcm[n:])
	default:
		d.source.conceal(pcm[n:])
	}
}

func checkRate(f Format, rate int) error {
	if err := f.Validate(); err != nil {
		return err
	}
	if rate != 8000 && rate != 16000 && rate != 48000 {
		return fmt.Errorf("%w: mix rate %d Hz", ErrFormat, rate)
	}
	return nil
}
