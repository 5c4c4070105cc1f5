package codec

import "fmt"

// sink is one codec's way from samples at the mix rate.
type sink interface {
	// encode fills the head of dst with one frame of Format.FrameSize octets.
	encode(pcm []int16, dst []byte) error
	reset()
}

// Encoder turns samples at the mix rate into frames of constant length. One caller at a time.
type Encoder struct {
	sink   sink
	frame  int    // samples of one tick
	octets int    // of every encoded frame
	quiet  int    // frames of digital silence in a row that were encoded as such
	rest   []byte // the last frame of a settled encoder, kept; empty until there is one
	celt   bool   // the encoding itself tells when its codec has come to rest
	repeat bool   // a settled encoder may repeat rest instead of encoding
}

// NewEncoder returns an Encoder to format f from samples at rate (the mix rate: 8000, 16000 or 48000 Hz). Opus is CBR
// without DTX.
func NewEncoder(f Format, rate int) (*Encoder, error) {
	if err := checkRate(f, rate); err != nil {
		return nil, err
	}
	e := &Encoder{frame: rate / framesPerSecond, octets: f.FrameSize()}
	e.rest = make([]byte, 0, e.octets)
	e.celt = f.Codec == Opus && f.Mode == ModeCELT
	e.repeat = f.Codec != Opus || e.celt
	if f.Codec == Opus {
		sink, err := newOpusSink(f, rate)
		if err != nil {
			return nil, err
		}
		e.sink = sink
		return e, nil
	}
	e.sink = newWaveSink(f, rate)
	return e, nil
}

// Encode encodes exactly rate/50 samples into dst, which holds at least Format.FrameSize octets; n is always FrameSize.
// Digital silence is cheap: once the codec's memory is at rest its frame is repeated without calling the codec.
func (e *Encoder) Encode(pcm []int16, dst []byte) (n int, err error) {
	if len(pcm) != e.frame || len(dst) < e.octets {
		return 0, fmt.Errorf("%w: %d samples into %d octets", ErrBuffer, len(pcm), len(dst))
	}
	silent := zero(pcm)
	if silent && e.quiet >= settleFrames && e.repeat {
		return copy(dst, e.rest), nil
	}
	if err := e.sink.encode(pcm, dst); err != nil {
		return 0, err
	}
	// libopus removes DC with a slow filter, whose tail sounds on for up to a second: believe its own word.
	if !silent || e.celt && !celtSilence(dst[:e.octets]) {
		e.quiet = 0
		return e.octets, nil
	}
	if e.quiet++; e.quiet == settleFrames {
		e.rest = append(e.rest[:0], dst[:e.octets]...)
	}
	return e.octets, nil
}

// Settled reports whether the encoder has been given nothing but digital silence for so long that its memory is at rest,
// 120 ms or, after sound with much DC in it, up to a second.
// From then on Silence may be sent instead of encoding, and the listener's decoder stays in step.
func (e *Encoder) Settled() bool { return e.quiet >= settleFrames }

// SetThrift trades quality for CPU while load must be shed. Codecs other than Opus ignore it.
func (e *Encoder) SetThrift(on bool) {
	if s, ok := e.sink.(*opusSink); ok {
		s.thrift = on
	}
}

// Reset forgets everything said so far. It allocates nothing.
func (e *Encoder) Reset() {
	e.quiet = 0
	e.sink.reset()
}

// Silence returns the encoding of silence in format f, as long as a frame of speech; nil when f is not valid. It encodes
// it afresh, which takes up to a millisecond: keep the result, one for each format.
func Silence(f Format) []byte {
	e, err := NewEncoder(f, f.NeededRate())
	if err != nil {
		return nil
	}
	pcm, frame := make([]int16, e.frame), make([]byte, e.octets)
	for range settleFrames {
		if _, err := e.Encode(pcm, frame); err != nil {
			return nil
		}
	}
	return frame
}
