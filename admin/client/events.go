package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
)

// Listen opens the stream of events (server-sent events) on a connection of its own, and gives its text as it comes; whoever listens closes
// it. ctx ends it too. last is the ID of the last event that is known, "" for what comes from now on.
func (c *Client) Listen(ctx context.Context, last string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path("events"), http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("client: events: %w", err)
	}
	req.Header.Set("Accept", "text/event-stream")
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	patient := *c.http
	patient.Timeout = 0 // a stream has no end; ctx has
	resp, err := patient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Body, nil
	}
	defer resp.Body.Close() //nolint:errcheck // only read from
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("client: events: %w", err)
	}
	return nil, problemOf(resp.StatusCode, resp.Header, text)
}
