package codec_test

import (
	"math"
	"testing"

	"github.com/conclave/conclave/loadtest/sound"
	"github.com/conclave/conclave/mixer/codec"
)

// plosives is speech at 48 kHz, with silence cut into it so that it begins suddenly now and then.
func plosives(t *testing.T, recording int) []int16 {
	t.Helper()
	out := codec.Recording(t, recording)
	const every, hole = 17000, 3000
	for at := every; at+hole < len(out); at += every {
		clear(out[at : at+hole])
	}
	return out
}

// preEcho is the mean level of the error in the 10 ms before sudden onsets, relative to what follows, in dB.
func preEcho(said, heard []int16) float64 {
	const block, before = 120, 480
	power := func(x []int16) float64 {
		sum := 1.0
		for _, v := range x {
			sum += float64(v) * float64(v)
		}
		return sum / float64(len(x))
	}
	var levels []float64
	for i := before; i+block <= len(said); i += block {
		next := power(said[i : i+block])
		if next < 500*500 || next < 100*power(said[i-before:i]) {
			continue
		}
		noise := make([]int16, before)
		for k := range noise {
			noise[k] = heard[i-before+k] - said[i-before+k]
		}
		levels = append(levels, 10*math.Log10(power(noise)/next))
	}
	return sound.Mean(levels)
}

// Looking for onsets only where there may be one is cheaper, and is not heard: neither in the spectrum nor before onsets is it worse
// than an encoder that always looks.
func TestThriftyEncodingIsNotHeard(t *testing.T) {
	encode := func(pcm []int16, always bool) (distances []float64, snr, echo float64, looked int) {
		f := codec.Format{Codec: codec.Opus, Rate: 48000}
		e, err := codec.NewEncoder(f, 48000)
		if err != nil {
			t.Fatal(err)
		}
		if always {
			e.AlwaysLook()
		}
		d, _ := codec.NewDecoder(f, 48000)
		var heard []int16
		packet, out := make([]byte, f.FrameSize()), make([]int16, 960)
		for at := 0; at+960 <= len(pcm); at += 960 {
			if _, err := e.Encode(pcm[at:at+960], packet); err != nil {
				t.Fatal(err)
			}
			if e.Looked() {
				looked++
			}
			_ = d.Decode(codec.Frame{Kind: codec.Voice, Payload: packet}, out)
			heard = append(heard, out...)
		}
		a, b := sound.Align(pcm, heard, 120)
		return sound.LogSpectralDistance(a, b, 48000), sound.SegmentalSNR(a, b, 48000), preEcho(a, b), looked
	}
	var always, thrifty []float64
	var snr, echo, looked, frames float64
	const recordings = 4
	for n := range recordings {
		pcm := plosives(t, n)
		d, s, e, _ := encode(pcm, true)
		always, snr, echo = append(always, d...), snr-s, echo-e
		d, s, e, k := encode(pcm, false)
		thrifty, snr, echo = append(thrifty, d...), snr+s, echo+e
		looked, frames = looked+float64(k), frames+float64(len(pcm)/960)
	}
	snr, echo = snr/recordings, echo/recordings
	t.Logf("distance %.2f dB (%.2f when it always looks), worst twentieth %.2f (%.2f); segmental SNR %+.2f dB; before onsets %+.2f dB; looked at %.0f %% of the frames",
		sound.Mean(thrifty), sound.Mean(always), sound.Quantile(thrifty, 0.95), sound.Quantile(always, 0.95), snr, echo, 100*looked/frames)
	if sound.Mean(thrifty) > sound.Mean(always) || sound.Quantile(thrifty, 0.95) > sound.Quantile(always, 0.95) {
		t.Error("spectra differ more than those of an encoder that always looks")
	}
	if snr < -0.5 {
		t.Errorf("segmental SNR fell by %.2f dB", -snr)
	}
	if !(echo <= 1) {
		t.Errorf("noise before onsets rose by %.2f dB", echo)
	}
	if looked > frames/3 || looked == 0 {
		t.Errorf("looked at %.0f of %.0f frames", looked, frames)
	}
}
