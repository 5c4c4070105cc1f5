package codec

import (
	"errors"
	"testing"
)

func TestOpusDuration(t *testing.T) {
	for _, row := range []struct {
		name    string
		payload []byte
		want    int // samples at 48 kHz; 0 = ErrPayload
	}{
		{"empty", nil, 0},
		{"SILK 10 ms", []byte{0 << 3}, 480},
		{"SILK 60 ms", []byte{3<<3 | 0, 1}, 2880},
		{"hybrid 10 ms", []byte{12<<3 | 0, 1}, 480},
		{"hybrid 20 ms", []byte{15<<3 | 0, 1}, 960},
		{"CELT 2.5 ms", []byte{16 << 3, 1}, 120},
		{"CELT 20 ms", []byte{31 << 3, 1}, 960},
		{"two of 60 ms", []byte{3<<3 | 1, 1, 1}, 5760},
		{"two of unequal parts in equal code", []byte{3<<3 | 1, 1}, 0},
		{"two by length", []byte{31<<3 | 2, 1, 1}, 1920},
		{"code 3 without count", []byte{31<<3 | 3}, 0},
		{"code 3 with no frames", []byte{31<<3 | 3, 0}, 0},
		{"six of 20 ms", []byte{31<<3 | 3, 6}, 5760},
		{"seven of 20 ms", []byte{31<<3 | 3, 7}, 0},
		{"48 of 2.5 ms", []byte{16<<3 | 3, 48 | 0xc0}, 5760},
		{"49 of 2.5 ms", []byte{16<<3 | 3, 49}, 0},
		{"three of 60 ms", []byte{11<<3 | 3, 3}, 0},
	} {
		got, err := OpusDuration(row.payload)
		if got != row.want || (err != nil) != (row.want == 0) || err != nil && !errors.Is(err, ErrPayload) {
			t.Errorf("%s: %d, %v; want %d", row.name, got, err, row.want)
		}
	}
}

func TestDetect(t *testing.T) {
	count := func(f Format, voice bool) (by [3]int) {
		e, err := NewEncoder(f, 48000)
		if err != nil {
			t.Fatal(err)
		}
		dst := make([]byte, MaxFrameSize)
		for _, pcm := range speechLike(48000, 100) {
			if !voice {
				clear(pcm)
			}
			n, err := e.Encode(pcm, dst)
			if err != nil {
				t.Fatal(err)
			}
			by[Detect(f, dst[:n])]++
		}
		return by
	}
	if by := count(voip, true); by[Active] < 60 || by[Unknown] != 0 {
		t.Errorf("a voice in VoIP mode: %v", by)
	}
	if by := count(voip, false); by[Quiet] < 95 {
		t.Errorf("silence in VoIP mode: %v", by)
	}
	if by := count(celt, true); by[Unknown] < 90 {
		t.Errorf("a voice in CELT mode: %v", by)
	}
	if by := count(celt, false); by[Quiet] != 100 {
		t.Errorf("silence in CELT mode: %v", by)
	}
	if Detect(pcmu, Silence(pcmu)) != Unknown || Detect(celt, nil) != Unknown || Detect(celt, []byte{1}) != Quiet {
		t.Error("corner cases")
	}
}

func TestMalformedPayloadsAreConcealed(t *testing.T) {
	for _, row := range []struct {
		name    string
		format  Format
		payload []byte
	}{
		{"opus empty", celt, nil},
		{"opus too long", celt, []byte{31<<3 | 3, 7, 0}},
		{"opus code 2 cut", celt, []byte{31<<3 | 2, 200, 1}},
		{"opus padding beyond end", celt, []byte{31<<3 | 3, 0x41, 200, 1}},
		{"opus frame of 1276", celt, append([]byte{31 << 3}, make([]byte, 1276)...)},
		{"pcmu empty", pcmu, nil},
		{"pcmu not whole ms", pcmu, make([]byte, 159)},
		{"pcmu too long", pcmu, make([]byte, 8*121)},
		{"l16 odd", l16, make([]byte, 321)},
	} {
		for _, rate := range rates {
			d, err := NewDecoder(row.format, rate)
			if err != nil {
				t.Fatal(err)
			}
			got := make([]int16, rate/50)
			got[0], got[len(got)-1] = 1, 1
			if err := d.Decode(Frame{Kind: Voice, Payload: row.payload}, got); !errors.Is(err, ErrPayload) || !zero(got) {
				t.Errorf("%s at %d Hz: %v", row.name, rate, err)
			}
		}
	}
}

// FuzzDecode: whatever arrives, Decode fills exactly its buffer, returns nil or ErrPayload, and queues a bounded rest.
func FuzzDecode(f *testing.F) {
	f.Add(uint8(0), uint8(2), Silence(celt), []byte{1})
	f.Add(uint8(1), uint8(0), Silence(voip), Silence(voip))
	f.Add(uint8(2), uint8(1), make([]byte, 160), []byte{})
	f.Add(uint8(5), uint8(2), make([]byte, 641), []byte{0xff})
	f.Add(uint8(0), uint8(1), []byte{31<<3 | 3, 6, 0, 0, 0}, []byte{3<<3 | 1, 0x40, 1})
	f.Fuzz(func(t *testing.T, which, at uint8, payload, next []byte) {
		if len(payload) > 4096 || len(next) > 4096 {
			return
		}
		format, rate := formats[int(which)%len(formats)], rates[int(at)%len(rates)]
		d, err := NewDecoder(format, rate)
		if err != nil {
			t.Fatal(err)
		}
		room := make([]int16, rate/50+1)
		pcm := room[: rate/50 : rate/50+1]
		room[rate/50] = 4242
		for _, frame := range []Frame{
			{Kind: Voice, Payload: payload}, {Kind: Lost, Next: next}, {Kind: Voice, Payload: next}, {Kind: Held},
			{Kind: Voice, Payload: payload}, {Kind: Voice, Payload: next}, {Kind: Lost}, {}, {Kind: Held},
		} {
			Detect(format, frame.Payload)
			if err := d.Decode(frame, pcm); err != nil && !errors.Is(err, ErrPayload) {
				t.Fatalf("kind %d: %v", frame.Kind, err)
			}
			if room[rate/50] != 4242 {
				t.Fatal("wrote past the buffer")
			}
			if len(d.queue) > rate/1000*maxWaveMs {
				t.Fatalf("%d samples queued", len(d.queue))
			}
		}
	})
}
