package trail

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// part is one file of a trail.
type part struct {
	path  string
	first uint64 // number of its first record
	size  int64
}

// partsOf lists the files of a trail in their order.
func partsOf(dir string) ([]part, error) {
	entries, err := os.ReadDir(dir) // sorted by name, and so by number
	if err != nil {
		return nil, fmt.Errorf("trail: %w", err)
	}
	var list []part
	for _, e := range entries {
		digits, ours := strings.CutSuffix(e.Name(), suffix)
		first, err := strconv.ParseUint(digits, 10, 64)
		if !ours || err != nil {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return nil, fmt.Errorf("trail: %w", err)
		}
		list = append(list, part{filepath.Join(dir, e.Name()), first, info.Size()})
	}
	slices.SortFunc(list, func(a, b part) int { return strings.Compare(a.path, b.path) })
	return list, nil
}

func (t *Trail) path(first uint64) string {
	return filepath.Join(t.cfg.Dir, fmt.Sprintf("%016d%s", first, suffix))
}

// begin opens the file whose first record is the next one.
func (t *Trail) begin() error {
	f, err := os.OpenFile(t.path(t.w.seq+1), os.O_WRONLY|os.O_CREATE|os.O_APPEND|os.O_EXCL, fileMode)
	if err != nil {
		return fmt.Errorf("trail: %w", err)
	}
	t.w.file, t.w.size = f, 0
	return nil
}

// next begins the next file, once the last one is full and signed, and lets go of the oldest ones where there is too much.
func (t *Trail) next() error {
	old := t.w.file
	if err := t.begin(); err != nil {
		return err // the old one serves on
	}
	if err := old.Close(); err != nil {
		return fmt.Errorf("trail: %w", err)
	}
	return t.prune()
}

// prune says what is to go, signs that, and has it gone: in this order, so that nothing goes without a word.
func (t *Trail) prune() error {
	list, err := partsOf(t.cfg.Dir)
	if err != nil {
		return err
	}
	total, gone := t.fileOctets(), 0 // the one that was begun will be as large as the others
	for _, p := range list {
		total += p.size
	}
	for total > t.cfg.Keep && gone < len(list)-1 {
		total -= list[gone].size
		gone++
	}
	if gone == 0 {
		return nil
	}
	t.write([]Entry{{Time: t.cfg.Now(), Type: TypePruned, Data: prunedData{list[gone].first - 1}}})
	t.sign()
	if t.w.failed != nil {
		return t.w.failed
	}
	for _, p := range list[:gone] {
		if err := os.Remove(p.path); err != nil {
			return fmt.Errorf("trail: %w", err)
		}
	}
	return nil
}

// resume finds out where the trail stands and says that a server goes on with it.
func (t *Trail) resume() error {
	list, err := partsOf(t.cfg.Dir)
	if err != nil {
		return err
	}
	for len(list) > 0 && list[len(list)-1].size == 0 { // begun, and then the server died: its records stand in the one before
		if err := os.Remove(list[len(list)-1].path); err != nil {
			return fmt.Errorf("trail: %w", err)
		}
		list = list[:len(list)-1]
	}
	t.w.chain = chain{0, nobody}
	opened := openedData{Key: EncodeKey(t.Key())}
	if len(list) == 0 {
		if t.cfg.Head.Seq > 0 { // the numbers go on, so that what is gone stays gone
			t.w.chain = chain{t.cfg.Head.Seq, t.cfg.Head.Hash}
			opened.Broken = "all records are gone"
		}
		err = t.begin()
	} else {
		err = t.reopen(list[len(list)-1], &opened)
	}
	if err != nil {
		return err
	}
	if opened.Broken != "" {
		t.cfg.Log.Error("the audit trail was changed while no server wrote to it; run: conclave audit verify", "found", opened.Broken)
	}
	t.write([]Entry{{Time: t.cfg.Now(), Type: TypeOpened, Data: opened}})
	if t.w.failed == nil {
		t.sign()
	}
	if t.w.failed != nil {
		return fmt.Errorf("trail: %w; make room on the disk", t.w.failed)
	}
	return nil
}

// reopen goes on with the last file. A line that was not written whole is cut off: nobody was told that it is there.
func (t *Trail) reopen(p part, opened *openedData) error {
	text, err := os.ReadFile(p.path)
	if err != nil {
		return fmt.Errorf("trail: %w", err)
	}
	whole, rest := lines(text)
	opened.Torn = int64(len(rest))
	for i, line := range whole {
		r, err := decode(line)
		switch {
		case err != nil:
			opened.Broken = fmt.Sprintf("line %d of %s is no record", i+1, filepath.Base(p.path))
			t.w.seq++
		case r.Type == TypeSigned:
			opened.Unsigned, t.w.seq = 0, r.Seq
		default:
			opened.Unsigned, t.w.seq = opened.Unsigned+1, r.Seq
		}
		t.w.prev = hashOf(line)
		if r.Seq == t.cfg.Head.Seq && err == nil && t.w.prev != t.cfg.Head.Hash {
			opened.Broken = "the record that was signed last is another"
		}
	}
	if opened.Torn > 0 && opened.Broken == "" && !torn(rest, t.w.seq+1) {
		opened.Broken = "what follows the last record is nothing that a crash leaves of another"
	}
	if t.w.seq < t.cfg.Head.Seq {
		opened.Broken = fmt.Sprintf("records up to %d were signed, and those after %d are gone", t.cfg.Head.Seq, t.w.seq)
		t.w.chain = chain{t.cfg.Head.Seq, t.cfg.Head.Hash} // the gap stays
	}
	f, err := os.OpenFile(p.path, os.O_WRONLY|os.O_APPEND, fileMode)
	if err != nil {
		return fmt.Errorf("trail: %w", err)
	}
	t.w.file, t.w.size = f, int64(len(text)-len(rest))
	if opened.Torn == 0 {
		return nil
	}
	if err := f.Truncate(t.w.size); err != nil {
		return fmt.Errorf("trail: %w", err)
	}
	return nil
}
