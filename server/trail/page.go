package trail

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"strconv"
)

// ErrUnreadable says that a record is none any more; Verify says more.
var ErrUnreadable = errors.New("trail: a record cannot be read")

// Page gives up to limit records after the one of that number, oldest first, and the number to go on after, 0 at the end.
func (t *Trail) Page(after uint64, limit int) (page []Record, next uint64, err error) {
	limit = min(max(limit, 1), maxPage)
	list, err := partsOf(t.cfg.Dir)
	if err != nil {
		return nil, 0, err
	}
	start := sort.Search(len(list), func(i int) bool { return list[i].first > after+1 }) - 1
	for _, p := range list[max(start, 0):] {
		if page, err = p.read(page, after, limit+1-len(page)); err != nil {
			return nil, 0, err
		}
		if len(page) > limit {
			return page[:limit], page[limit-1].Seq, nil
		}
	}
	return page, 0, nil
}

// read appends up to most records after that number.
func (p part) read(page []Record, after uint64, most int) ([]Record, error) {
	f, err := os.Open(p.path)
	if errors.Is(err, os.ErrNotExist) {
		return page, nil // it went since the files were listed
	}
	if err != nil {
		return nil, fmt.Errorf("trail: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read from
	at := int64(sort.Search(int(p.size), func(at int) bool {
		_, line := lineAt(f, int64(at))
		seq, ok := numberOf(line)
		return !ok || seq > after
	}))
	for ; most > 0; most-- {
		begins, line := lineAt(f, at)
		if line == nil {
			return page, nil
		}
		var r Record
		if err := json.Unmarshal(line, &r); err != nil {
			return nil, fmt.Errorf("%w: octet %d of %s; run: conclave audit verify", ErrUnreadable, begins, p.path)
		}
		page, at = append(page, r), begins+int64(len(line))+1
	}
	return page, nil
}

// lineAt gives the first whole line that begins there or later, without its end, and where it begins; nil: there is none.
func lineAt(f io.ReaderAt, at int64) (begins int64, line []byte) {
	buffer := make([]byte, 2*maxLine+2)
	begins = max(at-1, 0)
	n, _ := f.ReadAt(buffer, begins) // the end of the file is an end of lines, and what cannot be read is none
	text := buffer[:n]
	if at > 0 {
		i := bytes.IndexByte(text, '\n')
		if i < 0 {
			return 0, nil
		}
		text, begins = text[i+1:], begins+int64(i)+1
	}
	i := bytes.IndexByte(text, '\n')
	if i < 0 {
		return 0, nil
	}
	return begins, text[:i]
}

// numberOf reads the number of a record off the front of its line.
func numberOf(line []byte) (seq uint64, ok bool) {
	digits, ok := bytes.CutPrefix(line, []byte(`{"seq":`))
	digits, _, found := bytes.Cut(digits, []byte{','})
	seq, err := strconv.ParseUint(string(digits), 10, 64)
	return seq, ok && found && err == nil
}
