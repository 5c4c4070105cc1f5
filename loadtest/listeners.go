package loadtest

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
)

// listeners are clients of the server's stream of events beside the callers, to see whether they slow anybody down.
type listeners struct {
	stop     context.CancelFunc
	wg       sync.WaitGroup
	open     atomic.Int64  // that listen at present
	received atomic.Uint64 // events, of all of them
	cut      atomic.Int64  // streams that the server ended
}

// listen opens so many streams. What cannot be opened is an error: nothing was measured then.
func (t *Target) listen(ctx context.Context, n int) (*listeners, error) {
	ctx, stop := context.WithCancel(ctx)
	l := &listeners{stop: stop}
	for range n {
		stream, err := t.admin.Listen(ctx, "")
		if err != nil {
			stop()
			l.wg.Wait()
			return nil, fmt.Errorf("%w: %d of %d listen to events: %w", ErrTarget, l.open.Load(), n, err)
		}
		l.open.Add(1)
		l.wg.Go(func() {
			defer stream.Close() //nolint:errcheck // only read from
			lines := bufio.NewScanner(stream)
			lines.Buffer(nil, longestEvent)
			for lines.Scan() {
				if bytes.HasPrefix(lines.Bytes(), []byte("id:")) {
					l.received.Add(1)
				}
			}
			if ctx.Err() == nil {
				l.cut.Add(1)
			}
		})
	}
	return l, nil
}

// close ends the streams and tells what came.
func (l *listeners) close() EventsReport {
	if l == nil {
		return EventsReport{}
	}
	r := EventsReport{Listeners: int(l.open.Load()), Cut: int(l.cut.Load())}
	l.stop()
	l.wg.Wait()
	r.Received = l.received.Load()
	return r
}

// EventsReport tells of those who listened to the server's events beside the callers.
type EventsReport struct {
	Listeners int    `json:"listeners"`
	Received  uint64 `json:"received"` // events, of all of them
	Cut       int    `json:"cut"`      // streams that the server ended
}

// TicksReport is how the server's mixer kept time during the measurement, by its own count.
type TicksReport struct {
	Ticks   uint64  `json:"ticks"`
	Late    uint64  `json:"late"` // that began 5 ms or more after their time
	LatePct float64 `json:"late_pct"`
}

// ticks counts those of the server's mixer so far.
func (t *Target) ticks(ctx context.Context) (r TicksReport, err error) {
	m, err := t.admin.Metrics(ctx)
	r.Ticks, r.Late = uint64(m["conclave_mixer_lateness_seconds_count"]), uint64(m["conclave_mixer_late_total"])
	return r, err
}

// since is what was counted after an earlier count.
func (r TicksReport) since(before TicksReport) TicksReport {
	d := TicksReport{Ticks: r.Ticks - before.Ticks, Late: r.Late - before.Late}
	if d.Ticks > 0 {
		d.LatePct = 100 * float64(d.Late) / float64(d.Ticks)
	}
	return d
}
