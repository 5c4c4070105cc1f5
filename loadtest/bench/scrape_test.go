package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/conclave/conclave/admin/client"
)

// answering answers requests in the place of an API.
type answering func() (*http.Response, error)

func (a answering) RoundTrip(*http.Request) (*http.Response, error) { return a() }

// refusal is what the API answers when it does not, and wishes to be left alone for some time.
func refusal(status int, after string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/problem+json"}, "Retry-After": {after}}, Body: io.NopCloser(strings.NewReader("{}"))}
}

// scraped is a server whose API answers like this, one answer after the other and the last for ever.
func scraped(t *testing.T, answers ...answering) (s *server, asked *int) {
	t.Helper()
	asked = new(int)
	api, err := client.New(client.Options{URL: "127.0.0.1:1", HTTP: &http.Client{Transport: answering(func() (*http.Response, error) {
		*asked++
		return answers[min(*asked, len(answers))-1]()
	})}})
	if err != nil {
		t.Fatal(err)
	}
	return &server{child: &child{ended: make(chan struct{})}, api: api}, asked
}

func refuses(status int, after string) answering {
	return func() (*http.Response, error) { return refusal(status, after), nil }
}

func answers(text string) answering {
	return func() (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(text))}, nil
	}
}

var errReset = errors.New("connection reset")

func resets() (*http.Response, error) { return nil, errReset }

// TestScrape: a refusal that passes, or a connection that fails, is asked again, as long after it as the server wishes within bounds, and no
// more often than allowed; one that stays is not.
func TestScrape(t *testing.T) {
	for name, c := range map[string]struct {
		answers []answering
		asked   int
		took    time.Duration
		want    error // nil: the metrics came
	}{
		"at once":              {[]answering{answers("a 1\n")}, 1, 0, nil},
		"throttled once":       {[]answering{refuses(429, "1"), answers("a 1\n")}, 2, time.Second, nil},
		"busy, does not say":   {[]answering{refuses(503, ""), answers("a 1\n")}, 2, scrapeWait, nil},
		"for an hour, it says": {[]answering{refuses(503, "3600"), answers("a 1\n")}, 2, scrapeLongest, nil},
		"too late":             {[]answering{refuses(504, "1"), answers("a 1\n")}, 2, time.Second, nil},
		"reset":                {[]answering{resets, resets, answers("a 1\n")}, 3, 2 * scrapeWait, nil},
		"throttled for ever":   {[]answering{refuses(429, "1")}, scrapeTries, (scrapeTries - 1) * time.Second, client.ErrToken},
		"reset for ever":       {[]answering{resets}, scrapeTries, (scrapeTries - 1) * scrapeWait, errReset},
		"wrong token":          {[]answering{refuses(401, "1")}, 1, 0, client.ErrToken},
		"no metrics":           {[]answering{answers("<html>")}, 1, 0, client.ErrAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, asked := scraped(t, c.answers...)
				began := time.Now()
				m, err := s.metrics(t.Context())
				if c.want == nil && (err != nil || m["a"] != 1) || !errors.Is(err, c.want) {
					t.Errorf("%v, %v, want %v", m, err, c.want)
				}
				if took := time.Since(began); *asked != c.asked || took != c.took {
					t.Errorf("asked %d times in %v, want %d in %v", *asked, took, c.asked, c.took)
				}
			})
		})
	}
	if most := (scrapeTries - 1) * scrapeLongest; most >= scrapePatience {
		t.Errorf("waits of %v do not fit into %v", most, scrapePatience)
	}
}

// TestScrapeEnds: the wait ends at once with the server, and with the run.
func TestScrapeEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var s *server
		gone := func() (*http.Response, error) { close(s.ended); return refusal(429, "1"), nil }
		left := func() (*http.Response, error) { cancel(); return refusal(429, "1"), nil }
		began := time.Now()
		s, asked := scraped(t, gone)
		fmt.Fprint(&s.log, "its last words")
		if _, err := s.metrics(ctx); *asked != 1 || !errors.Is(err, client.ErrToken) || !strings.Contains(err.Error(), "its last words") {
			t.Errorf("asked %d times: %v", *asked, err)
		}
		s, asked = scraped(t, left)
		if _, err := s.metrics(ctx); *asked != 1 || !errors.Is(err, context.Canceled) || !errors.Is(err, client.ErrToken) {
			t.Errorf("asked %d times: %v", *asked, err)
		}
		s, asked = scraped(t, refuses(429, "2"))
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := s.metrics(ctx); *asked != 1 || !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, client.ErrToken) {
			t.Errorf("asked %d times: %v", *asked, err)
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("it took %v", took)
		}
	})
}
