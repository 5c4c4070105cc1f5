package recording

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/conclave/conclave/mixer/codec"
	"github.com/conclave/conclave/server/ogg"
)

// Recorder takes what a room hears. It is a mixer.Port.
type Recorder struct {
	shelf    *Shelf
	entry    Entry // owned by the goroutine that writes, but for ID and Room
	queue    chan packet
	dropped  atomic.Uint64
	unwanted atomic.Bool // nothing of it is to be kept

	once    sync.Once
	stopped chan struct{}   // closed by Stop
	reason  string          // set before stopped is closed
	gone    <-chan struct{} // likewise: closed when no worker sends any more

	over func(r *Recorder, reason string) // told that the recording cannot go on, until it is stopped
}

// packet is one frame on its way to the disk.
type packet struct {
	tick   codec.Tick
	n      int
	octets [maxOctets]byte
}

// Reasons why a recording ends by itself.
const (
	Failed  = "failed"   // the disk took no more
	TooLong = "too_long" // it has lasted for as long as one may
	Full    = "full"     // all recordings together take as much as they may
	NoSpace = "no_space" // what is to stay free on the disk is all that is left
)

// ID names the recording.
func (r *Recorder) ID() string { return r.entry.ID }

// Ahead implements mixer.Port.
func (*Recorder) Ahead() {}

// Next implements mixer.Port: a recorder says nothing.
func (*Recorder) Next(codec.Tick) codec.Frame { return codec.Frame{} }

// Format implements mixer.Port.
func (*Recorder) Format() codec.Format { return format }

// Send implements mixer.Port. It never waits and allocates nothing.
func (r *Recorder) Send(t codec.Tick, p codec.Packet) {
	k := packet{tick: t, n: len(p.Payload)}
	if k.n > maxOctets {
		r.dropped.Add(1)
		return
	}
	copy(k.octets[:], p.Payload)
	select {
	case r.queue <- k:
	default:
		r.dropped.Add(1)
	}
}

// Stop ends the recording, once no worker sends any more. It does not wait; the first reason holds.
func (r *Recorder) Stop(gone <-chan struct{}, reason string) {
	r.once.Do(func() {
		r.gone, r.reason = gone, reason
		close(r.stopped)
	})
}

// write is the goroutine of a recording.
func (r *Recorder) write(to io.WriteCloser, w *ogg.Writer) {
	s := scribe{w: w, silence: codec.Silence(format), most: uint64(r.shelf.Longest / tickLength)} //nolint:gosec // it is more than nothing
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	why := "" // it cannot go on
	for done := false; !done; {
		select {
		case <-ticker.C:
		case <-r.stopped:
			<-r.gone
			done = true
		}
		for n := len(r.queue); n > 0; n-- {
			k := <-r.queue
			s.take(&k)
		}
		if why == "" {
			if why = r.bound(&s); why != "" {
				s.most = s.written // it ends here, whenever it is stopped
			}
		}
		if why != "" && !done { // again, until somebody has heard it: a room may be busy, or not know yet that it is recorded
			r.over(r, why)
		}
	}
	r.shelf.finish(r, to, &s)
}

// bound says why the recording cannot go on; "": it can.
func (r *Recorder) bound(s *scribe) string {
	if s.err != nil {
		return Failed
	}
	if s.written >= s.most {
		return TooLong
	}
	switch err := r.shelf.roomForMore(); {
	case errors.Is(err, ErrFull):
		return Full
	case errors.Is(err, ErrNoSpace):
		return NoSpace
	case err != nil:
		return Failed // nobody knows what the disk has left
	}
	return ""
}

// scribe puts the packets into the file, with silence where some are missing.
type scribe struct {
	w       *ogg.Writer
	silence []byte
	next    codec.Tick // that follows the last one; 0: there is none yet
	written uint64
	most    uint64 // that may be written
	err     error  // after which nothing is written
}

func (s *scribe) take(k *packet) {
	if s.next != 0 && k.tick > s.next {
		for range min(k.tick-s.next, codec.Tick(maxGap/tickLength)) {
			s.put(s.silence)
		}
	}
	s.next = k.tick + 1
	s.put(k.octets[:k.n])
}

func (s *scribe) put(b []byte) {
	if s.err != nil || s.written >= s.most {
		return
	}
	if s.err = s.w.Packet(b); s.err == nil {
		s.written++
	}
}
