package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/conclave/conclave/admin/client"
)

// metrics asks the server for its metrics, and again where it cannot answer just now: the callers ask the same API with the same token, and a
// long run shall not end over one refusal.
func (s *server) metrics(ctx context.Context) (map[string]float64, error) {
	ctx, cancel := context.WithTimeout(ctx, scrapePatience)
	defer cancel()
	for try := 1; ; try++ {
		m, err := s.api.Metrics(ctx)
		if err == nil {
			return m, nil
		}
		wait, again := pause(err)
		if !again || try == scrapeTries {
			return nil, fmt.Errorf("bench: asked %d times for the metrics: %w", try, err)
		}
		if ended := s.rest(ctx, nil, wait); ended != nil {
			return nil, fmt.Errorf("%w; the metrics before that: %w", ended, err)
		}
	}
}

// pause is how long to wait before the API is asked once more, as it wishes within scrapeLongest; again is false where an answer would be no
// other than this one.
func pause(err error) (wait time.Duration, again bool) {
	var refusal *client.Problem
	switch {
	case errors.Is(err, client.ErrAnswer):
		return 0, false
	case !errors.As(err, &refusal): // the connection failed
		return scrapeWait, true
	}
	switch refusal.Status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return min(cmp.Or(refusal.RetryAfter, scrapeWait), scrapeLongest), true
	}
	return 0, false
}
