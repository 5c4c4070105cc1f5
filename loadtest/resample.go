package loadtest

import (
	"fmt"

	"github.com/conclave/conclave/mixer/codec"
)

// resample brings sound from one of the rates 8, 16 and 48 kHz to another, by the same filters as in a call: up by decoding
// L16 at the lower rate, down by encoding to it.
func resample(pcm []int16, from, to int) ([]int16, error) {
	if from == to {
		return pcm, nil
	}
	low := codec.Format{Codec: codec.L16, Rate: min(from, to)}
	enc, err := codec.NewEncoder(low, from)
	if err != nil {
		return nil, fmt.Errorf("loadtest: resampling: %w", err)
	}
	dec, err := codec.NewDecoder(low, to)
	if err != nil {
		return nil, fmt.Errorf("loadtest: resampling: %w", err)
	}
	in, octets := make([]int16, from/ticksPerSecond), make([]byte, low.FrameSize())
	frames := (len(pcm) + len(in) - 1) / len(in)
	out := make([]int16, frames*to/ticksPerSecond)
	for i := range frames {
		clear(in[copy(in, pcm[i*len(in):]):])
		n, err := enc.Encode(in, octets)
		if err != nil {
			return nil, fmt.Errorf("loadtest: resampling: %w", err)
		}
		at := i * to / ticksPerSecond
		if err := dec.Decode(codec.Frame{Kind: codec.Voice, Payload: octets[:n]}, out[at:at+to/ticksPerSecond]); err != nil {
			return nil, fmt.Errorf("loadtest: resampling: %w", err)
		}
	}
	return out, nil
}
