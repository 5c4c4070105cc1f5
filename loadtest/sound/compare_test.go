package sound_test

import (
	"bytes"
	"math"
	"testing"

	"github.com/conclave/conclave/loadtest/sound"
	"github.com/conclave/conclave/loadtest/speech"
	"github.com/conclave/conclave/mixer/codec"
)

func recording(t testing.TB, n int) []int16 {
	t.Helper()
	file, err := speech.WAV(n)
	if err != nil {
		t.Fatal(err)
	}
	pcm, _, err := sound.ReadWAV(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	return pcm
}

func TestCorrelateFindsTheLag(t *testing.T) {
	said := recording(t, 0)
	other := recording(t, 5)
	for _, lag := range []int{0, 1, 777, -333, 7999} {
		heard := make([]int16, len(said)+8000)
		for i, v := range said {
			if i+lag >= 0 {
				heard[i+lag] = -v / 2
			}
		}
		for i := range heard { // somebody else, 20 dB below
			heard[i] = -heard[i] + other[i%len(other)]/20
		}
		got, r := sound.Correlate(said, heard, 8000)
		if got != lag || r < 0.97 || r > 1 {
			t.Errorf("lag %d: found %d with r %.3f", lag, got, r)
		}
		a, b := sound.Align(said, heard, got)
		if len(a) != len(b) || len(a) < len(said)-333 {
			t.Errorf("lag %d: aligned to %d and %d samples", lag, len(a), len(b))
		}
	}
	if _, r := sound.Correlate(said, other, 8000); r > 0.4 {
		t.Errorf("two different voices correlate: %.3f", r)
	}
}

func TestCorrelateCorners(t *testing.T) {
	voice := recording(t, 1)
	for _, row := range []struct {
		name        string
		said, heard []int16
		most        int
	}{
		{"nothing said", nil, voice, 100}, {"nothing heard", voice, nil, 100}, {"silence", voice, make([]int16, 8000), 100},
		{"negative bound", voice, voice, -1},
	} {
		if lag, r := sound.Correlate(row.said, row.heard, row.most); lag != 0 || r != 0 {
			t.Errorf("%s: lag %d, r %v", row.name, lag, r)
		}
	}
	if lag, r := sound.Correlate([]int16{5}, []int16{5}, 9); lag != 0 || math.Abs(r-1) > 1e-9 {
		t.Errorf("one sample: lag %d, r %v", lag, r)
	}
	if a, b := sound.Align(voice, voice, len(voice)); a != nil || b != nil {
		t.Error("aligned what has nothing in common")
	}
}

func TestSegmentalSNR(t *testing.T) {
	said := recording(t, 2)
	if snr := sound.SegmentalSNR(said, said, 8000); snr != 35 {
		t.Errorf("perfect: %.1f dB", snr)
	}
	if snr := sound.SegmentalSNR(said, make([]int16, len(said)), 8000); math.Abs(snr) > 0.01 {
		t.Errorf("silence heard: %.2f dB, want 0", snr)
	}
	half := make([]int16, len(said))
	for i, v := range said {
		half[i] = v - v/10
	}
	if snr := sound.SegmentalSNR(said, half, 8000); snr < 19 || snr > 24 {
		t.Errorf("a tenth too low: %.1f dB, want about 20", snr)
	}
	if snr := sound.SegmentalSNR(nil, said, 8000); snr != 0 {
		t.Errorf("nothing said: %v", snr)
	}
}

func TestLevel(t *testing.T) {
	square := make([]int16, 800)
	for i := range square {
		square[i] = 16384
	}
	if db := sound.LevelDB(square); math.Abs(db+6.02) > 0.01 {
		t.Errorf("half scale is %.2f dB", db)
	}
	if db := sound.LevelDB(nil); !math.IsInf(db, -1) {
		t.Errorf("nothing is %v dB", db)
	}
}

// TestSpeechThroughCodecs states what two codecs in a row, as in a call through the mixer at 48 kHz, leave of speech.
func TestSpeechThroughCodecs(t *testing.T) {
	for _, row := range []struct {
		name             string
		in, out          codec.Format
		correlation, snr float64
	}{
		{"pcmu to pcmu at 8 kHz", codec.Format{Codec: codec.PCMU, Rate: 8000}, codec.Format{Codec: codec.PCMU, Rate: 8000}, 0.99, 30},
		{"opus to opus", codec.Format{Codec: codec.Opus, Rate: 48000}, codec.Format{Codec: codec.Opus, Rate: 48000}, 0.9, 5},
		{"pcmu to opus", codec.Format{Codec: codec.PCMU, Rate: 8000}, codec.Format{Codec: codec.Opus, Rate: 48000}, 0.9, 5},
		{"opus to pcmu", codec.Format{Codec: codec.Opus, Rate: 48000}, codec.Format{Codec: codec.PCMU, Rate: 8000}, 0.9, 5},
	} {
		mix := max(row.in.NeededRate(), row.out.NeededRate())
		var worstR, worstSNR, off = 1.0, 99.0, 0.0
		for n := range 4 {
			said := recording(t, n)
			heard := through(t, through(t, said, row.in, 8000, mix), row.out, mix, 8000)
			lag, r := sound.Correlate(said, heard, 400)
			a, b := sound.Align(said, heard, lag)
			worstR, worstSNR = min(worstR, r), min(worstSNR, sound.SegmentalSNR(a, b, 8000))
			if d := sound.LevelDB(b) - sound.LevelDB(a); math.Abs(d) > math.Abs(off) {
				off = d
			}
		}
		t.Logf("%s: correlation %.4f, segmental SNR %.1f dB, level %+.2f dB", row.name, worstR, worstSNR, off)
		if worstR < row.correlation || worstSNR < row.snr || math.Abs(off) > 1 {
			t.Errorf("%s: correlation %.4f, segmental SNR %.1f dB, level %+.2f dB", row.name, worstR, worstSNR, off)
		}
	}
}

func through(t testing.TB, pcm []int16, f codec.Format, from, to int) []int16 {
	t.Helper()
	e, err := codec.NewEncoder(f, from)
	if err != nil {
		t.Fatal(err)
	}
	d, err := codec.NewDecoder(f, to)
	if err != nil {
		t.Fatal(err)
	}
	var out []int16
	coded, heard := make([]byte, codec.MaxFrameSize), make([]int16, to/50)
	for at := 0; at+from/50 <= len(pcm); at += from / 50 {
		n, err := e.Encode(pcm[at:at+from/50], coded)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Decode(codec.Frame{Kind: codec.Voice, Payload: coded[:n]}, heard); err != nil {
			t.Fatal(err)
		}
		out = append(out, heard...)
	}
	return out
}
