package traces

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Config is what an Exporter is made of.
type Config struct {
	URL      string        // of the collector, as in http://127.0.0.1:4318/v1/traces
	Instance string        // which server this is
	Every    time.Duration // how long a set-up waits for others at most; 0: sendEvery
	Log      *slog.Logger  // nil: none
}

// Exporter sends set-ups to a collector. A nil Exporter makes nil Setups.
type Exporter struct {
	cfg   Config        // set once
	http  *http.Client  //
	queue chan *Setup   //
	stop  chan struct{} // closed by Close
	done  chan struct{} // closed once the goroutine has ended
	once  sync.Once

	sent, dropped atomic.Uint64
}

// New begins to send to a collector.
func New(c Config) *Exporter {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Every == 0 {
		c.Every = sendEvery
	}
	e := &Exporter{
		cfg: c, queue: make(chan *Setup, queueLength), stop: make(chan struct{}), done: make(chan struct{}),
		http: &http.Client{
			Timeout: sendPatience, Transport: &http.Transport{MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute}, // no proxy
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	go e.run()
	return e
}

// take queues a set-up that has ended.
func (e *Exporter) take(s *Setup) {
	select {
	case e.queue <- s:
	default:
		e.dropped.Add(1)
	}
}

// Counts are the set-ups that were sent, and those that were dropped.
func (e *Exporter) Counts() (sent, dropped uint64) {
	if e == nil {
		return 0, 0
	}
	return e.sent.Load(), e.dropped.Load()
}

// Close sends what waits, once, and ends.
func (e *Exporter) Close() {
	if e == nil {
		return
	}
	e.once.Do(func() { close(e.stop) })
	<-e.done
}

// run is the exporter's goroutine.
func (e *Exporter) run() {
	defer close(e.done)
	defer e.http.CloseIdleConnections()
	tick := time.NewTicker(e.cfg.Every)
	defer tick.Stop()
	var batch []*Setup
	for {
		select {
		case s := <-e.queue:
			if batch = append(batch, s); len(batch) < batchLength {
				continue
			}
		case <-tick.C:
		case <-e.stop:
			for len(e.queue) > 0 {
				batch = append(batch, <-e.queue)
			}
			e.deliver(batch, 1)
			return
		}
		e.deliver(batch, attempts)
		batch = batch[:0]
	}
}

// deliver sends a batch, or drops it.
func (e *Exporter) deliver(batch []*Setup, attempts int) {
	if len(batch) == 0 {
		return
	}
	if err := e.try(batch, attempts); err != nil {
		e.dropped.Add(uint64(len(batch)))
		e.cfg.Log.Warn("traces were not taken by the collector", "setups", len(batch), "err", err)
		return
	}
	e.sent.Add(uint64(len(batch)))
}

// try sends a batch until the collector takes it, or will not.
func (e *Exporter) try(batch []*Setup, attempts int) error {
	body, err := e.encode(batch)
	if err != nil {
		return err
	}
	for {
		again, err := e.post(body)
		attempts--
		if err == nil || !again || attempts == 0 || !e.wait() {
			return err
		}
	}
}

// wait lets the collector come back; false: the exporter ends.
func (e *Exporter) wait() bool {
	timer := time.NewTimer(e.cfg.Every)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-e.stop:
		return false
	}
}

// post sends one request; again says whether it is worth to try once more.
func (e *Exporter) post(body []byte) (again bool, err error) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, e.cfg.URL, bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := e.http.Do(req)
	if err != nil {
		return true, err
	}
	defer resp.Body.Close()                                      //nolint:errcheck // read as far as we care
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16)) // so that the connection serves again
	switch resp.StatusCode {
	case http.StatusOK, http.StatusAccepted, http.StatusNoContent:
		return false, nil
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		again = true
	}
	return again, fmt.Errorf("traces: the collector answered %s", resp.Status)
}
