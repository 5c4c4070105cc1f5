package trail

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestOneFlippedOctet flips a bit in every octet of a trail, one at a time: each shows, and the line is named. Only an end of a line that is
// gone may be told of by the line that it ran into.
func TestOneFlippedOctet(t *testing.T) {
	dir := t.TempDir()
	recorded(t, Config{Dir: dir}, "a", "b", "c", "d")
	text, err := os.ReadFile(only(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	line := 1
	for i := range text {
		altered := bytes.Clone(text)
		altered[i] ^= byte(1 << (i % 7))
		v := &verifier{expect: Expect{Whole: true}, key: testKey.Public().(ed25519.PublicKey)}
		if err := v.read("f", bytes.NewReader(altered)); err != nil {
			t.Fatal(err)
		}
		v.finish()
		if found := v.report.Problems; len(found) == 0 || found[0].Line != line || len(found) > 1 && text[i] != '\n' && altered[i] != '\n' {
			t.Fatalf("octet %d (%q to %q) of line %d: %v", i, text[i], altered[i], line, found)
		}
		if text[i] == '\n' {
			line++
		}
	}
	if line < 9 {
		t.Fatalf("only %d lines", line)
	}
}

// TestWhatIsDoneToATrail takes records out, puts them elsewhere, cuts and forges, and wants the words for it.
func TestWhatIsDoneToATrail(t *testing.T) {
	stranger := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	forge := func(key ed25519.PrivateKey) func([]string) []string {
		return func(l []string) []string { // the whole chain made anew, with another room in it
			at := chain{0, nobody}
			var out []string
			for _, text := range l {
				var r Record
				_ = json.Unmarshal([]byte(text), &r)
				if r.Room == "b" {
					r.Room = "x"
				}
				if r.Type == TypeSigned {
					r.Prev = at.prev
					r, _ = sign(r, key)
				}
				line, _ := at.add(r)
				out = append(out, strings.TrimSuffix(string(line), "\n"))
			}
			return out
		}
	}
	for name, c := range map[string]struct {
		change func([]string) []string
		want   string
	}{
		"a record taken out":       {func(l []string) []string { return append(l[:3:3], l[4:]...) }, "from 4 to 4 before it are missing"},
		"two records swapped":      {func(l []string) []string { l[2], l[3] = l[3], l[2]; return l }, "missing"},
		"the beginning taken":      {func(l []string) []string { return l[2:] }, "the records before 3 are missing"},
		"the end cut off":          {func(l []string) []string { return l[:4] }, "its end was cut off: the server signed up to record 6"},
		"a record twice":           {func(l []string) []string { return append(l[:3:3], l[2:]...) }, "out of order"},
		"all signed by a stranger": {forge(stranger), "signed by another key"},
		"forged by our own key":    {forge(testKey), "the server signed another record of this number"},
		"nothing but a stranger's": {func([]string) []string { return []string{"hello"} }, "it is no record"},
		"an endless line":          {func(l []string) []string { return append(l, strings.Repeat("x", 8*maxLine)) }, "longer than any record"},
		"all gone":                 {func([]string) []string { return nil }, "its end was cut off"},
		// Without the end of the last line.
		"no record at the end":      {func(l []string) []string { return append(l, "hello\x00") }, "-the line has no end"},
		"another number at the end": {func(l []string) []string { return append(l, `{"seq":8,"ti`) }, "-the line has no end"},
		"more than a record":        {func(l []string) []string { l[5] += "x"; return l }, "-the line has no end"},
		"the end of what is signed": {func(l []string) []string { return l }, "-its end was cut off: the server signed up to record 6"},
		"a part of what is signed":  {func(l []string) []string { l[5] = l[5][:90]; return l }, "-its end was cut off: the server signed up to record 6"},
	} {
		dir := t.TempDir()
		head := recorded(t, Config{Dir: dir}, "a", "b")
		file := only(t, dir)
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		changed := strings.Join(c.change(strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")), "\n") + "\n"
		if want, without := strings.CutPrefix(c.want, "-"); without {
			changed, c.want = strings.TrimSuffix(changed, "\n"), want
		}
		if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
		r := verified(t, dir, Expect{Key: testKey.Public().(ed25519.PublicKey), Head: head})
		if len(r.Problems) == 0 || !strings.Contains(fmt.Sprint(r.Problems), c.want) {
			t.Errorf("%s: %v, wanted %q", name, r.Problems, c.want)
		}
	}
}

// TestATornLine: what a crash leaves of the record that was being written is told, and is no problem, wherever it broke off; the server that
// comes back cuts it off. The same in the middle of the trail is a problem.
func TestATornLine(t *testing.T) {
	dir := t.TempDir()
	head := recorded(t, Config{Dir: dir}, "a", "b")
	file := only(t, dir)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	last := chain{6, hashOf(text[bytes.LastIndexByte(text[:len(text)-1], '\n')+1 : len(text)-1])}
	line, err := last.add(Record{Type: "room.opened", Room: "\u202e<b>", Data: json.RawMessage(`{"a":[1,"{"]}`)})
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n < len(line); n++ {
		for _, zeros := range []string{"", "\x00\x00"} {
			left := string(text) + string(line[:n]) + zeros
			if err := os.WriteFile(file, []byte(left), 0o600); err != nil {
				t.Fatal(err)
			}
			r := verified(t, dir, Expect{Head: head})
			if len(r.Problems) != 0 || r.Torn != int64(len(left)-len(text)) || r.Last != 6 || r.Records != 6 || r.Closed {
				t.Fatalf("%d octets %q: %+v", n, line[:n], r)
			}
		}
	}
	again := recorded(t, Config{Dir: dir, Head: head}, "c")
	if r := verified(t, dir, Expect{Head: again}); len(r.Problems) != 0 || r.Torn != 0 || r.Mended != int64(len(line)+1) || !r.Closed {
		t.Errorf("mended: %+v", r)
	}
	if err := os.WriteFile(file, append(text, "hello"...), 0o600); err != nil {
		t.Fatal(err)
	}
	again = recorded(t, Config{Dir: dir, Head: head}, "c")
	if r := verified(t, dir, Expect{Head: again}); !strings.Contains(fmt.Sprint(r.Problems), "nothing that a crash leaves") {
		t.Errorf("what is no beginning of a record was cut off without a word: %+v", r)
	}
	v := &verifier{expect: Expect{Whole: true}}
	for i, part := range []string{string(text) + string(line[:30]), string(line)} {
		if err := v.read(fmt.Sprint(i), strings.NewReader(part)); err != nil {
			t.Fatal(err)
		}
	}
	if v.finish(); len(v.report.Problems) == 0 || v.report.Torn != 0 {
		t.Errorf("torn in the middle: %+v", v.report)
	}
}
