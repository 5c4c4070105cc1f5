package trail

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// verifier goes through a trail line by line.
type verifier struct {
	expect  Expect
	report  Report
	key     ed25519.PublicKey
	prev    string // hash of the line before; "": there is none
	next    uint64 // number that the next record is to have; 0: any
	last    place
	suspect *place // the line before the last one: it or the last one was altered
	closing bool   // the record before is trail.closed
	rest    []byte // the last line, where it has no end, and where it is; nil: it has one
	restAt  place
	headed  bool // the record of Expect.Head was seen
}

// place is where a line is.
type place struct {
	file   string
	line   int
	offset int64
	seq    uint64
	blamed bool
}

// Verify goes through the files of a trail in their order.
func Verify(files []string, expect Expect) (Report, error) {
	v := &verifier{expect: expect, key: expect.Key, report: Report{Files: len(files), Problems: []Problem{}}}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return v.report, fmt.Errorf("trail: %w", err)
		}
		err = errors.Join(v.read(filepath.Base(name), f), f.Close())
		if err != nil {
			return v.report, fmt.Errorf("trail: %w", err)
		}
	}
	v.finish()
	return v.report, nil
}

// Files lists the files of the trail in a directory, in their order.
func Files(dir string) ([]string, error) {
	list, err := partsOf(dir)
	var names []string
	for _, p := range list {
		names = append(names, p.path)
	}
	return names, err
}

// read goes through one file.
func (v *verifier) read(name string, r io.Reader) error {
	scan := bufio.NewScanner(r)
	scan.Buffer(make([]byte, 0, maxLine), 4*maxLine)
	scan.Split(func(data []byte, atEOF bool) (int, []byte, error) { // lines with their ends, to tell the one that has none
		if i := bytes.IndexByte(data, '\n'); i >= 0 {
			return i + 1, data[:i+1], nil
		}
		if atEOF && len(data) > 0 {
			return len(data), data, nil
		}
		return 0, nil, nil
	})
	at := place{file: name}
	for scan.Scan() {
		at.line++
		line, whole := bytes.CutSuffix(scan.Bytes(), []byte{'\n'})
		v.line(at, line, whole)
		at.offset += int64(len(scan.Bytes()))
	}
	if errors.Is(scan.Err(), bufio.ErrTooLong) {
		at.line++
		v.blame(&at, "the line is longer than any record; the rest of the file was not read")
		return nil
	}
	return scan.Err()
}

// line looks at one line.
func (v *verifier) line(at place, line []byte, whole bool) {
	v.unended() // more comes after it
	at.seq = v.next
	if !whole {
		v.rest, v.restAt = bytes.Clone(line), at // only the end shows what it is
		return
	}
	hash := hashOf(line)
	defer func() { v.prev, v.last = hash, at }()
	v.report.Records++
	var r Record
	if err := strictly(line, &r); err != nil {
		v.settle(false)
		v.blame(&at, "it is no record: it was altered")
		v.next, v.closing = 0, false                          // lines may have been joined, or cut in two
		v.expect.Whole = v.expect.Whole && v.report.First > 0 // nobody can say what the first record was
		return
	}
	v.settle(r.Prev == v.prev)
	at.seq = r.Seq
	v.chained(&at, r)
	if v.report.First == 0 {
		v.report.First = v.next - 1
	}
	v.report.Last, v.report.Hash = r.Seq, hash
	v.report.Unsigned++
	v.content(&at, r, line)
	if v.expect.Head.Seq == r.Seq {
		v.headed = true
		if hash != v.expect.Head.Hash {
			v.blame(&at, "the server signed another record of this number")
		}
	}
}

// settle says which of two lines was altered that do not fit: if the second is what its successor saw, it was the first.
func (v *verifier) settle(intact bool) {
	if v.suspect == nil {
		return
	}
	altered := &v.last
	if intact {
		altered = v.suspect
	}
	v.suspect = nil
	v.blame(altered, "it was altered: the hash that the record after it holds is another")
}

// chained holds a record to the one before.
func (v *verifier) chained(at *place, r Record) {
	if v.prev == "" {
		v.first(at, r)
		return
	}
	fits := r.Prev == v.prev
	switch {
	case !fits && v.next != 0 && r.Seq > v.next && !v.last.blamed:
		v.blame(at, fmt.Sprintf("the records from %d to %d before it are missing", v.next, r.Seq-1))
	case !fits && v.next != 0 && r.Seq < v.next && !v.last.blamed:
		v.blame(at, fmt.Sprintf("it is out of order: %d was to come", v.next))
	case !fits && !v.last.blamed:
		before := v.last
		v.suspect = &before
	case fits && v.next != 0 && r.Seq != v.next:
		v.blame(at, fmt.Sprintf("its number was altered: it is record %d", v.next))
		v.next++
		return
	}
	v.next = r.Seq + 1
}

// first holds the first record to be the first, or what the caller knows of.
func (v *verifier) first(at *place, r Record) {
	v.next = r.Seq + 1
	if (r.Seq == 1) != (r.Prev == nobody) {
		v.blame(at, "it was altered: the first record, and no other, has no record before it")
		v.next = 2
	}
}

// content looks at what the trail says about itself.
func (v *verifier) content(at *place, r Record, line []byte) {
	closing := v.closing
	v.closing, v.report.Closed = r.Type == TypeClosed, false
	switch r.Type {
	case TypeSigned:
		if !v.signature(at, r, line) {
			return
		}
		v.settle(true) // what it signs is its own prev, so that it is the line before which was altered
		v.report.Closed = closing
	case TypeGap:
		var d gapData
		if json.Unmarshal(r.Data, &d) == nil {
			v.report.Lost += d.Lost
		}
	case TypePruned:
		var d prunedData
		if json.Unmarshal(r.Data, &d) == nil {
			v.report.Pruned = max(v.report.Pruned, d.Through)
		}
	case TypeOpened:
		var d openedData
		if json.Unmarshal(r.Data, &d) != nil {
			return
		}
		if v.report.Mended += d.Torn; d.Broken != "" {
			v.blame(at, "the server found when it came back that "+d.Broken)
		}
	default:
		if bytes.Contains(r.Data, []byte(`"sig":`)) { // no other record has one
			v.blame(at, "its type was altered: it holds a signature")
		}
	}
}

// signature holds a signature to the key and to the record that it stands in.
func (v *verifier) signature(at *place, r Record, line []byte) bool {
	key, err := signer(r)
	if err == nil {
		_, err = decode(line)
	}
	switch {
	case err != nil:
		v.suspect = nil
		v.blame(at, "it was altered: "+err.Error())
		return false
	case v.key == nil:
		v.key = key
	case !v.key.Equal(key):
		v.blame(at, "it is signed by another key: "+EncodeKey(key))
		return false
	}
	v.report.Key = EncodeKey(key)
	v.report.Signatures++
	v.report.Unsigned = 0
	return true
}

// finish says what only the end shows.
func (v *verifier) finish() {
	if v.rest != nil && torn(v.rest, max(v.next, 1)) {
		v.report.Torn, v.report.Closed, v.rest = int64(len(v.rest)), false, nil
	}
	v.unended()
	if v.suspect != nil {
		v.suspect = nil
		v.blame(&v.last, "it, or the record before it, was altered")
	}
	first, head := v.report.First, v.expect.Head
	if v.expect.Whole && first > 1 && v.report.Pruned < first-1 {
		v.blame(nil, fmt.Sprintf("the records before %d are missing, and no record says that they were removed to make room", first))
	}
	switch {
	case head.Seq == 0 || v.headed:
	case head.Seq > v.report.Last:
		v.blame(nil, fmt.Sprintf("its end was cut off: the server signed up to record %d, and the last one here is %d", head.Seq, v.report.Last))
	case head.Seq >= first:
		v.blame(nil, fmt.Sprintf("record %d, which the server signed, is missing", head.Seq))
	}
}

// blame notes a problem, of each line the first.
func (v *verifier) blame(at *place, text string) {
	p := Problem{Text: text}
	if at != nil {
		if at.blamed {
			return
		}
		at.blamed = true
		p.File, p.Line, p.Offset, p.Seq = at.file, at.line, at.offset, at.seq
	}
	if len(v.report.Problems) < mostProblems {
		v.report.Problems = append(v.report.Problems, p)
	}
}
