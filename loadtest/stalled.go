package loadtest

import (
	"context"
	"errors"
	"net"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// stalled is a client of the server's stream of events that never reads from it. It is to be cut off, and to cost nobody anything until then.
type stalled struct {
	since time.Time
	over  chan struct{} // closed once it has ended
	after time.Duration // it was cut off so long after it had connected; 0: it was not. Read after over
}

// stall opens a stream and never reads from it. Its kernel takes little, so that the server finds out soon.
func (l *listeners) stall() error {
	var conn net.Conn
	// Whose window is shut may not be told that the server gave it up; what its kernel asks every second is answered by a reset.
	dialer := &net.Dialer{Control: narrow, KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: stalledAsks, Interval: stalledAsks}}
	own := l.as.Over(func(ctx context.Context, network, address string) (c net.Conn, err error) {
		conn, err = dialer.DialContext(ctx, network, address)
		return conn, err
	})
	stream, err := own.Listen(l.ctx, "")
	if err != nil {
		return err
	}
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return errors.Join(err, stream.Close())
	}
	s := &stalled{since: time.Now(), over: make(chan struct{})}
	l.stalled = append(l.stalled, s)
	l.wg.Go(func() {
		defer close(s.over)
		defer own.Close()
		defer stream.Close() //nolint:errcheck // it was never read from
		if err := raw.Read(ended); err == nil && l.ctx.Err() == nil {
			s.after = time.Since(s.since)
		}
	})
	return nil
}

// narrow has a socket take little before it is connected: the window that it offers is made of that.
func narrow(_, _ string, c syscall.RawConn) error {
	var set error
	err := c.Control(func(fd uintptr) { set = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, stalledBuffer) })
	return errors.Join(err, set)
}

// ended says, without reading from it, whether the server has ended a connection; what comes wakes whoever waits for it, and is left.
func ended(fd uintptr) bool {
	info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	return err != nil || info.State != tcpEstablished
}

// awaitCuts gives those that never read the time in which the server has to cut them off.
func (l *listeners) awaitCuts() {
	for _, s := range l.stalled {
		timer := time.NewTimer(time.Until(s.since.Add(stalledBound)))
		select {
		case <-s.over:
		case <-timer.C:
		case <-l.ctx.Done():
		}
		timer.Stop()
	}
}

// tellStalled sums them up.
func (r *EventsReport) tellStalled(all []*stalled) {
	r.Stalled = len(all)
	var times []time.Duration
	for _, s := range all {
		select {
		case <-s.over:
			if s.after > 0 && s.after <= stalledBound {
				times = append(times, s.after)
			}
		default:
		}
	}
	if r.StalledCut = len(times); r.StalledCut > 0 {
		r.FirstCut, r.LastCut = slices.Min(times).Seconds(), slices.Max(times).Seconds()
	}
}
