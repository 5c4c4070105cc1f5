package codec

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// sounds are 4 s of each kind at 48 kHz, in frames of 20 ms.
func sounds(t *testing.T) map[string][][]int16 {
	t.Helper()
	dice, low := rand.New(rand.NewPCG(1, 2)), 0.0
	make4s := func(sample func(at float64) float64) (frames [][]int16) {
		for k := range 200 {
			pcm := make([]int16, 960)
			for i := range pcm {
				pcm[i] = int16(sample(float64(960*k+i) / 48000))
			}
			frames = append(frames, pcm)
		}
		return frames
	}
	tone := func(hz float64) func(float64) float64 {
		return func(at float64) float64 { return 8000 * math.Sin(2*math.Pi*hz*at) }
	}
	all := map[string][][]int16{
		"white noise": make4s(func(float64) float64 { return 2000 * dice.NormFloat64() }),
		"faint noise": make4s(func(float64) float64 { return 100 * dice.NormFloat64() }),
		"red noise":   make4s(func(float64) float64 { low = .95*low + 1000*dice.NormFloat64(); return low }),
		"400 Hz":      make4s(tone(400)),
		"3 kHz":       make4s(tone(3000)),
	}
	for n := range 4 {
		all["speech"] = slices.AppendSeq(all["speech"], slices.Chunk(Recording(t, n), 960))
	}
	return all
}

func power(pcm []int16) (sum float64) {
	for _, v := range pcm {
		sum += float64(v) * float64(v) / float64(len(pcm))
	}
	return sum
}

// TestEnergiesTellTheLevel: what the head of the frames tells is the level that they decode to, for noise and speech to a decibel in the mean, whatever the encoder's
// effort, its bit rate, the bandwidth and the rate of the decoder.
func TestEnergiesTellTheLevel(t *testing.T) {
	for name, frames := range sounds(t) {
		for _, c := range []struct{ bitrate, from, effort, to int }{
			{32000, 48000, 5, 48000}, {32000, 48000, 0, 16000}, {16000, 48000, 10, 48000}, {64000, 48000, 10, 8000}, {32000, 16000, 5, 48000}, {24000, 8000, 10, 8000},
		} {
			f := Format{Codec: Opus, Rate: 48000, Bitrate: c.bitrate, Mode: ModeCELT}
			sink, err := newOpusSink(f, c.from)
			if err != nil {
				t.Fatal(err)
			}
			d, err := NewDecoder(f, c.to)
			if err != nil {
				t.Fatal(err)
			}
			if err := sink.encoder.SetComplexity(c.effort); err != nil {
				t.Fatal(err)
			}
			var e Energies
			var errors []float64
			down := newResampler(48000, c.from, 960)
			for _, frame := range frames {
				pcm, out, packet := make([]int16, c.from/50), make([]int16, c.to/50), make([]byte, f.FrameSize())
				if down == nil { // the same rate
					copy(pcm, frame)
				} else {
					down.process(frame, pcm)
				}
				if n, err := sink.encoder.Encode(pcm, packet); err != nil || n != len(packet) {
					t.Fatal(n, err)
				}
				if err := d.Decode(Frame{Kind: Voice, Payload: packet}, out); err != nil {
					t.Fatal(err)
				}
				told, ok := e.Read(packet, c.to)
				if !ok {
					t.Fatal("not read")
				}
				if is := power(out); is > 300 { // -65 dBFS
					errors = append(errors, 10*math.Log10(float64(told)/is))
				}
			}
			judgeLevels(t, name, c, errors[5:])
		}
	}
}

func judgeLevels(t *testing.T, name string, c any, errors []float64) {
	t.Helper()
	mean, n := 0.0, len(errors)
	for _, e := range errors {
		mean += e / float64(n)
	}
	slices.Sort(errors)
	low, high := errors[n/20], errors[n-1-n/20]
	t.Logf("%s %v: %.1f dB in the mean, nine tenths of %d frames from %.1f to %.1f", name, c, mean, n, low, high)
	most := 1.0 // of a tone all frames are rounded the same way
	if strings.Contains(name, "Hz") {
		most = 5
	}
	if math.Abs(mean) > most || low < -5 || high > 5 {
		t.Errorf("%s %v: told %.1f dB too much in the mean, nine tenths of the frames from %.1f to %.1f", name, c, mean, low, high)
	}
}

// TestEnergiesOfOthers: silence is told, and what is no mono frame of CELT of 20 ms is not, and leaves the state alone.
func TestEnergiesOfOthers(t *testing.T) {
	e := Energies{bands: [celtBands]float32{1, 2, 3}}
	was := e
	for name, payload := range map[string][]byte{
		"nothing": nil, "a TOC": {31 << 3}, "one octet, which libopus takes for a loss": {31 << 3, 0xc1}, "the same in code 3": {31<<3 | 3, 0x41, 1, 0xc1, 0}, "SILK": {1 << 3, 0x80, 1, 2}, "hybrid": {15 << 3, 1, 2, 3}, "10 ms": {30 << 3, 1, 2, 3}, "stereo": {31<<3 | 4, 1, 2, 3},
		"two frames": {31<<3 | 1, 1, 2, 3, 4}, "two in code 3": {31<<3 | 3, 2, 1, 2, 3, 4}, "nothing but padding": {31<<3 | 3, 0x41, 3, 0, 0, 0},
	} {
		if _, ok := e.Read(payload, 48000); ok || e != was {
			t.Errorf("%s is read: %v, %v", name, ok, e)
		}
	}
	if level, ok := e.Read(Silence(Format{Codec: Opus, Rate: 48000}), 48000); !ok || level != 0 || e.bands[20] != celtSilent {
		t.Errorf("silence is %v, %v, and leaves %v", level, ok, e)
	}
}

// TestEnergiesForget: where the frames before were missed, half of the error is gone with each frame.
func TestEnergiesForget(t *testing.T) {
	f := Format{Codec: Opus, Rate: 48000, Mode: ModeCELT}
	encoder, _ := make2(t, f, 48000)
	var knows, lost Energies
	frames := sounds(t)["white noise"]
	for k, pcm := range frames[:60] {
		packet := make([]byte, MaxFrameSize)
		n, err := encoder.Encode(pcm, packet)
		if err != nil {
			t.Fatal(err)
		}
		a, _ := knows.Read(packet[:n], 48000)
		if k < 50 {
			continue
		}
		b, _ := lost.Read(packet[:n], 48000)
		if k == 50 && lost == knows {
			t.Error("it is known at once what was missed")
		}
		if off := math.Abs(10 * math.Log10(float64(a/b))); k == 59 && off > 0.5 {
			t.Errorf("%.1f dB off after ten frames", off)
		}
	}
}

func TestEnergiesAllocateNothing(t *testing.T) {
	payload := append([]byte{31 << 3}, bytes.Repeat([]byte{0x5a, 0x13, 0xc7}, 26)...)
	var e Energies
	if n := testing.AllocsPerRun(100, func() { _, _ = e.Read(payload, 48000) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzEnergies: whatever arrives, levels are finite, and no less than nothing.
func FuzzEnergies(f *testing.F) {
	f.Add([]byte{31 << 3, 0, 0, 0, 0}, []byte{31 << 3, 0xff, 0xff})
	f.Add(bytes.Repeat([]byte{0xf8}, 81), bytes.Repeat([]byte{0xe8}, 3))
	f.Add(append([]byte{19 << 3}, make([]byte, 40)...), append([]byte{31<<3 | 3, 1}, bytes.Repeat([]byte{0x7f}, 90)...))
	f.Fuzz(func(t *testing.T, one, two []byte) {
		var e Energies
		for k := range 20 {
			level, ok := e.Read([][]byte{one, two}[k%2], 48000)
			if _, single := Single([][]byte{one, two}[k%2]); ok && !single {
				t.Fatal("read, but not a single frame")
			}
			if l := float64(level); !(l >= 0) || math.IsInf(l, 0) {
				t.Fatalf("level %v", level)
			}
		}
	})
}

// BenchmarkEnergies is what it costs to know how loud a frame is, without decoding it and with.
func BenchmarkEnergies(b *testing.B) {
	f := Format{Codec: Opus, Rate: 48000, Mode: ModeCELT}
	encoder, decoder := make2(b, f, 48000)
	pcm, packet := make([]int16, 960), make([]byte, MaxFrameSize)
	for i := range pcm {
		pcm[i] = int16(rand.New(rand.NewPCG(3, uint64(i))).IntN(8000) - 4000)
	}
	n, err := encoder.Encode(pcm, packet)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("read", func(b *testing.B) {
		var e Energies
		for b.Loop() {
			_, _ = e.Read(packet[:n], 48000)
		}
	})
	b.Run("decode", func(b *testing.B) {
		for b.Loop() {
			_ = decoder.Decode(Frame{Kind: Voice, Payload: packet[:n]}, pcm)
		}
	})
}
