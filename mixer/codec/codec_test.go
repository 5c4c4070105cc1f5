package codec

import (
	"bytes"
	"errors"
	"math"
	"testing"
)

var (
	celt    = Format{Codec: Opus, Rate: 48000}
	voip    = Format{Codec: Opus, Rate: 48000, Bitrate: 24000, Mode: ModeVoIP}
	pcmu    = Format{Codec: PCMU, Rate: 8000}
	pcma    = Format{Codec: PCMA, Rate: 8000}
	l16     = Format{Codec: L16, Rate: 8000}
	l16wide = Format{Codec: L16, Rate: 16000}
	formats = []Format{celt, voip, pcmu, pcma, l16, l16wide}
	rates   = []int{8000, 16000, 48000}
)

// tone fills pcm with a sine of hz at the given amplitude, going on from sample number at.
func tone(pcm []int16, rate int, hz, amplitude float64, at int) {
	for i := range pcm {
		pcm[i] = int16(math.Round(amplitude * math.Sin(2*math.Pi*hz*float64(at+i)/float64(rate))))
	}
}

// level returns the amplitude of the part of pcm that is a sine of hz, and the RMS of the rest.
func level(pcm []int16, rate int, hz float64) (amplitude, rest float64) {
	var re, im, all float64
	for i, v := range pcm {
		s, c := math.Sincos(2 * math.Pi * hz * float64(i) / float64(rate))
		re, im, all = re+float64(v)*c, im+float64(v)*s, all+float64(v)*float64(v)
	}
	n := float64(len(pcm))
	amplitude = 2 * math.Hypot(re, im) / n
	return amplitude, math.Sqrt(max(all/n-amplitude*amplitude/2, 0))
}

func make2(t testing.TB, f Format, rate int) (*Encoder, *Decoder) {
	t.Helper()
	e, err := NewEncoder(f, rate)
	if err != nil {
		t.Fatal(err)
	}
	d, err := NewDecoder(f, rate)
	if err != nil {
		t.Fatal(err)
	}
	return e, d
}

// carry sends frames of a tone through e and d and returns what came out.
func carry(t testing.TB, e *Encoder, d *Decoder, rate, frames int, hz, amplitude float64) []int16 {
	t.Helper()
	var out []int16
	pcm, dst, got := make([]int16, rate/50), make([]byte, MaxFrameSize), make([]int16, rate/50)
	for n := range frames {
		tone(pcm, rate, hz, amplitude, n*len(pcm))
		size, err := e.Encode(pcm, dst)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Decode(Frame{Kind: Voice, Payload: dst[:size]}, got); err != nil {
			t.Fatal(err)
		}
		out = append(out, got...)
	}
	return out
}

func TestToneSurvivesEveryFormatAtEveryRate(t *testing.T) {
	for _, f := range formats {
		for _, rate := range rates {
			for _, hz := range []float64{350, 1000, 3100} {
				e, d := make2(t, f, rate)
				out := carry(t, e, d, rate, 50, hz, 8000)
				amplitude, rest := level(out[len(out)/2:], rate, hz)
				// SILK bends tones; it is made for voices.
				bound, noise := 1.0, 8000/math.Sqrt2/20
				if f.Mode == ModeVoIP {
					bound, noise = 3, 8000
				}
				if db := 20 * math.Log10(amplitude/8000); math.Abs(db) > bound || rest > noise {
					t.Errorf("%v at %d Hz, tone %v: level %+.2f dB, rest %.0f", f, rate, hz, db, rest)
				}
			}
		}
	}
}

func TestFramesHaveConstantLength(t *testing.T) {
	all := append([]Format{}, formats...)
	for bitrate := MinBitrate; bitrate <= MaxBitrate; bitrate += 7331 {
		all = append(all, Format{Codec: Opus, Rate: 48000, Bitrate: bitrate}, Format{Codec: Opus, Rate: 48000, Bitrate: bitrate, Mode: ModeVoIP})
	}
	for _, f := range all {
		e, err := NewEncoder(f, f.NeededRate())
		if err != nil {
			t.Fatal(err)
		}
		pcm, dst := make([]int16, f.NeededRate()/50), make([]byte, MaxFrameSize)
		for n := range 20 {
			clear(pcm)
			if n%10 > 4 {
				tone(pcm, f.NeededRate(), 437, 9000, n*len(pcm))
			}
			if size, err := e.Encode(pcm, dst); err != nil || size != f.FrameSize() {
				t.Fatalf("%v: %d octets, %v; want %d", f, size, err, f.FrameSize())
			}
		}
		if got := len(Silence(f)); got != f.FrameSize() {
			t.Errorf("%v: silence has %d octets, want %d", f, got, f.FrameSize())
		}
	}
}

func TestG711(t *testing.T) {
	for i := range 256 {
		b := byte(i)
		if v := muDecode[b]; muEncode[uint16(v)>>2] != b && v != 0 {
			t.Errorf("mu-law %#x decodes to %d, encodes to %#x", b, v, muEncode[uint16(v)>>2])
		}
		if v := aDecode[b]; aEncode[uint16(v)>>4] != b {
			t.Errorf("A-law %#x decodes to %d, encodes to %#x", b, v, aEncode[uint16(v)>>4])
		}
	}
	// Points of ITU-T G.711 tables 1 and 2: full scale, zero, the ends of segments.
	for _, row := range []struct {
		b     byte
		mu, a int16
	}{{0x80, 32124, 5504}, {0x00, -32124, -5504}, {0xff, 0, 848}, {0xaa, 5372, 32256}, {0xd5, 716, 8}, {0x55, -716, -8}} {
		if muDecode[row.b] != row.mu || aDecode[row.b] != row.a {
			t.Errorf("%#x: mu-law %d, A-law %d; want %d, %d", row.b, muDecode[row.b], aDecode[row.b], row.mu, row.a)
		}
	}
	for v := math.MinInt16; v <= math.MaxInt16; v++ {
		s := int16(v)
		mu, a := int(muDecode[muEncode[uint16(s)>>2]]), int(aDecode[aEncode[uint16(s)>>4]])
		bound := max(v, -v)/16 + 20
		if off := max(mu-v, v-mu); off > bound && v > -32000 && v < 32000 {
			t.Fatalf("mu-law of %d is off by %d", v, off)
		}
		if off := max(a-v, v-a); off > bound && v > -32000 && v < 32000 {
			t.Fatalf("A-law of %d is off by %d", v, off)
		}
	}
}

func TestL16IsExact(t *testing.T) {
	for _, f := range []Format{l16, l16wide} {
		e, d := make2(t, f, f.Rate)
		pcm, dst, got := make([]int16, f.Rate/50), make([]byte, MaxFrameSize), make([]int16, f.Rate/50)
		for i := range pcm {
			pcm[i] = int16(i*7919 - 12345)
		}
		n, err := e.Encode(pcm, dst)
		if err != nil || int16(uint16(dst[0])<<8|uint16(dst[1])) != pcm[0] {
			t.Fatalf("not in network order, or %v", err)
		}
		if err := d.Decode(Frame{Kind: Voice, Payload: dst[:n]}, got); err != nil {
			t.Fatal(err)
		}
		for i := range pcm {
			if got[i] != pcm[i] {
				t.Fatalf("sample %d: %d, want %d", i, got[i], pcm[i])
			}
		}
	}
}

func TestSilence(t *testing.T) {
	for f, want := range map[Format]byte{pcmu: 0xff, pcma: 0xd5, l16: 0, l16wide: 0} {
		if got := Silence(f); !bytes.Equal(got, bytes.Repeat([]byte{want}, f.FrameSize())) {
			t.Errorf("%v: silence is % x...", f, got[:4])
		}
	}
	want := make([]byte, 80)
	want[0], want[1], want[2] = 31<<3, 0xff, 0xfe // full band, 20 ms, mono, one frame; the silence flag
	if got := Silence(celt); !bytes.Equal(got, want) {
		t.Errorf("CELT silence is % x", got)
	}
	if Silence(Format{}) != nil {
		t.Error("silence of no format")
	}
}

func TestRefusedFormats(t *testing.T) {
	for _, f := range []Format{
		{}, {Codec: Opus, Rate: 8000}, {Codec: Opus, Rate: 48000, Bitrate: 5999}, {Codec: Opus, Rate: 48000, Bitrate: 300001},
		{Codec: Opus, Rate: 48000, Mode: 2}, {Codec: PCMU, Rate: 16000}, {Codec: PCMA, Rate: 8000, Bitrate: 1},
		{Codec: L16, Rate: 48000}, {Codec: L16, Rate: 8000, Mode: 1}, {Codec: 9, Rate: 8000},
	} {
		if _, err := NewDecoder(f, 8000); !errors.Is(err, ErrFormat) {
			t.Errorf("decoder of %v: %v", f, err)
		}
		if _, err := NewEncoder(f, 8000); !errors.Is(err, ErrFormat) {
			t.Errorf("encoder of %v: %v", f, err)
		}
	}
	for _, rate := range []int{0, -8000, 12000, 44100} {
		if _, err := NewDecoder(pcmu, rate); !errors.Is(err, ErrFormat) {
			t.Errorf("decoder at %d: %v", rate, err)
		}
	}
}

func TestNames(t *testing.T) {
	for _, id := range []ID{Opus, PCMU, PCMA, L16} {
		if got, err := Parse(id.String()); err != nil || got != id {
			t.Errorf("%v parses to %v, %v", id, got, err)
		}
	}
	for _, name := range []string{"", "none", "OPUS", "g729"} {
		if _, err := Parse(name); !errors.Is(err, ErrUnknownCodec) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestWrongBuffers(t *testing.T) {
	e, d := make2(t, celt, 48000)
	if err := d.Decode(Frame{}, make([]int16, 959, 4800)); !errors.Is(err, ErrBuffer) {
		t.Errorf("short pcm: %v", err)
	}
	if _, err := e.Encode(make([]int16, 961), make([]byte, 80)); !errors.Is(err, ErrBuffer) {
		t.Errorf("long pcm: %v", err)
	}
	if _, err := e.Encode(make([]int16, 960), make([]byte, 79, 200)); !errors.Is(err, ErrBuffer) {
		t.Errorf("short dst: %v", err)
	}
}
