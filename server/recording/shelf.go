package recording

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"filippo.io/age"

	"github.com/conclave/conclave/server/ogg"
)

// Errors.
var (
	// ErrRecipient says that a recipient is no public key of age.
	ErrRecipient = errors.New("recording: no public key of age")
	// ErrNoRecipients says that there is nobody to seal a recording to.
	ErrNoRecipients = errors.New("recording: nobody to seal it to")
	// ErrTooMany says that as many recordings run as may.
	ErrTooMany = errors.New("recording: too many at a time")
	// ErrUnknown says that there is no recording of that name.
	ErrUnknown = errors.New("recording: no such recording")
	// ErrRunning says that a recording is still being written.
	ErrRunning = errors.New("recording: still being written")
	// ErrFull says that the recordings take as much room as they may.
	ErrFull = errors.New("recording: no more may be kept")
	// ErrNoSpace says that the disk has less room left than is to stay free.
	ErrNoSpace = errors.New("recording: too little room on the disk")
)

// Config is what a shelf is made of.
type Config struct {
	Folder     string        // which the first recording creates
	Recipients []string      // public keys of age
	Longest    time.Duration // of one recording; 0: the most there is
	Keep       int64         // octets of all recordings; 0: no bound
	Free       int64         // octets that are to stay free on the disk
	Log        *slog.Logger
}

// Shelf is where the recordings are.
type Shelf struct {
	Config
	recipients []age.Recipient
	create     func(path string) (io.WriteCloser, error) // tests have their own
	space      func(path string) (int64, error)          // likewise: octets that are free

	mu      sync.Mutex
	running map[string]bool // by ID
	closed  bool
	writers sync.WaitGroup

	dropped  atomic.Uint64 // frames, of recordings that have ended
	cutShort atomic.Uint64 // recordings that ended for lack of room, or by a fault of the disk
	used     atomic.Int64  // octets of all recordings
	counting sync.Mutex    // held while they are counted anew, and while a file goes
}

// ParseRecipients reads public keys of age (age1…).
func ParseRecipients(names []string) ([]age.Recipient, error) {
	var all []age.Recipient
	for i, name := range names {
		some, err := age.ParseRecipients(strings.NewReader(name))
		if err != nil || len(some) != 1 {
			return nil, fmt.Errorf("%w: number %d", ErrRecipient, i+1) // it may be a secret one, by mistake
		}
		all = append(all, some...)
	}
	return all, nil
}

// New makes a shelf.
func New(c Config) (*Shelf, error) {
	keys, err := ParseRecipients(c.Recipients)
	if err != nil {
		return nil, err
	}
	if c.Longest == 0 {
		c.Longest = longest
	}
	s := &Shelf{Config: c, recipients: keys, create: create, space: space, running: make(map[string]bool)}
	return s, s.measure()
}

func create(path string) (io.WriteCloser, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return synced{f}, nil
}

// synced is a file that is on the disk once it is closed.
type synced struct{ *os.File }

func (f synced) Close() error { return errors.Join(f.Sync(), f.File.Close()) }

// Begin begins a recording of a room. over is told, from a goroutine of ours, when it cannot go on, again and again until Stop is called: it is
// to have that done, as whoever began the recording does in any case.
func (s *Shelf) Begin(room string, over func(r *Recorder, reason string)) (*Recorder, error) {
	if len(s.recipients) == 0 {
		return nil, ErrNoRecipients
	}
	if err := os.MkdirAll(s.Folder, 0o700); err != nil {
		return nil, err
	}
	if err := s.roomForMore(); err != nil {
		return nil, err
	}
	now := time.Now().UTC()
	r := &Recorder{
		shelf: s, queue: make(chan packet, queueLength), stopped: make(chan struct{}), over: over,
		entry: Entry{ID: newID(now), Room: room, BegunAt: now.Truncate(time.Millisecond), Recipients: s.Recipients},
	}
	if err := s.enter(r.entry.ID); err != nil {
		return nil, err
	}
	to, w, err := s.open(r.entry)
	if err != nil {
		s.leave(r.entry.ID)
		return nil, err
	}
	go r.write(to, w)
	return r, nil
}

// enter counts a recording that begins.
func (s *Shelf) enter(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.running) >= MaxRunning {
		return ErrTooMany
	}
	s.running[id] = true
	s.writers.Add(1)
	return nil
}

func (s *Shelf) leave(id string) {
	s.mu.Lock()
	delete(s.running, id)
	s.mu.Unlock()
	s.writers.Done()
}

// open makes the files of a recording.
func (s *Shelf) open(e Entry) (to io.WriteCloser, w *ogg.Writer, err error) {
	disk, err := s.create(s.path(e.ID))
	if err != nil {
		return nil, nil, err
	}
	file := &counted{disk, &s.used}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Close(), s.remove(e.ID))
		}
	}()
	sealed, err := age.Encrypt(file, s.recipients...)
	if err != nil {
		return nil, nil, err
	}
	var serial [4]byte
	_, _ = rand.Read(serial[:]) // crypto/rand never fails since Go 1.24
	w, err = ogg.NewWriter(sealed, binary.LittleEndian.Uint32(serial[:]), "Conclave", "TITLE="+e.Room, "DATE="+e.BegunAt.Format(time.RFC3339))
	if err != nil {
		return nil, nil, err
	}
	if err = s.note(e); err != nil {
		return nil, nil, err
	}
	return both{sealed, file}, w, nil
}

// both closes the seal, then the file.
type both struct {
	io.WriteCloser
	below io.Closer
}

func (b both) Close() error { return errors.Join(b.WriteCloser.Close(), b.below.Close()) }

// Discard has a recording that was stopped deleted once it has ended: it never was.
func (r *Recorder) Discard() { r.unwanted.Store(true) }

// finish closes the files of a recording and notes how it ended.
func (s *Shelf) finish(r *Recorder, to io.Closer, w *scribe) {
	defer s.leave(r.entry.ID)
	err := errors.Join(w.err, w.w.Close(), to.Close())
	now := time.Now().UTC().Truncate(time.Millisecond)
	r.entry.EndedAt, r.entry.Reason, r.entry.Dropped = &now, r.reason, r.dropped.Load()
	s.dropped.Add(r.entry.Dropped)
	r.entry.Seconds = (time.Duration(w.written) * tickLength).Seconds() //nolint:gosec // some millions at most
	if err != nil {
		r.entry.Reason = Failed
	}
	switch r.entry.Reason {
	case Failed, Full, NoSpace:
		s.cutShort.Add(1)
	}
	if r.unwanted.Load() {
		err = errors.Join(s.remove(r.entry.ID), os.Remove(s.noted(r.entry.ID)))
	} else {
		err = errors.Join(err, s.note(r.entry))
	}
	if err != nil {
		s.Log.Error("a recording is not whole", "recording", r.entry.ID, "room", r.entry.Room, "err", err)
	}
}

// Close takes no more recordings and waits for those that were stopped.
func (s *Shelf) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.writers.Wait()
}

// Running counts the recordings under way.
func (s *Shelf) Running() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.running)
}

// Dropped counts the frames that disks could not take in time, of recordings that have ended.
func (s *Shelf) Dropped() uint64 { return s.dropped.Load() }

// newID names a recording, so that names sort by time.
func newID(now time.Time) string {
	var b [idOctets]byte
	_, _ = rand.Read(b[:]) // crypto/rand never fails since Go 1.24
	return now.Format("20060102t150405z") + "-" + hex.EncodeToString(b[:])
}

func (s *Shelf) noted(id string) string { return filepath.Join(s.Folder, id+noteSuffix) }

func (s *Shelf) path(id string) string { return filepath.Join(s.Folder, id+contentSuffix) }
