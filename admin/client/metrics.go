package client

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Metrics gives every metric of the server at this moment, by its name with its labels as the server writes them:
// conclave_rekeys_total{result="done"}.
func (c *Client) Metrics(ctx context.Context) (map[string]float64, error) {
	text, err := c.send(ctx, http.MethodGet, "/metrics", nil)
	if err != nil {
		return nil, err
	}
	all := make(map[string]float64)
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		name, value, err := sampleOf(line)
		if err != nil {
			return nil, err
		}
		all[name] = value
	}
	return all, nil
}

// sampleOf reads one line of the Prometheus text format: name, labels, value and perhaps a time, which is left out.
func sampleOf(line string) (string, float64, error) {
	end := strings.IndexByte(line, ' ')
	if labels := strings.LastIndexByte(line, '}'); labels >= 0 { // a label's value may hold spaces
		end = labels + 1
	}
	if end > 0 && end < len(line) {
		if fields := strings.Fields(line[end:]); len(fields) > 0 {
			if value, err := strconv.ParseFloat(fields[0], 64); err == nil {
				return line[:end], value, nil
			}
		}
	}
	return "", 0, fmt.Errorf("%w: a metric that is none", ErrAnswer)
}
