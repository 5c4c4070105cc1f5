package recording

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Entry is what is known about a recording.
type Entry struct {
	ID         string     `json:"id" doc:"Identifier of the recording"`
	Room       string     `json:"room" doc:"Room that was recorded"`
	BegunAt    time.Time  `json:"begun_at" doc:"When it began"`
	EndedAt    *time.Time `json:"ended_at" doc:"When it ended; null while it runs, and of one that a crash cut off"`
	Running    bool       `json:"running" doc:"True while it is being written"`
	Seconds    float64    `json:"seconds" doc:"How long it is, once it has ended"`
	Octets     int64      `json:"octets" doc:"Size of the file"`
	Dropped    uint64     `json:"dropped" doc:"Frames of 20 ms that the disk could not take in time, and for which there is silence"`
	Reason     string     `json:"reason" doc:"Why it ended: stopped, empty (everybody left), room_closed, too_long, full (recording.max_mb), no_space (recording.free_mb), failed (the disk)"`
	Recipients []string   `json:"recipients" nullable:"false" doc:"Public keys of age that it is sealed to"`
}

var idShape = regexp.MustCompile(`^[0-9]{8}t[0-9]{6}z-[0-9a-f]{8}$`)

const noteSuffix, contentSuffix = ".json", ".opus.age"

// note writes what is known, in one step.
func (s *Shelf) note(e Entry) error {
	b, err := json.Marshal(e)
	if err != nil {
		return err
	}
	path := s.noted(e.ID)
	if err := os.WriteFile(path+".new", b, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// List gives all recordings, by the time when they began.
func (s *Shelf) List() ([]Entry, error) {
	folder, err := os.Open(s.Folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer folder.Close() //nolint:errcheck // it was only read
	names, err := folder.Readdirnames(2 * maxKept)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	slices.Sort(names)
	var all []Entry
	for _, name := range names {
		id, ok := strings.CutSuffix(name, noteSuffix)
		if !ok {
			continue
		}
		e, err := s.Get(id)
		if errors.Is(err, ErrUnknown) { // deleted meanwhile, or not ours
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

// Get gives one recording.
func (s *Shelf) Get(id string) (e Entry, err error) {
	if !idShape.MatchString(id) {
		return e, ErrUnknown
	}
	running := s.runs(id) // before its note is read: one that is over is noted whole
	b, err := os.ReadFile(s.noted(id))
	if errors.Is(err, fs.ErrNotExist) {
		return e, ErrUnknown
	}
	if err != nil {
		return e, err
	}
	if err := json.Unmarshal(b, &e); err != nil {
		return e, err
	}
	e.Running = running
	if info, err := os.Stat(s.path(id)); err == nil {
		e.Octets = info.Size()
	}
	return e, nil
}

func (s *Shelf) runs(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running[id]
}

// Content opens a recording, sealed as it is. Whoever opens it closes it.
func (s *Shelf) Content(id string) (io.ReadCloser, Entry, error) {
	e, err := s.Get(id)
	switch {
	case err != nil:
		return nil, e, err
	case e.Running:
		return nil, e, ErrRunning
	}
	f, err := os.Open(s.path(id))
	if errors.Is(err, fs.ErrNotExist) {
		err = ErrUnknown
	}
	return f, e, err
}

// Delete forgets a recording.
func (s *Shelf) Delete(id string) error {
	e, err := s.Get(id)
	switch {
	case err != nil:
		return err
	case e.Running:
		return ErrRunning
	}
	if err := s.remove(id); err != nil {
		return err
	}
	return os.Remove(s.noted(id))
}
