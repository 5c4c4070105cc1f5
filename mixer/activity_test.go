package mixer

import (
	"math"
	"testing"

	"github.com/conclave/conclave/mixer/codec"
)

func TestAssessOpus(t *testing.T) {
	toc := func(config, code byte) byte { return config<<tocConfig | code }
	tests := []struct {
		name    string
		payload []byte
		want    activity
	}{
		{"empty", nil, unknown},
		{"only a TOC", []byte{toc(1, 0)}, unknown},
		{"SILK 20 ms, voice flag", []byte{toc(1, 0), 0x80, 0}, voiced},
		{"SILK 20 ms, no voice flag", []byte{toc(1, 0), 0x7F, 0}, unvoiced},
		{"SILK 10 ms", []byte{toc(0, 0), 0, 0}, unknown},
		{"SILK 60 ms", []byte{toc(3, 0), 0, 0}, unknown},
		{"SILK stereo", []byte{toc(1, 0) | tocStereo, 0, 0}, unknown},
		{"SILK two frames", []byte{toc(1, 1), 0, 0}, unknown},
		{"hybrid 20 ms, voice flag", []byte{toc(15, 0), 0xC0, 0}, voiced},
		{"hybrid 20 ms, no voice flag", []byte{toc(15, 0), 0, 0}, unvoiced},
		{"hybrid 10 ms", []byte{toc(14, 0), 0, 0}, unknown},
		{"CELT, silence flag", []byte{toc(31, 0), 0xFF, 0xFE}, quiet},
		{"CELT, no silence flag", []byte{toc(31, 0), 0xFF, 0xFC}, unknown},
		{"CELT, code 3", []byte{toc(31, 3), 0xFF, 0xFF}, unknown},
	}
	for _, tt := range tests {
		if got, _ := assess(opusCELT, tt.payload); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

func TestCachedOpusSilenceIsQuiet(t *testing.T) {
	if got, _ := assess(opusCELT, codec.Silence(opusCELT)); got != quiet {
		t.Errorf("cached silence is %d, want quiet", got)
	}
}

// The level that is told from the payload is the level of what the codec decodes.
func TestLevelOfPayloadIsLevelOfSamples(t *testing.T) {
	payload := make([]byte, 160)
	for _, f := range []codec.Format{pcmu, {Codec: codec.PCMA, Rate: 8000}, {Codec: codec.L16, Rate: 8000}} {
		if f.Codec == codec.L16 {
			payload = make([]byte, 320)
		}
		d, err := codec.NewDecoder(f, 8000)
		if err != nil {
			t.Fatal(err)
		}
		for base := range 2 {
			for i := range payload {
				payload[i] = byte(i + 160*base)
			}
			pcm := make([]int16, 160)
			if err := d.Decode(codec.Frame{Kind: codec.Voice, Payload: payload}, pcm); err != nil {
				t.Fatal(err)
			}
			var told float32
			switch f.Codec {
			case codec.PCMU:
				told = companded(&ulawSquares, payload)
			case codec.PCMA:
				told = companded(&alawSquares, payload)
			default:
				told = linear(payload)
			}
			if got := float64(meanSquare(pcm)); math.Abs(got-float64(told)) > 0.001*got {
				t.Errorf("%s: payload tells %.0f, samples %.0f", f.Codec, told, got)
			}
		}
	}
}

// A sender whose codec denies any voice is decoded now and then: a tone in SILK mode is heard in the end, noise is not.
func TestUnvoicedFramesAreProbed(t *testing.T) {
	s := &Seat{}
	f := &feed{format: opusCELT}
	decoded := 0
	for range 10 * probeEvery {
		if s.wants(f, codec.Voice, unvoiced) {
			decoded++
		}
	}
	if decoded != 10 {
		t.Errorf("%d of %d frames decoded, want 10", decoded, 10*probeEvery)
	}
}
