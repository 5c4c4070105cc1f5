package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/conclave/conclave/server/events"
)

// letter is an event on its way.
type letter struct {
	events.Event
	since time.Time
}

// hook is a receiver at work.
type hook struct {
	Hook          // set once, as are the others up to queue
	pace   pace   //
	shown  string // its URL without what may be secret
	log    *slog.Logger
	client *http.Client
	queue  chan letter // closed once there are no more events

	mu                      sync.Mutex
	delivered, failed, dead uint64
	lastStatus              int
	lastError               string
	letters                 []DeadLetter
}

// wants says whether an event is for the hook.
func (h *hook) wants(e *events.Event) bool {
	return (len(h.Types) == 0 || slices.Contains(h.Types, e.Type)) && (len(h.Rooms) == 0 || slices.Contains(h.Rooms, e.Room))
}

// listen puts what the hook wants into its queue until the ring ends. It waits for nobody, so that it is hardly ever cut off; and then
// it goes on behind what it missed.
func (h *hook) listen(ring *events.Ring, heard *events.Subscription) {
	defer close(h.queue)
	defer func() { heard.Close() }()
	var last uint64
	for {
		some, err := heard.Next(context.Background())
		if errors.Is(err, events.ErrSlow) && last != 0 {
			heard = ring.Subscribe(last)
			continue
		}
		if err != nil {
			return
		}
		for i := range some {
			e := &some[i]
			if last != 0 && e.ID > last+1 {
				h.log.Warn("events came too fast for a webhook", "missed", e.ID-last-1)
			}
			last = e.ID
			if !h.wants(e) {
				continue
			}
			select {
			case h.queue <- letter{*e, time.Now()}:
			default:
				h.bury(e, 0, "the queue is full")
			}
		}
	}
}

// send delivers what is in the queue. Once ctx has ended it gives up.
func (h *hook) send(ctx context.Context) {
	for l := range h.queue {
		h.deliver(ctx, l)
	}
}

// deliver tries until the event is taken, too old, or there is no time left.
func (h *hook) deliver(ctx context.Context, l letter) {
	pause := h.pace.first
	for attempt := 1; ; attempt++ {
		err := h.post(ctx, &l.Event)
		if err == nil {
			return
		}
		if time.Since(l.since) > h.pace.oldest || !h.wait(ctx, pause) {
			h.log.Warn("an event was given up", "event", l.ID, "type", l.Type, "attempts", attempt, "err", err)
			h.bury(&l.Event, attempt, err.Error())
			return
		}
		pause = min(2*pause, h.pace.longest)
	}
}

// wait pauses for about so long; false: there is no time left.
func (h *hook) wait(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause/2 + rand.N(pause)) //nolint:gosec // spread, not secrecy
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// post is one attempt.
func (h *hook) post(ctx context.Context, e *events.Event) error {
	status, err := h.attempt(ctx, e)
	if err == nil && (status < 200 || status > 299) {
		err = fmt.Errorf("the receiver answers %d", status)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lastStatus, h.lastError = status, ""
	if err != nil {
		h.failed++
		h.lastError = err.Error()
		return err
	}
	h.delivered++
	return nil
}

// attempt sends the event, signed anew. Its errors name no more than what went wrong: a URL may hold a key.
func (h *hook) attempt(ctx context.Context, e *events.Event) (status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, attemptPatience)
	defer cancel()
	body := e.JSON()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(body))
	if err != nil {
		return 0, errors.New("no request can be made for the URL")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Conclave")
	req.Header.Set(Header, sign(h.Secret, e.ID, body, time.Now()))
	resp, err := h.client.Do(req)
	if err != nil {
		return 0, plain(err)
	}
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, answerOctets))
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return resp.StatusCode, plain(err)
	}
	return resp.StatusCode, nil
}

// plain takes the URL from an error of net/http.
func plain(err error) error {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return errors.New("no answer in time")
	}
	if inner := errors.Unwrap(err); inner != nil { // of *url.Error
		return inner
	}
	return err
}

// bury keeps a dead letter.
func (h *hook) bury(e *events.Event, attempts int, reason string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.dead++
	h.letters = append(h.letters, DeadLetter{Event: e.ID, Type: e.Type, At: time.Now().UTC(), Attempts: attempts, Reason: reason})
	if len(h.letters) > keptDead {
		h.letters = slices.Delete(h.letters, 0, len(h.letters)-keptDead)
	}
}
