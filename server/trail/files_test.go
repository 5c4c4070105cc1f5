package trail

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheServerComesBack to a trail that ends in the middle of a line, that lost its end, or all of it.
func TestTheServerComesBack(t *testing.T) {
	for name, c := range map[string]struct {
		change func(file string, text []byte) error
		broken string
	}{
		"torn": {func(f string, text []byte) error { return os.WriteFile(f, append(text, `{"seq":7,"ti`...), 0o600) }, ""},
		"cut": {func(f string, text []byte) error {
			return os.WriteFile(f, text[:bytes.LastIndexByte(text[:len(text)-1], '\n')+1], 0o600)
		}, "the records from 6 to 6 before it are missing"},
		"gone": {func(f string, _ []byte) error { return os.Remove(f) }, "all records are gone"},
		"begun": {func(f string, _ []byte) error {
			return os.WriteFile(filepath.Join(filepath.Dir(f), "0000000000000007.jsonl"), nil, 0o600)
		}, ""},
		"altered": {func(f string, text []byte) error {
			return os.WriteFile(f, bytes.Replace(text, []byte("room"), []byte("rxxm"), 1), 0o600)
		}, ""},
	} {
		dir := t.TempDir()
		head := recorded(t, Config{Dir: dir}, "a", "b")
		file := only(t, dir)
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.change(file, text); err != nil {
			t.Fatal(err)
		}
		head = recorded(t, Config{Dir: dir, Head: head}, "c")
		r := verified(t, dir, Expect{Head: head})
		told := fmt.Sprint(r.Problems)
		harmless := name == "torn" || name == "begun"
		if harmless != (len(r.Problems) == 0) || !strings.Contains(told, c.broken) || !r.Closed {
			t.Errorf("%s: %+v", name, r)
		}
		if name == "torn" {
			after, err := os.ReadFile(file)
			if err != nil || !bytes.HasPrefix(after, text) || !bytes.Contains(after, []byte(`"torn":12`)) {
				t.Errorf("torn: the octets are not told of, or the records before changed: %v", err)
			}
		}
	}
}

// TestWhatACrashLeaves: the records after the last signature are counted by the server that comes back.
func TestWhatACrashLeaves(t *testing.T) {
	dir := t.TempDir()
	head := recorded(t, Config{Dir: dir}, "a", "b")
	file := only(t, dir)
	text, _ := os.ReadFile(file)
	whole, _ := lines(text)
	if err := os.WriteFile(file, append(bytes.Join(whole[:4], []byte{'\n'}), '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := verified(t, dir, Expect{}); r.Unsigned != 2 || r.Closed || len(r.Problems) != 0 {
		t.Errorf("before: %+v", r)
	}
	_ = head // the server died before it had signed: it remembers the signature of the start
	recorded(t, Config{Dir: dir, Head: Head{2, hashOf(whole[1])}})
	after, _ := os.ReadFile(file)
	if !bytes.Contains(after, []byte(`"unsigned":2`)) {
		t.Errorf("not told: %s", after)
	}
	if r := verified(t, dir, Expect{}); r.Unsigned != 0 || len(r.Problems) != 0 {
		t.Errorf("after: %+v", r)
	}
}

// TestOldFilesGo: what is beyond the room of the trail goes, a record says so, and what is left verifies and can be read in pages.
func TestOldFilesGo(t *testing.T) {
	dir := t.TempDir()
	const keep = 64 << 10
	tr := still(t, Config{Dir: dir, Keep: keep})
	for i := range 600 {
		tr.write([]Entry{{Type: "room.opened", Room: fmt.Sprint("r", i), Data: strings.Repeat("x", 100)}})
		if i%10 == 0 {
			tr.sign()
		}
	}
	if tr.finish(); tr.ended != nil {
		t.Fatal(tr.ended)
	}
	list, err := partsOf(dir)
	if err != nil {
		t.Fatal(err)
	}
	total := int64(0)
	for _, p := range list {
		total += p.size
	}
	if total > keep+keep/leastFiles || len(list) < 4 {
		t.Errorf("%d octets in %d files", total, len(list))
	}
	r := verified(t, dir, Expect{Head: tr.Head()})
	if len(r.Problems) != 0 || r.Pruned < r.First-1 || r.First == 1 {
		t.Errorf("%+v", r)
	}
	want := r.First
	for after := uint64(0); ; {
		page, next, err := tr.Page(after, 37)
		if err != nil {
			t.Fatal(err)
		}
		for _, rec := range page {
			if rec.Seq != want {
				t.Fatalf("record %d, wanted %d", rec.Seq, want)
			}
			want++
		}
		if after = next; next == 0 {
			break
		}
	}
	if want != r.Last+1 {
		t.Errorf("the pages end before %d, the trail at %d", want, r.Last)
	}
	if page, next, err := tr.Page(r.Last, 10); len(page) != 0 || next != 0 || err != nil {
		t.Errorf("after the end: %v, %d, %v", page, next, err)
	}
	if err := os.Remove(list[0].path); err != nil {
		t.Fatal(err)
	}
	if r := verified(t, dir, Expect{}); len(r.Problems) == 0 {
		t.Error("a file that was taken away without a word does not show")
	}
}

// still is a trail without its goroutine: the test is the writer.
func still(tb testing.TB, c Config) *Trail {
	tb.Helper()
	c.Key = testKey
	tr, err := open(c)
	if err != nil {
		tb.Fatal(err)
	}
	return tr
}
