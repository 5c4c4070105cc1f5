package server

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// traced collects the spans that it is told, by the leg or the failure of their set-up: their names in order, and all of the text.
type traced struct {
	mu    sync.Mutex
	names map[string][]string
	text  string
}

func (c *traced) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	var q struct {
		ResourceSpans []struct {
			ScopeSpans []struct {
				Spans []struct {
					Name         string
					ParentSpanID string `json:"parentSpanId"`
					Status       struct{ Message string }
					Attributes   []struct {
						Key   string
						Value struct{ StringValue string }
					}
				}
			}
		}
	}
	var body json.RawMessage
	if json.NewDecoder(r.Body).Decode(&body) != nil || json.Unmarshal(body, &q) != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.text += string(body)
	of := ""
	for _, s := range q.ResourceSpans[0].ScopeSpans[0].Spans {
		if s.ParentSpanID == "" {
			of = s.Status.Message
			for _, a := range s.Attributes {
				if a.Key == "conclave.leg" && of == "" {
					of = a.Value.StringValue
				}
			}
		}
		c.names[of] = append(c.names[of], s.Name)
	}
}

func (c *traced) of(setup string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.names[setup]
}

// TestTracesOfACall: a call that stands has all its steps, one that is refused those up to where it was, a challenge has none; and nobody
// is named.
func TestTracesOfACall(t *testing.T) {
	c := &traced{names: make(map[string][]string)}
	srv := httptest.NewServer(c)
	t.Cleanup(srv.Close)
	s := serveTest(t, "telemetry: {otlp: \""+srv.URL+"/v1/traces\"}\nrooms: {permanent: [{name: shut, locked: true}]}\npolicies: {standard: {methods: [mikey-dh, sdes]}}")
	desk := enrolled(t, s, NewAccount{Name: "deskphone"})
	p := newPhone(t, s)
	_, seat := p.joins(attempt{room: "hall", transport: "tls", as: desk})
	if o := p.call(attempt{room: "shut", transport: "tls", as: desk}); o.status != 403 {
		t.Fatalf("%d", o.status)
	}
	until(t, "the collector is told", func() bool { return c.of(seat.Leg.ID) != nil && c.of("room_locked") != nil })
	if got := c.of(seat.Leg.ID); !slices.Equal(got, []string{"INVITE", "admit", "seat", "agree", "answer", "ack"}) {
		t.Errorf("of the call: %q", got)
	}
	if got := c.of("room_locked"); !slices.Equal(got, []string{"INVITE", "admit", "seat"}) {
		t.Errorf("of the refusal: %q", got)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.names) != 2 {
		t.Errorf("%q", c.names)
	}
	for _, word := range []string{"deskphone", "hall", "shut", seat.Leg.MediaAddr, seat.Leg.SignallingAddr} {
		if word != "" && strings.Contains(c.text, word) {
			t.Errorf("%q stands in a trace", word)
		}
	}
}

// TestTelemetryURL: whoever is told is on this machine, or is told over TLS.
func TestTelemetryURL(t *testing.T) {
	for url, good := range map[string]bool{"http://127.0.0.1:4318/v1/traces": true, "https://collector.example/v1/traces": true, "http://collector.example/": false} {
		_, err := ReadConfig("test", []byte("telemetry: {otlp: \""+url+"\"}"), nil)
		if errors.Is(err, ErrConfig) == good {
			t.Errorf("%s: %v", url, err)
		}
	}
}
