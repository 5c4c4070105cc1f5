package floor

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/mixer/codec"
)

// work is a part of the floor at the pace of a call.
type work struct {
	each int // operations in a slot
	// do does those of a slot; the stopwatch runs for them alone, and once, so that what it costs itself is known.
	do    func(tick, slot int, s *stopwatch) error
	watch stopwatch     // of the window
	least time.Duration // of the windows
}

// pacer has every part work at the pace of a call: once every 20 ms for each socket, key and codec, on a thread that sleeps in between, with
// the peers on another core. Rooms begin their ticks in slots that lie evenly in the 20 ms, as those of a server do, and every part works in every
// slot: between two turns of its own it finds the caches as the others and the sleep have left them, and what one core allocated the
// other one frees. No server is spared that. Where this process may use one core only, the peers share it, and leave less of its caches.
type pacer struct {
	pipes
	idle  *work // nothing: what the stopwatch takes
	works []*work
	cue   chan int // a slot has done its work: its peers are to send
	sent  chan error
	ended chan error // of the peers
}

// pacedParts measures the parts at the pace of a call, with the peers on a core; said is what is heard, at the rate of the room.
func pacedParts(peers int, suite keying.Suite, formats []codec.Format, said [][]int16) (parts Parts, err error) {
	p := &pacer{cue: make(chan int), sent: make(chan error, 1), ended: make(chan error, 1)}
	defer func() { err = errors.Join(err, p.close()) }()
	if err = p.open(); err != nil {
		return parts, err
	}
	rate := RoomRate(formats)
	p.idle = p.add(1, func(_, _ int, s *stopwatch) error {
		s.start()
		s.stop()
		return nil
	})
	kernel := p.add(slotLegs, p.slot)
	cipher, err := p.cipher(suite)
	if err != nil {
		return parts, err
	}
	voice := p.voice(said)
	codecs := make(map[Coding][2]*work)
	for _, f := range formats {
		c := Coding{f, rate}
		if codecs[c], err = p.coding(c, said); err != nil {
			return parts, err
		}
	}
	if err = p.run(peers); err != nil {
		return parts, err
	}
	parts = Parts{Kernel: p.micros(kernel), Cipher: p.micros(cipher), Voice: map[int]float64{rate: p.micros(voice)}, coding: make(map[Coding]cost)}
	for c, w := range codecs {
		parts.coding[c] = cost{p.micros(w[0]), p.micros(w[1])}
	}
	return parts, nil
}

func (p *pacer) add(each int, do func(tick, slot int, s *stopwatch) error) *work {
	w := &work{each: each, do: do}
	p.works = append(p.works, w)
	return w
}

// micros is the time of one operation in microseconds, without that of the stopwatch.
func (p *pacer) micros(w *work) float64 {
	return float64((w.least - p.idle.least).Nanoseconds()) / 1000 / float64(pacedRounds*slots*w.each)
}

// slot has the legs of a slot receive and send.
func (p *pacer) slot(_, slot int, s *stopwatch) error {
	s.start()
	defer s.stop()
	return p.serve(slot*slotLegs, (slot+1)*slotLegs)
}

// callers sends a packet from every peer of a slot at its cue, and takes what came since the last.
func (p *pacer) callers() error {
	var mine pipes // buffers of this thread's own
	mine.wire()
	for slot := range p.cue {
		var err error
		for i := slot * slotLegs; i < (slot+1)*slotLegs && err == nil; i++ {
			mine.receive(p.peers[i])
			err = unix.Sendto(p.peers[i], mine.packet[:], unix.MSG_DONTWAIT, p.toLeg[i])
		}
		if p.sent <- err; err != nil {
			return fmt.Errorf("floor: send: %w", err)
		}
	}
	return nil
}

// cued has the peers of a slot send what its next tick receives.
func (p *pacer) cued(slot int) error {
	select {
	case p.cue <- slot:
		return <-p.sent
	case err := <-p.ended:
		p.ended <- err
		return errors.New("floor: the peers have ended")
	}
}

// run works through all ticks, the peers on their core.
func (p *pacer) run(peers int) error {
	go func() { p.ended <- on(peers, p.callers) }()
	err := p.windows()
	close(p.cue)
	return errors.Join(err, <-p.ended)
}

func (p *pacer) windows() error {
	for slot := range slots {
		if err := p.cued(slot); err != nil {
			return err
		}
	}
	pace := time.NewTicker(time.Second / framesPerSecond / slots)
	defer pace.Stop()
	for window := range pacedWindows {
		for n := range pacedRounds * slots {
			<-pace.C
			if err := p.turn(window*pacedRounds+n/slots, n%slots); err != nil {
				return err
			}
		}
		for _, w := range p.works {
			if window == 0 || w.watch.sum < w.least {
				w.least = w.watch.sum
			}
			w.watch = stopwatch{}
		}
	}
	return nil
}

// turn is what a slot does in a tick.
func (p *pacer) turn(tick, slot int) error {
	for _, w := range p.works {
		if err := w.do(tick, slot, &w.watch); err != nil {
			return err
		}
	}
	return p.cued(slot)
}
