package sound

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestRecordingIsReadBack(t *testing.T) {
	for _, rate := range []int{8000, 16000, 48000} {
		path := filepath.Join(t.TempDir(), "heard.wav")
		r, err := Create(path, rate)
		if err != nil {
			t.Fatal(err)
		}
		var want []int16
		for n := range 100 {
			frame := make([]int16, rate/50)
			for i := range frame {
				frame[i] = int16(n*31337 + i*7)
			}
			frame[0] = math.MinInt16
			if err := r.Write(frame); err != nil {
				t.Fatal(err)
			}
			want = append(want, frame...)
		}
		if r.Samples() != int64(len(want)) {
			t.Errorf("%d samples counted, %d written", r.Samples(), len(want))
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if err := r.Write(want); !errors.Is(err, ErrClosed) {
			t.Errorf("write after close: %v", err)
		}
		if err := r.Close(); !errors.Is(err, ErrClosed) {
			t.Errorf("second close: %v", err)
		}
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if size := binary.LittleEndian.Uint32(file[4:]); int(size) != len(file)-8 {
			t.Errorf("RIFF size %d in a file of %d", size, len(file))
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
		got, gotRate, err := ReadWAV(bytes.NewReader(file))
		if err != nil || gotRate != rate || !slices.Equal(got, want) {
			t.Errorf("read back %d samples at %d Hz, %v", len(got), gotRate, err)
		}
	}
}

// wav builds a file out of chunks.
func wav(chunks ...[]byte) []byte {
	body := bytes.Join(chunks, nil)
	out := append([]byte("RIFF"), binary.LittleEndian.AppendUint32(nil, uint32(len(body)+4))...)
	return append(append(out, "WAVE"...), body...)
}

func chunk(name string, size uint32, body ...byte) []byte {
	return append(binary.LittleEndian.AppendUint32([]byte(name), size), body...)
}

func format(tag, channels uint16, rate uint32, width uint16) []byte {
	le := binary.LittleEndian
	b := le.AppendUint16(le.AppendUint16(nil, tag), channels)
	b = le.AppendUint32(le.AppendUint32(b, rate), rate*2)
	return chunk("fmt ", 16, le.AppendUint16(le.AppendUint16(b, 2), width)...)
}

func TestReadWAV(t *testing.T) {
	good := format(1, 1, 8000, 16)
	for _, row := range []struct {
		name string
		file []byte
		want []int16
		err  error
	}{
		{"plain", wav(good, chunk("data", 4, 1, 0, 255, 255)), []int16{1, -1}, nil},
		{"other chunks", wav(chunk("LIST", 3, 1, 2, 3, 0), good, chunk("fact", 4, 0, 0, 0, 0), chunk("data", 2, 5, 0)), []int16{5}, nil},
		{"cut data", wav(good, chunk("data", 4000, 7, 0, 9)), []int16{7}, nil},
		{"stream of unknown size", wav(good, chunk("data", 0xffffffff, 7, 0)), []int16{7}, nil},
		{"empty data", wav(good, chunk("data", 0)), []int16{}, nil},
		{"empty", nil, nil, ErrWAV},
		{"not RIFF", []byte("RIFX\x00\x00\x00\x00WAVE"), nil, ErrWAV},
		{"no data", wav(good), nil, ErrWAV},
		{"data first", wav(chunk("data", 2, 0, 0), good), nil, ErrWAV},
		{"short fmt", wav(chunk("fmt ", 4, 1, 0, 1, 0)), nil, ErrWAV},
		{"cut fmt", wav(good[:12]), nil, ErrWAV},
		{"stereo", wav(format(1, 2, 8000, 16)), nil, ErrWAV},
		{"float", wav(format(3, 1, 8000, 32)), nil, ErrWAV},
		{"44.1 kHz", wav(format(1, 1, 44100, 16)), nil, ErrWAV},
		{"huge chunk", wav(chunk("LIST", 0xfffffff0)), nil, ErrWAV},
		{"cut chunk", wav(chunk("LIST", 100, 1)), nil, ErrWAV},
		{"too long", wav(good, chunk("data", 0xffffffff, make([]byte, 2*maxWAV+2)...)), nil, ErrTooLong},
	} {
		got, _, err := ReadWAV(bytes.NewReader(row.file))
		if !errors.Is(err, row.err) || !slices.Equal(got, row.want) {
			t.Errorf("%s: %v, %v; want %v, %v", row.name, got, err, row.want, row.err)
		}
	}
}

// FuzzReadWAV: whatever the file, samples come with a usable rate or an error of ours.
func FuzzReadWAV(f *testing.F) {
	f.Add(wav(format(1, 1, 8000, 16), chunk("data", 4, 1, 0, 255, 255)))
	f.Add(wav(chunk("LIST", 3, 1, 2, 3, 0), format(1, 1, 48000, 16), chunk("data", 0xffffffff, 7, 0)))
	f.Fuzz(func(t *testing.T, file []byte) {
		pcm, rate, err := ReadWAV(bytes.NewReader(file))
		switch {
		case err == nil && (rate != 8000 && rate != 16000 && rate != 48000 || len(pcm) > len(file)/2):
			t.Fatalf("%d samples at %d Hz out of %d octets", len(pcm), rate, len(file))
		case err != nil && !errors.Is(err, ErrWAV) && !errors.Is(err, ErrTooLong):
			t.Fatalf("foreign error %v", err)
		}
	})
}
