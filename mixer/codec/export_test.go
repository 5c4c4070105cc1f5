package codec

import (
	"bytes"
	"testing"

	"github.com/conclave/conclave/loadtest/sound"
	"github.com/conclave/conclave/loadtest/speech"
)

// Recording is a recording of speech at 48 kHz, in whole frames of 20 ms.
func Recording(t *testing.T, n int) []int16 {
	t.Helper()
	b, err := speech.WAV(n)
	if err != nil {
		t.Fatal(err)
	}
	narrow, rate, err := sound.ReadWAV(bytes.NewReader(b))
	if err != nil || rate != 8000 {
		t.Fatal(rate, err)
	}
	up, out := newResampler(8000, 48000, 160), make([]int16, len(narrow)/160*960)
	for i := 0; i < len(out); i += 960 {
		up.process(narrow[i/6:i/6+160], out[i:i+960])
	}
	return out
}

// AlwaysLook has an Opus encoder look for onsets in every frame.
func (e *Encoder) AlwaysLook() { e.sink.(*opusSink).always = true }

// Looked says whether it did in the last frame.
func (e *Encoder) Looked() bool { return e.sink.(*opusSink).effort == onsetEffort }
