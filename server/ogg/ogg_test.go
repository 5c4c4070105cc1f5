package ogg

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"
)

// written is a file of these packets.
func written(t interface{ Fatal(...any) }, packets [][]byte) []byte {
	var b bytes.Buffer
	w, err := NewWriter(&b, 7, "test", "TITLE=A room")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range packets {
		if err := w.Packet(p); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		packets := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 1, 1300), 1, 400).Draw(t, "packets")
		got, skip, err := Read(written(t, packets))
		if err != nil || skip != preSkip || len(got) != len(packets) {
			t.Fatalf("%d packets of %d, %d left out, %v", len(got), len(packets), skip, err)
		}
		for i := range got {
			if !bytes.Equal(got[i], packets[i]) {
				t.Fatalf("packet %d differs", i)
			}
		}
	})
}

// The prompts were written by another program, so that the two cannot be wrong in the same way.
func TestFilesOfOthersAreRead(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "prompts", "*.opus"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no prompts: %v", err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		packets, skip, err := Read(b)
		if err != nil || skip != preSkip || len(packets) < 25 {
			t.Errorf("%s: %d packets, %d left out, %v", name, len(packets), skip, err)
		}
	}
}

func TestAPageIsAsTheStandardHasIt(t *testing.T) {
	b := written(t, bytes.SplitAfter(bytes.Repeat([]byte{1}, 120), nil)[:120])
	p, rest, err := next(b)
	if err != nil || p.flags != flagFirst || len(p.body) != headSize {
		t.Fatalf("%+v, %v", p, err)
	}
	granules := []byte{}
	for pages := 1; len(rest) > 0; pages++ {
		granules = append(granules, rest[atGranule+1]) // 50 packets are 0xbb80 samples
		if p, rest, err = next(rest); err != nil {
			t.Fatal(err)
		}
	}
	if p.flags != flagLast || !bytes.Equal(granules, []byte{0, 0xbb, 0x77, 0xc2}) {
		t.Errorf("flags %d, granules %x", p.flags, granules)
	}
}

func TestBadFilesAreRefused(t *testing.T) {
	good := written(t, [][]byte{{1, 2, 3}, {4, 5, 6}})
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 0x10
		if _, _, err := Read(bad); !errors.Is(err, ErrFormat) {
			t.Errorf("octet %d changed: %v", i, err)
		}
		if _, _, err := Read(good[:i]); !errors.Is(err, ErrFormat) {
			t.Errorf("cut at %d: %v", i, err)
		}
	}
}

func TestBadPacketsAreRefused(t *testing.T) {
	w, err := NewWriter(&bytes.Buffer{}, 1, "test")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, mostLaces * fullLace} {
		if err := w.Packet(make([]byte, n)); !errors.Is(err, ErrPacket) {
			t.Errorf("%d octets: %v", n, err)
		}
	}
}

// full takes so many octets.
type full struct{ room int }

var errFull = errors.New("full")

func (f *full) Write(b []byte) (int, error) {
	if f.room -= len(b); f.room < 0 {
		return 0, errFull
	}
	return len(b), nil
}

func TestAFullDiskIsTold(t *testing.T) {
	w, err := NewWriter(&full{200}, 1, "test")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 * mostPackets {
		if err = w.Packet(make([]byte, 80)); err != nil {
			break
		}
	}
	if !errors.Is(err, errFull) || !errors.Is(w.Close(), errFull) {
		t.Errorf("%v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(written(f, [][]byte{{1, 2, 3}, bytes.Repeat([]byte{9}, 600)}))
	f.Fuzz(func(t *testing.T, b []byte) {
		packets, _, err := Read(b)
		if err == nil && len(packets) == 0 {
			t.Error("a file without sound was taken")
		}
	})
}
