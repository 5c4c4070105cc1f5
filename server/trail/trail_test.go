package trail

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testKey is the same in every test, so that a trail can be opened again.
var testKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))

func opened(t *testing.T, c Config) *Trail {
	t.Helper()
	c.Key = testKey
	if c.Keep == 0 {
		c.Keep = 1 << 20
	}
	tr, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tr.Close() })
	return tr
}

// recorded writes some records and gives the head of the closed trail.
func recorded(t *testing.T, c Config, rooms ...string) Head {
	t.Helper()
	tr := opened(t, c)
	for _, room := range rooms {
		if err := tr.Write(t.Context(), Entry{Type: "room.opened", Room: room, Data: struct {
			Policy string `json:"policy"`
		}{"<standard>"}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	return tr.Head()
}

func verified(t *testing.T, dir string, e Expect) Report {
	t.Helper()
	files, err := Files(dir)
	if err != nil {
		t.Fatal(err)
	}
	e.Whole = true
	report, err := Verify(files, e)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// only is the one file of a small trail.
func only(t *testing.T, dir string) string {
	t.Helper()
	files, err := Files(dir)
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	return files[0]
}

func TestAHealthyTrail(t *testing.T) {
	dir := t.TempDir()
	head := recorded(t, Config{Dir: dir}, "a", "b")
	head = recorded(t, Config{Dir: dir, Head: head}, "c")
	r := verified(t, dir, Expect{Key: testKey.Public().(ed25519.PublicKey), Head: head})
	// opened, signed, a, b, closed, signed; opened, signed, c, closed, signed
	if len(r.Problems) != 0 || r.Records != 11 || r.First != 1 || r.Last != 11 || r.Signatures != 4 || r.Unsigned != 0 || !r.Closed || r.Hash != head.Hash {
		t.Errorf("%+v", r)
	}
	info, err := os.Stat(only(t, dir))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// TestAPageIsWhatTheFileHolds octet by octet, so that whoever reads pages can check the chain.
func TestAPageIsWhatTheFileHolds(t *testing.T) {
	dir := t.TempDir()
	tr := opened(t, Config{Dir: dir})
	if err := tr.Write(t.Context(), Entry{Type: "admin", By: "<b>\u202e&\n", Data: map[string]string{"a": "<i>\u2028\x01"}}); err != nil {
		t.Fatal(err)
	}
	page, _, err := tr.Page(0, 10)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(only(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	whole, _ := lines(text)
	if len(page) != len(whole) || len(page) != 3 {
		t.Fatalf("%d of %d", len(page), len(whole))
	}
	for i, r := range page {
		if again, err := encode(r); err != nil || !bytes.Equal(again, whole[i]) {
			t.Errorf("%s\n%s %v", again, whole[i], err)
		}
	}
	if bytes.ContainsAny(text, "\x01") {
		t.Error("a control character stands in the file")
	}
}

// TestAFullQueue loses entries, never waits, and says how many.
func TestAFullQueue(t *testing.T) {
	dir := t.TempDir()
	blocked, free := make(chan struct{}), make(chan struct{})
	first := true
	tr := opened(t, Config{Dir: dir, Signed: func(Head) error {
		if first { // the signature of Open
			first = false
			return nil
		}
		close(blocked)
		<-free
		return nil
	}})
	for i := 0; ; i++ { // until the goroutine is in Signed
		tr.Note(Entry{Type: "t"})
		select {
		case <-blocked:
		default:
			continue
		}
		break
	}
	for range queueLength + 100 {
		tr.Note(Entry{Type: "t"})
	}
	lost := tr.Lost()
	if lost < 100 {
		t.Errorf("%d lost", lost)
	}
	first = true
	tr.cfg.Signed = func(Head) error { return nil } // read by the goroutine after free is closed
	close(free)
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	if r := verified(t, dir, Expect{}); r.Lost != lost || len(r.Problems) != 0 {
		t.Errorf("%d lost, and the trail says: %+v", lost, r)
	}
}

// TestAFullDisk: what could not be written is counted, nobody is told that it was, and the trail goes on as soon as it can.
func TestAFullDisk(t *testing.T) {
	dir := t.TempDir()
	tr := still(t, Config{Dir: dir, Keep: 1 << 20})
	good := tr.w.file
	broken, err := os.Open(only(t, dir)) // for reading: every write fails
	if err != nil {
		t.Fatal(err)
	}
	tr.w.file = broken
	told := make(chan error, 1)
	tr.write([]Entry{{Type: "a", written: told}, {Type: "b"}})
	if err := <-told; err == nil || tr.Lost() != 2 {
		t.Errorf("%v, %d lost", err, tr.Lost())
	}
	tr.w.file = good
	tr.write([]Entry{{Type: "c"}})
	tr.sign()
	if err := errors.Join(tr.w.failed, good.Close(), broken.Close()); err != nil {
		t.Fatal(err)
	}
	if r := verified(t, dir, Expect{Head: tr.Head()}); r.Lost != 2 || len(r.Problems) != 0 {
		t.Errorf("%+v", r)
	}
}

// TestTally: what strangers do costs a record for all of it, whatever names there are.
func TestTally(t *testing.T) {
	dir := t.TempDir()
	tr := opened(t, Config{Dir: dir})
	for i := range 10 * maxTallied {
		tr.Tally(fmt.Sprint("reason", i))
		tr.Tally("no_proof")
	}
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	page, _, err := tr.Page(0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var counts []map[string]uint64
	for _, r := range page {
		if r.Type == TypeTally {
			var d tallyData
			if err := json.Unmarshal(r.Data, &d); err != nil {
				t.Fatal(err)
			}
			counts = append(counts, d.Counts)
		}
	}
	if len(counts) != 1 || len(counts[0]) > maxTallied+1 || counts[0]["no_proof"] != 10*maxTallied {
		t.Errorf("%v", counts)
	}
}

func TestAfterTheEnd(t *testing.T) {
	tr := opened(t, Config{Dir: t.TempDir()})
	if err := errors.Join(tr.Close(), tr.Close()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := tr.Write(ctx, Entry{Type: "late"}); !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
	tr.Note(Entry{Type: "late"})
	tr.Tally("late")
	if _, err := Open(Config{}); !errors.Is(err, ErrConfig) {
		t.Errorf("%v", err)
	}
}
