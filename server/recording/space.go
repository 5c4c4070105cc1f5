package recording

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// counted is the file of a recording, whose octets count among those of all.
type counted struct {
	io.WriteCloser
	used *atomic.Int64
}

func (c *counted) Write(b []byte) (int, error) {
	n, err := c.WriteCloser.Write(b)
	c.used.Add(int64(n))
	return n, err
}

// space is how much the disk of a folder has left for us, in octets.
func space(folder string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(folder, &st); err != nil {
		return 0, fmt.Errorf("recording: %s: %w", folder, err)
	}
	return int64(st.Bavail) * st.Bsize, nil //nolint:gosec // no disk has so much
}

// measure counts what the recordings take. What is written meanwhile may count twice until it is measured again, but never not at all.
func (s *Shelf) measure() error {
	before := s.used.Load()
	entries, err := os.ReadDir(s.Folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	total := int64(0)
	for _, e := range entries {
		if info, err := e.Info(); err == nil && strings.HasSuffix(e.Name(), contentSuffix) { // or it has gone meanwhile
			total += info.Size()
		}
	}
	s.used.Add(total - before)
	return nil
}

// roomForMore says why there is none.
func (s *Shelf) roomForMore() error {
	if err := s.lacks(); !errors.Is(err, ErrFull) {
		return err
	}
	s.counting.Lock()
	defer s.counting.Unlock()
	err := s.lacks()
	if errors.Is(err, ErrFull) { // but for files that somebody has taken away
		if err = s.measure(); err == nil {
			err = s.lacks()
		}
	}
	return err
}

// lacks gives ErrFull or ErrNoSpace where a bound is reached.
func (s *Shelf) lacks() error {
	if s.Keep > 0 && s.used.Load() >= s.Keep {
		return ErrFull
	}
	free, err := s.space(s.Folder)
	if err == nil && free < s.Free {
		err = ErrNoSpace
	}
	return err
}

// remove deletes the content of a recording, if there is any.
func (s *Shelf) remove(id string) error {
	s.counting.Lock()
	defer s.counting.Unlock()
	info, err := os.Stat(s.path(id))
	if err == nil {
		err = os.Remove(s.path(id))
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err == nil:
		s.used.Add(-info.Size())
	}
	return err
}

// Octets is what all recordings take.
func (s *Shelf) Octets() int64 { return s.used.Load() }

// CutShort is how many recordings ended for lack of room or by a fault of the disk.
func (s *Shelf) CutShort() uint64 { return s.cutShort.Load() }
