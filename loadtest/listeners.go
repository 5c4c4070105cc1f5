package loadtest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/conclave/conclave/admin/client"
)

// listeners are clients of the server's stream of events beside the callers, to see whether they slow anybody down.
type listeners struct {
	target   *Target
	ctx      context.Context // ends with stop
	stop     context.CancelFunc
	tokens   []client.Token // one for so many of them, as the server gives each a share; revoked in the end
	as       *client.Client // by the last of them
	once     sync.Once      // of their end
	wg       sync.WaitGroup
	open     atomic.Int64  // that listen at present
	received atomic.Uint64 // events, of all of them
	cut      atomic.Int64  // streams that the server ended
	stalled  []*stalled    // those that never read
}

// listen opens so many streams, and so many that are never read from. What cannot be opened is an error: nothing was measured then.
func (t *Target) listen(ctx context.Context, n, stalled int) (*listeners, error) {
	l := &listeners{target: t}
	l.ctx, l.stop = context.WithCancel(ctx)
	for i := range n + stalled {
		if err := l.admit(i, i >= n); err != nil {
			return nil, errors.Join(fmt.Errorf("%w: %d of %d listen to events: %w", ErrTarget, i, n+stalled, err), l.close())
		}
	}
	return l, nil
}

// admit opens one stream, and makes a token where one is due.
func (l *listeners) admit(i int, stalls bool) error {
	if i%listenersOfToken == 0 {
		text, token, err := l.target.admin.CreateToken(l.ctx, client.NewToken{Name: "swarm", Role: "viewer", LifetimeS: int64(tokenLife.Seconds())})
		if err != nil {
			return err
		}
		l.tokens = append(l.tokens, token)
		l.as = l.target.admin.As(text)
	}
	if stalls {
		return l.stall()
	}
	return l.read()
}

// read opens a stream and reads what comes.
func (l *listeners) read() error {
	stream, err := l.as.Listen(l.ctx, "")
	if err != nil {
		return err
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
		if l.ctx.Err() == nil {
			l.cut.Add(1)
		}
	})
	return nil
}

// report tells what came, once those that never read had their time.
func (l *listeners) report() EventsReport {
	l.awaitCuts()
	r := EventsReport{Listeners: int(l.open.Load()), Received: l.received.Load(), Cut: int(l.cut.Load())}
	r.tellStalled(l.stalled)
	return r
}

// close ends the streams. A second time does nothing.
func (l *listeners) close() (err error) {
	l.stop()
	l.wg.Wait()
	l.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(l.ctx), dismissPatience)
		defer cancel()
		for _, t := range l.tokens {
			err = errors.Join(err, l.target.admin.DeleteToken(ctx, t.ID))
		}
	})
	return err
}

// EventsReport tells of those who listened to the server's events beside the callers.
type EventsReport struct {
	Listeners  int     `json:"listeners"`
	Received   uint64  `json:"received"`        // events, of all of them
	Cut        int     `json:"cut"`             // streams that the server ended
	Stalled    int     `json:"stalled"`         // clients that never read, beside those
	StalledCut int     `json:"stalled_cut"`     // of these, whom the server cut off in time
	FirstCut   float64 `json:"stalled_first_s"` // how long after it had connected the first of them was
	LastCut    float64 `json:"stalled_last_s"`  // and the last
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
