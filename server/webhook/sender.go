package webhook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"time"

	"github.com/conclave/conclave/server/events"
)

// Hook is one receiver.
type Hook struct {
	URL    string
	Secret []byte   // signs; SecretOctets or more
	Types  []string // of the events that it gets; nil: all
	Rooms  []string // whose events it gets; nil: all, and those of no room
}

// Sender sends the events of a ring to its hooks.
type Sender struct {
	hooks []*hook
	stop  context.CancelFunc
	wg    sync.WaitGroup
}

// pace is how long things take; tests have their own.
type pace struct{ first, longest, oldest, close time.Duration }

// Start begins to send.
func Start(ring *events.Ring, hooks []Hook, log *slog.Logger) (*Sender, error) {
	return start(ring, hooks, pace{firstPause, longestPause, oldest, closePatience}, log)
}

func start(ring *events.Ring, hooks []Hook, p pace, log *slog.Logger) (*Sender, error) {
	s := &Sender{}
	for _, h := range hooks {
		if err := CheckURL(h.URL); err != nil {
			return nil, fmt.Errorf("webhook: the URL %w", err)
		}
		u, err := url.Parse(h.URL)
		if err != nil {
			return nil, errors.New("webhook: the URL is none") // CheckURL has seen it
		}
		if len(h.Secret) < SecretOctets {
			return nil, fmt.Errorf("webhook: the secret of %s is shorter than %d octets", shown(u), SecretOctets)
		}
		s.hooks = append(s.hooks, &hook{Hook: h, pace: p, log: log.With("webhook", shown(u)), shown: shown(u), client: newClient(u), queue: make(chan letter, queueLength)})
	}
	var ctx context.Context
	ctx, s.stop = context.WithCancel(context.Background())
	for _, h := range s.hooks {
		heard := ring.Subscribe(events.Latest) // before Start returns: nothing after it is missed
		s.wg.Go(func() { h.listen(ring, heard) })
		s.wg.Go(func() { h.send(ctx) })
	}
	return s, nil
}

// shown is a URL up to its host: what follows often holds a key.
func shown(u *url.URL) string {
	tail := ""
	if u.Path != "" && u.Path != "/" || u.RawQuery != "" {
		tail = "/…"
	}
	return u.Scheme + "://" + u.Host + tail
}

// Close sends what waits, once each and not for long, and ends. The ring has ended before: no more comes.
func (s *Sender) Close() {
	if len(s.hooks) == 0 {
		s.stop()
		return
	}
	timer := time.AfterFunc(s.hooks[0].pace.close, s.stop)
	defer timer.Stop()
	s.wg.Wait()
	s.stop()
	for _, h := range s.hooks {
		h.client.CloseIdleConnections()
	}
}

// Views shows the hooks.
func (s *Sender) Views() []View {
	views := make([]View, len(s.hooks))
	for i, h := range s.hooks {
		views[i] = h.view()
	}
	return views
}
