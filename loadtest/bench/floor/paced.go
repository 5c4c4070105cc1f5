package floor

import (
	"errors"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// pacedTime is what the same takes at the pace of a call, with the peers on another core: every 20 ms a packet for each leg. Between two
// ticks caches forget, and what one core allocated the other one frees; no server is spared that. Where there is one core only the
// peers share it.
func pacedTime(core int) (us float64, err error) {
	p := &pipes{}
	defer func() { err = errors.Join(err, p.close()) }()
	if err = p.open(); err != nil {
		return 0, err
	}
	cue, sent := make(chan struct{}), make(chan error, 1)
	ended := make(chan error, 1)
	go func() {
		ended <- on((core+1)%runtime.NumCPU(), func() error { return p.callers(cue, sent) })
	}()
	us, err = p.paced(cue, sent)
	close(cue)
	return us, errors.Join(err, <-ended)
}

// callers sends a packet from every peer at each cue, and takes what came since the last.
func (p *pipes) callers(cue <-chan struct{}, sent chan<- error) error {
	var mine pipes // buffers of this thread's own
	mine.wire()
	for range cue {
		for i, fd := range p.peers {
			mine.receive(fd)
			if err := unix.Sendto(fd, mine.packet[:], unix.MSG_DONTWAIT, p.toLeg[i]); err != nil {
				sent <- err
				return err
			}
		}
		sent <- nil
	}
	return nil
}

// paced receives and sends for every leg at each tick, and returns the time of one leg in the best of several windows.
func (p *pipes) paced(cue chan<- struct{}, sent <-chan error) (us float64, err error) {
	tick := time.NewTicker(time.Second / framesPerSecond)
	defer tick.Stop()
	return leastOf(pacedWindows, pacedRounds*sockets, func(s *stopwatch) error {
		for range pacedRounds {
			cue <- struct{}{}
			if err := <-sent; err != nil {
				return err
			}
			<-tick.C
			s.start()
			err := p.serve()
			s.stop()
			if err != nil {
				return err
			}
		}
		return nil
	})
}
