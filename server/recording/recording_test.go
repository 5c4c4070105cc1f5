package recording

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"go.uber.org/goleak"

	"github.com/conclave/conclave/mixer/codec"
	"github.com/conclave/conclave/server/ogg"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// desk is a shelf with whoever can open its recordings.
func desk(t testing.TB) (*Shelf, *age.X25519Identity) {
	t.Helper()
	who, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{
		Folder: filepath.Join(t.TempDir(), "recordings"), Recipients: []string{who.Recipient().String()}, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, who
}

// nobody is closed: no worker sends any more.
var nobody = func() <-chan struct{} { c := make(chan struct{}); close(c); return c }()

// frame is a packet that can be told from others.
func frame(n int) []byte {
	b := bytes.Repeat([]byte{byte(n)}, format.FrameSize())
	b[0], b[1] = 0xf8, byte(n>>8) // one frame of CELT
	return b
}

// opened reads a recording as its recipient does.
func opened(t *testing.T, s *Shelf, id string, who age.Identity) [][]byte {
	t.Helper()
	f, _, err := s.Content(id)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	plain, err := age.Decrypt(f, who)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(plain)
	if err != nil {
		t.Fatal(err)
	}
	packets, _, err := ogg.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return packets
}

func begin(t testing.TB, s *Shelf) *Recorder {
	t.Helper()
	r, err := s.Begin("hall", func(*Recorder, string) {})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// ended waits for the files of all recordings, which were stopped.
func ended(t *testing.T, s *Shelf, id string) Entry {
	t.Helper()
	s.writers.Wait()
	e, err := s.Get(id)
	if err != nil || e.Running {
		t.Fatalf("%+v: %v", e, err)
	}
	return e
}

func TestARecordingIsForItsRecipientsAlone(t *testing.T) {
	s, who := desk(t)
	r := begin(t, s)
	for i := range 300 {
		r.Send(codec.Tick(1000+i), codec.Packet{Payload: frame(i)})
	}
	r.Stop(nobody, "stopped")
	e := ended(t, s, r.ID())
	if e.Room != "hall" || e.EndedAt == nil || e.Seconds != 6 || e.Reason != "stopped" || e.Dropped != 0 || e.Octets < 300*80 || len(e.Recipients) != 1 {
		t.Errorf("%+v", e)
	}
	packets := opened(t, s, r.ID(), who)
	if len(packets) != 300 {
		t.Fatalf("%d packets", len(packets))
	}
	for i, p := range packets {
		if !bytes.Equal(p, frame(i)) {
			t.Fatalf("packet %d differs", i)
		}
	}
	sealed, err := os.ReadFile(s.path(r.ID()))
	if err != nil || bytes.Contains(sealed, frame(7)) || bytes.Contains(sealed, []byte("OpusHead")) {
		t.Errorf("it can be read: %v", err)
	}
	for _, name := range []string{s.path(r.ID()), filepath.Join(s.Folder, r.ID()+noteSuffix)} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	other, _ := age.GenerateX25519Identity()
	if _, err := age.Decrypt(bytes.NewReader(sealed), other); err == nil {
		t.Error("anybody can open it")
	}
}

// What is missing is silence of the same length.
func TestARecordingKeepsTime(t *testing.T) {
	s, who := desk(t)
	r := begin(t, s)
	for _, tick := range []codec.Tick{50, 51, 55, 1 << 40} {
		r.Send(tick, codec.Packet{Payload: frame(int(tick))})
	}
	r.Send(1<<40+1, codec.Packet{Payload: make([]byte, maxOctets+1)}) // no packet of ours
	r.Stop(nobody, "stopped")
	e := ended(t, s, r.ID())
	packets := opened(t, s, r.ID(), who)
	silence := codec.Silence(format)
	if len(packets) != 7+int(maxGap/tickLength) || !bytes.Equal(packets[2], silence) || !bytes.Equal(packets[4], silence) || !bytes.Equal(packets[5], frame(55)) || e.Dropped != 1 {
		t.Errorf("%d packets, %d dropped", len(packets), e.Dropped)
	}
}

func TestShelf(t *testing.T) {
	s, _ := desk(t)
	if all, err := s.List(); err != nil || len(all) != 0 {
		t.Fatalf("%v, %v", all, err)
	}
	var ids []string
	for range 3 {
		r := begin(t, s)
		ids = append(ids, r.ID())
		if err := s.Delete(r.ID()); !errors.Is(err, ErrRunning) {
			t.Errorf("deleted while it runs: %v", err)
		}
		if _, _, err := s.Content(r.ID()); !errors.Is(err, ErrRunning) {
			t.Errorf("read while it runs: %v", err)
		}
		r.Stop(nobody, "stopped")
		ended(t, s, r.ID())
	}
	if err := os.WriteFile(filepath.Join(s.Folder, "notes.json"), []byte("of somebody else"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(ids[1]); err != nil {
		t.Fatal(err)
	}
	if all, err := s.List(); err != nil || len(all) != 2 {
		t.Errorf("%+v, %v", all, err)
	}
	for _, bad := range []string{ids[1], "", "..", "../" + ids[0], ids[0] + "/", "notes", strings.ToUpper(ids[0])} {
		if _, err := s.Get(bad); !errors.Is(err, ErrUnknown) {
			t.Errorf("get %q: %v", bad, err)
		}
		if _, _, err := s.Content(bad); !errors.Is(err, ErrUnknown) {
			t.Errorf("content %q: %v", bad, err)
		}
		if err := s.Delete(bad); !errors.Is(err, ErrUnknown) {
			t.Errorf("delete %q: %v", bad, err)
		}
	}
}

// What was begun for nothing leaves nothing.
func TestADiscardedRecordingNeverWas(t *testing.T) {
	s, _ := desk(t)
	r := begin(t, s)
	r.Discard()
	r.Stop(nobody, "refused")
	s.Close()
	if left, err := os.ReadDir(s.Folder); err != nil || len(left) != 0 {
		t.Errorf("%v, %v", left, err)
	}
}

func TestRecordingsAreBounded(t *testing.T) {
	s, _ := desk(t)
	var all []*Recorder
	for range MaxRunning {
		all = append(all, begin(t, s))
	}
	if _, err := s.Begin("hall", func(*Recorder, string) {}); !errors.Is(err, ErrTooMany) {
		t.Errorf("one too many: %v", err)
	}
	for _, r := range all {
		r.Stop(nobody, "stopped")
	}
	s.Close()
	if _, err := s.Begin("hall", func(*Recorder, string) {}); !errors.Is(err, ErrTooMany) {
		t.Errorf("after the end: %v", err)
	}
}

func TestRecipients(t *testing.T) {
	if s, err := New(Config{Folder: t.TempDir(), Log: slog.New(slog.DiscardHandler)}); err != nil {
		t.Error(err)
	} else if _, err := s.Begin("hall", func(*Recorder, string) {}); !errors.Is(err, ErrNoRecipients) {
		t.Errorf("sealed to nobody: %v", err)
	}
	who, _ := age.GenerateX25519Identity()
	for _, bad := range []string{"", "age1", who.String(), who.Recipient().String() + "x", "# age1", who.Recipient().String() + "\n" + who.Recipient().String()} {
		if _, err := ParseRecipients([]string{bad}); !errors.Is(err, ErrRecipient) || strings.Contains(err.Error(), "AGE-SECRET") {
			t.Errorf("%.10q: %v", bad, err)
		}
	}
}

func TestSendAllocatesNothing(t *testing.T) {
	r := &Recorder{queue: make(chan packet, queueLength)}
	p := codec.Packet{Payload: frame(1)}
	if n := testing.AllocsPerRun(2*queueLength, func() { r.Next(1); r.Format(); r.Send(1, p) }); n != 0 {
		t.Errorf("%v allocations a tick", n)
	}
	if r.dropped.Load() == 0 {
		t.Error("nothing was dropped: it was not tested that this allocates nothing")
	}
}
