package trail

import (
	"testing"
	"time"
)

// BenchmarkNote is what a caller pays.
func BenchmarkNote(b *testing.B) {
	tr, err := Open(Config{Dir: b.TempDir(), Key: testKey, Keep: 1 << 30})
	if err != nil {
		b.Fatal(err)
	}
	defer tr.Close()
	b.ReportAllocs()
	for b.Loop() {
		tr.Note(Entry{Type: "seat.joined", Room: "demo", Seat: "0123456789abcdef", Account: "alice"})
	}
}

// BenchmarkWrite is what the goroutine pays for a record, disk included.
func BenchmarkWrite(b *testing.B) {
	tr := still(b, Config{Dir: b.TempDir(), Keep: 1 << 30})
	list := make([]Entry, batchLength)
	for i := range list {
		list[i] = Entry{Time: time.Now(), Type: "seat.joined", Room: "demo", Seat: "0123456789abcdef", Account: "alice", Data: gapData{3}}
	}
	for b.Loop() {
		tr.write(list)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batchLength), "ns/record")
	tr.finish()
}

// BenchmarkVerify is what conclave audit verify pays for a record, BenchmarkOpen a server that comes back to a file of so many.
func BenchmarkVerify(b *testing.B) {
	dir, records := written(b)
	files, err := Files(dir)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if r, err := Verify(files, Expect{Whole: true}); err != nil || len(r.Problems) > 0 {
			b.Fatal(r.Problems, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*records), "ns/record")
}

func BenchmarkOpen(b *testing.B) {
	dir, records := written(b)
	for b.Loop() {
		tr := still(b, Config{Dir: dir, Keep: 1 << 30})
		if err := tr.w.close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*records), "ns/record")
}

// written is a trail of some ten thousand records.
func written(b *testing.B) (dir string, records int) {
	b.Helper()
	dir = b.TempDir()
	tr := still(b, Config{Dir: dir, Keep: 1 << 30})
	list := make([]Entry, batchLength)
	for i := range list {
		list[i] = Entry{Time: time.Now(), Type: "seat.joined", Room: "demo", Seat: "0123456789abcdef", Account: "alice", Data: gapData{3}}
	}
	for range 40 {
		tr.write(list)
		tr.sign()
	}
	if tr.finish(); tr.ended != nil {
		b.Fatal(tr.ended)
	}
	return dir, 40 * batchLength
}
