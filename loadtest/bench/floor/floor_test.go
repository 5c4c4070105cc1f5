package floor

import (
	"math"
	"testing"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/mixer/codec"
)

var (
	opus = codec.Format{Codec: codec.Opus, Rate: 48000, Bitrate: codec.DefaultBitrate}
	pcmu = codec.Format{Codec: codec.PCMU, Rate: 8000}
)

// room has so many legs, of which the first talk.
func room(legs, talking int, formats ...codec.Format) []Seat {
	seats := make([]Seat, legs)
	for i := range seats {
		seats[i] = Seat{formats[i%len(formats)], i < talking}
	}
	return seats
}

func TestModel(t *testing.T) {
	p := Parts{
		Kernel: 3, Cipher: 0.5, Voice: map[int]float64{48000: 1, 8000: 0.2},
		coding: map[Coding]cost{{opus, 48000}: {50, 20}, {pcmu, 48000}: {9, 7}, {pcmu, 8000}: {0.1, 0.3}},
	}
	for _, c := range []struct {
		name  string
		seats []Seat
		want  float64
	}{
		{"nobody talks", room(10, 0, opus), 35},
		{"one of ten: his own mix is silence", room(10, 1, opus), 35 + 20 + 1 + 50},
		{"two of ten", room(10, 2, opus), 35 + 2*20 + 2 + 3*50},
		{"all of ten, six mixed", room(10, 10, opus), 35 + 10*20 + 6 + 7*50},
		{"all of six: nobody hears the full mix", room(6, 6, opus), 21 + 6*20 + 6 + 6*50},
		{"G.711 at its own rate", room(10, 2, pcmu), 35 + 2*0.3 + 2*0.2 + 3*0.1},
		{"mixed: the full mix in both formats", room(10, 2, opus, pcmu), 35 + 27 + 2 + 59 + 59},
	} {
		if got := p.Room(c.seats, 6); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	if got := p.Forwarded(room(10, 1, opus)); got != 35 {
		t.Errorf("forwarded: %v", got)
	}
}

// TestMeasure: every part takes time, and less than a tick; what is right beyond that the benchmark's reader judges.
func TestMeasure(t *testing.T) {
	p, err := Measure(0, keying.AEADAES256GCM, []codec.Format{opus, pcmu})
	if err != nil {
		t.Fatal(err)
	}
	parts := map[string]float64{"kernel": p.Kernel, "cipher": p.Cipher, "voice": p.Voice[48000]}
	for _, f := range []codec.Format{opus, pcmu} {
		parts["encode "+f.Codec.String()], parts["decode "+f.Codec.String()] = p.Encode(f, 48000), p.Decode(f, 48000)
	}
	for name, us := range parts {
		t.Logf("%s: %.3f us", name, us)
		if us <= 0 || us > 20000 {
			t.Errorf("%s takes %v us", name, us)
		}
	}
	list, err := Speech(0)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list {
		if c.Encode <= 0 || c.Decode <= 0 || c.Encode > 20000 {
			t.Errorf("%s: %+v", c.Name, c)
		}
	}
	half := p
	half.Kernel /= 2
	if l := p.Least(half); l.Kernel != half.Kernel || l.Encode(opus, 48000) != p.Encode(opus, 48000) || l.Voice[48000] != p.Voice[48000] {
		t.Errorf("the least of two: %+v", l)
	}
	if _, err := Measure(100000, keying.AEADAES256GCM, nil); err == nil {
		t.Error("a core that does not exist")
	}
}
