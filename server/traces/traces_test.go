package traces

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// collector is one: it answers with the statuses in turn, then with 200, and keeps what it took.
type collector struct {
	mu       sync.Mutex
	statuses []int
	asked    int
	took     []request
	first    chan struct{} // closed at the first request
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asked++; c.asked == 1 {
		close(c.first)
	}
	if len(c.statuses) > 0 {
		status := c.statuses[0]
		c.statuses = c.statuses[1:]
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
		return
	}
	var q request
	if err != nil || json.Unmarshal(body, &q) != nil || r.Header.Get("Content-Type") != "application/json" || r.URL.Path != "/v1/traces" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c.took = append(c.took, q)
}

// exporting gives an exporter to a collector.
func exporting(t *testing.T, every time.Duration, statuses ...int) (*Exporter, *collector) {
	t.Helper()
	c := &collector{statuses: statuses, first: make(chan struct{})}
	srv := httptest.NewServer(c)
	t.Cleanup(srv.Close)
	e := New(Config{URL: srv.URL + "/v1/traces", Instance: "here", Every: every})
	t.Cleanup(e.Close)
	return e, c
}

// TestASetUp: its steps follow one another without a gap, within the whole, and what failed says where.
func TestASetUp(t *testing.T) {
	e, c := exporting(t, time.Hour)
	began := time.Now().Add(-time.Second)
	s := e.Begin("admit", began)
	s.Step("agree")
	s.Note("conclave.method", "mikey-dh")
	s.Note("conclave.leg", "")
	s.Step("answer")
	s.End(488, "no_common_suite")
	s.Step("ack") // too late
	s.Note("late", "x")
	s.End(200, "")
	e.Begin("admit", began).End(200, "")
	e.Close()
	if sent, dropped := e.Counts(); sent != 2 || dropped != 0 || len(c.took) != 1 {
		t.Fatalf("%d sent, %d dropped in %d requests", sent, dropped, len(c.took))
	}
	spans := c.took[0].ResourceSpans[0].ScopeSpans[0].Spans
	var names []string
	ids := map[string]bool{}
	for _, sp := range spans {
		names = append(names, sp.Name)
		if len(sp.SpanID) != 16 || len(sp.TraceID) != 32 || ids[sp.SpanID] {
			t.Errorf("ids of %+v", sp)
		}
		ids[sp.SpanID] = true
	}
	if !slices.Equal(names, []string{"INVITE", "admit", "agree", "answer", "INVITE", "admit"}) {
		t.Fatalf("%q", names)
	}
	whole := spans[0]
	want := []attribute{{"sip.status", value{Int: "488"}}, {"conclave.method", value{String: "mikey-dh"}}}
	if !slices.Equal(whole.Attributes, want) || whole.Kind != kindServer || whole.ParentID != "" || whole.Start != nanos(began) {
		t.Errorf("%+v", whole)
	}
	for i, sp := range spans[1:4] {
		begins := whole.Start
		if i > 0 {
			begins = spans[i].End
		}
		if sp.ParentID != whole.SpanID || sp.TraceID != whole.TraceID || sp.Start != begins {
			t.Errorf("%+v does not follow %+v", sp, spans[i])
		}
	}
	if last := spans[3]; last.End != whole.End || last.Status == nil || last.Status.Code != codeError || whole.Status.Message != "no_common_suite" || spans[1].Status != nil {
		t.Errorf("%+v, %+v", whole.Status, last)
	}
	if spans[4].TraceID == whole.TraceID || spans[4].Status != nil {
		t.Errorf("%+v", spans[4])
	}
}

// TestACollectorThatRefuses is asked again where that is of use, and follows nobody elsewhere.
func TestACollectorThatRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		statuses      []int
		asked         int
		sent, dropped uint64
	}{
		"busy twice":  {[]int{503, 429}, 3, 1, 0},
		"always busy": {[]int{503, 503, 503, 503}, 3, 0, 1},
		"wrong":       {[]int{400}, 1, 0, 1},
		"elsewhere":   {[]int{307}, 1, 0, 1},
	} {
		e, col := exporting(t, time.Millisecond, c.statuses...)
		e.Begin("admit", time.Now()).End(200, "")
		ticker := time.NewTicker(time.Millisecond)
		for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); <-ticker.C {
			if sent, dropped := e.Counts(); sent+dropped > 0 {
				break
			}
		}
		ticker.Stop()
		e.Close()
		if sent, dropped := e.Counts(); sent != c.sent || dropped != c.dropped || col.asked != c.asked {
			t.Errorf("%s: %d sent, %d dropped, asked %d times", name, sent, dropped, col.asked)
		}
	}
}

// TestAFlood: what finds the queue full is dropped, and nobody waits.
func TestAFlood(t *testing.T) {
	e := New(Config{URL: "http://127.0.0.1:1/v1/traces", Every: time.Hour}) // nobody listens there
	const flood = 3 * queueLength
	for range flood {
		e.Begin("admit", time.Now()).End(200, "")
	}
	e.Close()
	if sent, dropped := e.Counts(); sent != 0 || dropped != flood {
		t.Errorf("%d sent, %d dropped", sent, dropped)
	}
}

// TestNobodyAsked: without an exporter everything is taken and nothing happens, at no cost.
func TestNobodyAsked(t *testing.T) {
	var e *Exporter
	now := time.Now()
	if n := testing.AllocsPerRun(100, func() {
		s := e.Begin("admit", now)
		s.Step("agree")
		s.Note("a", "b")
		s.End(200, "")
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	e.Close()
	if sent, dropped := e.Counts(); sent+dropped != 0 {
		t.Error("counted")
	}
}
