package recording

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/conclave/conclave/mixer/codec"
)

// stuck is a disk that takes nothing until it is let go, or fails.
type stuck struct {
	file io.WriteCloser
	free chan struct{}
	err  error
}

func (k *stuck) Write(b []byte) (int, error) {
	<-k.free
	if k.err != nil {
		return 0, k.err
	}
	return k.file.Write(b)
}

func (k *stuck) Close() error { return k.file.Close() }

// onDisk puts a disk under the shelf that works until a recording has begun.
func onDisk(s *Shelf, err error) *stuck {
	k := &stuck{free: make(chan struct{}), err: err}
	s.create = func(path string) (io.WriteCloser, error) {
		f, err := create(path)
		k.file = f
		return &later{k, f, 0}, err
	}
	return k
}

// later is the disk, past the head of the seal.
type later struct {
	*stuck
	file io.Writer
	n    int
}

func (l *later) Write(b []byte) (int, error) {
	if l.n += len(b); l.n < 2000 {
		return l.file.Write(b)
	}
	return l.stuck.Write(b)
}

// A disk that is busy costs the recording something, and the mixer nothing.
func TestASlowDiskHoldsNobodyUp(t *testing.T) {
	s, who := desk(t)
	disk := onDisk(s, nil)
	r := begin(t, s)
	const sent = 3 * queueLength
	for i := range sent - 1 {
		r.Send(codec.Tick(1+i), codec.Packet{Payload: frame(i)}) // would never come back if it waited
	}
	close(disk.free)
	last := packet{tick: sent}
	last.n = copy(last.octets[:], frame(sent-1))
	r.queue <- last // as soon as there is room: this one is not dropped
	r.Stop(nobody, "stopped")
	e := ended(t, s, r.ID())
	if packets := opened(t, s, r.ID(), who); e.Dropped == 0 || len(packets) != sent || !bytes.Equal(packets[sent-1], frame(sent-1)) {
		t.Errorf("%d dropped, %d packets", e.Dropped, len(packets))
	}
}

// first keeps the first reason that is told.
func first(told chan<- string) func(*Recorder, string) {
	return func(_ *Recorder, reason string) {
		select {
		case told <- reason:
		default:
		}
	}
}

// A room that has no time for it is told again, the same.
func TestTheEndIsToldUntilItIsHeard(t *testing.T) {
	s, _ := desk(t)
	disk := onDisk(s, errors.New("no space left"))
	close(disk.free)
	var told []string
	heard := make(chan struct{})
	r, err := s.Begin("hall", func(r *Recorder, reason string) {
		if told = append(told, reason); len(told) == 3 {
			r.Stop(nobody, reason)
			close(heard)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range queueLength {
		r.Send(codec.Tick(1+i), codec.Packet{Payload: frame(i)})
	}
	select {
	case <-heard:
	case <-time.After(100 * pace):
		t.Error("it is told no more")
		r.Stop(nobody, "stopped")
	}
	if e := ended(t, s, r.ID()); e.Reason != Failed || !slices.Equal(told, []string{Failed, Failed, Failed}) {
		t.Errorf("%+v, told %q", e, told)
	}
}

func TestAFullDiskEndsARecording(t *testing.T) {
	s, _ := desk(t)
	disk := onDisk(s, errors.New("no space left"))
	close(disk.free)
	told := make(chan string, 1)
	r, err := s.Begin("hall", first(told))
	if err != nil {
		t.Fatal(err)
	}
	for i := range queueLength {
		r.Send(codec.Tick(1+i), codec.Packet{Payload: frame(i)})
	}
	if reason := <-told; reason != Failed {
		t.Errorf("told %q", reason)
	}
	r.Stop(nobody, "stopped")
	r.Stop(nobody, "again")
	if e := ended(t, s, r.ID()); e.Reason != Failed || e.EndedAt == nil {
		t.Errorf("%+v", e)
	}
}
