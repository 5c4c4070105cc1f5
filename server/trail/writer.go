package trail

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"time"
)

// chain is where the trail stands: what the next record goes on from.
type chain struct {
	seq  uint64 // of the last record
	prev string // its hash
}

// add makes the next line, with its end, and moves the chain on to it.
func (c *chain) add(r Record) ([]byte, error) {
	r.Seq, r.Prev, r.Time = c.seq+1, c.prev, r.Time.UTC().Truncate(time.Microsecond)
	line, err := encode(r)
	if err != nil {
		return nil, err
	}
	if len(line) > maxLine {
		return nil, fmt.Errorf("trail: a record of type %s is longer than %d octets", r.Type, maxLine)
	}
	c.seq, c.prev = r.Seq, hashOf(line)
	return append(line, '\n'), nil
}

// writer is the file that is written to, and where the trail stands in it.
type writer struct {
	chain
	file     *os.File
	size     int64  // of the file
	unsigned uint64 // records since the last signature
	told     uint64 // lost entries that a record tells of
	failed   error  // of the last attempt to write
}

// write appends entries to the file, all of them or none.
func (t *Trail) write(list []Entry) {
	w, at := &t.w, t.w.chain
	var text []byte
	told, records := t.lost.Load(), uint64(0)
	put := func(r Record) error {
		line, err := at.add(r)
		if err == nil {
			text = append(text, line...)
			records++
		}
		return err
	}
	refused := make([]error, len(list))
	if told > w.told {
		if data, err := encode(gapData{told - w.told}); err == nil {
			_ = put(Record{Time: t.cfg.Now(), Type: TypeGap, Data: data}) // a short line of ours
		}
	}
	for i, e := range list {
		r, err := e.record()
		if err == nil {
			err = put(r)
		}
		if refused[i] = err; err != nil {
			t.cfg.Log.Error("an entry cannot be recorded; this is a bug", "type", e.Type, "err", err)
		}
	}
	err := w.append(text)
	if err == nil {
		w.chain, w.told = at, told
		w.unsigned += records
		t.count.Add(records)
	}
	for i, e := range list {
		if lost := errors.Join(refused[i], err); lost != nil {
			t.lost.Add(1)
			refused[i] = lost
		}
		if e.written != nil {
			e.written <- refused[i] // has room
		}
	}
	t.report(err)
}

// record is what an entry is recorded as.
func (e Entry) record() (Record, error) {
	r := Record{Time: e.Time, Type: e.Type, Room: e.Room, Seat: e.Seat, Account: e.Account, By: e.By}
	if e.Data == nil {
		return r, nil
	}
	var err error
	r.Data, err = encode(e.Data)
	return r, err
}

// append brings whole lines to the file. What a full disk took of them is cut off again.
func (w *writer) append(text []byte) error {
	n, err := w.file.Write(text)
	if err == nil {
		w.size += int64(n)
		return nil
	}
	return errors.Join(err, w.file.Truncate(w.size))
}

// report logs the first of several failures, and their end.
func (t *Trail) report(err error) {
	switch {
	case err != nil && t.w.failed == nil:
		t.cfg.Log.Error("the audit trail cannot be written; entries are lost, and counted", "err", err)
	case err == nil && t.w.failed != nil:
		t.cfg.Log.Info("the audit trail is written again", "lost", t.lost.Load())
	}
	t.w.failed = err
}

// tell writes what was only counted: tallies, and what was lost.
func (t *Trail) tell() {
	if counts := t.counts(); counts != nil {
		t.write([]Entry{{Time: t.cfg.Now(), Type: TypeTally, Data: tallyData{counts}}})
	}
	if t.lost.Load() > t.w.told {
		t.write(nil)
	}
}

// sign signs all that is not signed, if anything is, and brings it to the disk.
func (t *Trail) sign() {
	w := &t.w
	t.tell()
	if w.unsigned == 0 {
		return
	}
	at := w.chain
	r, err := sign(Record{Seq: at.seq + 1, Time: t.cfg.Now().UTC().Truncate(time.Microsecond), Type: TypeSigned, Prev: at.prev}, t.cfg.Key)
	if err == nil {
		var line []byte
		if line, err = at.add(r); err == nil {
			err = w.append(line)
		}
	}
	if err == nil {
		w.chain, w.unsigned = at, 0
		t.count.Add(1)
		head := Head{Seq: at.seq, Hash: at.prev}
		t.head.Store(&head)
		err = errors.Join(w.file.Sync(), t.cfg.Signed(head))
	}
	t.report(err)
	if err == nil && w.size >= t.fileOctets() {
		t.report(t.next())
	}
}

// fileOctets is the size beyond which the next file is begun.
func (t *Trail) fileOctets() int64 { return min(fileOctets, t.cfg.Keep/leastFiles) }

func (w *writer) close() error {
	return errors.Join(w.file.Sync(), w.file.Close())
}

// lines cuts a file into its whole lines, without their ends, and gives the rest.
func lines(text []byte) (list [][]byte, rest []byte) {
	for {
		i := bytes.IndexByte(text, '\n')
		if i < 0 {
			return list, text
		}
		list, text = append(list, text[:i]), text[i+1:]
	}
}
