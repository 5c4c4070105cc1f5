package webhook

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/conclave/conclave/server/events"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// secret of the tests.
var secret = []byte("a secret of more than thirty-two octets")

// patience bounds every wait: what it guards against is a hang.
const patience = 30 * time.Second

// got is one request that a receiver had.
type got struct{ field, body, contentType string }

// receiver answers with the statuses it is given in turn, then with 204, and keeps what it got.
func receiver(t *testing.T, statuses ...int) (*httptest.Server, chan got) {
	t.Helper()
	had := make(chan got, 4096)
	var n atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		status := 204
		if i := int(n.Add(1)) - 1; i < len(statuses) {
			status = statuses[i]
		}
		if status/100 == 3 {
			w.Header().Set("Location", "/elsewhere")
		}
		w.WriteHeader(status)
		had <- got{r.Header.Get(Header), string(body), r.Header.Get("Content-Type")}
	}))
	t.Cleanup(s.Close)
	return s, had
}

// quick is a pace for tests.
var quick = pace{first: time.Millisecond, longest: 4 * time.Millisecond, oldest: patience, close: patience}

// sending starts a sender over a ring of its own; stop ends both.
func sending(t *testing.T, p pace, hooks ...Hook) (ring *events.Ring, s *Sender, stop func()) {
	t.Helper()
	ring = events.New(4096, time.Now)
	s, err := start(ring, hooks, p, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return ring, s, func() { ring.Close(); s.Close() }
}

// next is what the receiver gets next.
func next(t *testing.T, had chan got) got {
	t.Helper()
	select {
	case g := <-had:
		return g
	case <-time.After(patience):
		t.Fatal("nothing came")
	}
	return got{}
}

// TestDelivery: each event that a hook wants comes once, in order, signed over what came; the others do not.
func TestDelivery(t *testing.T) {
	s, had := receiver(t)
	ring, sender, stop := sending(t, quick, Hook{URL: s.URL + "/in?key=canary", Secret: secret, Types: []string{"seat.joined", "seat.left"}, Rooms: []string{"hall"}})
	for i := range 5 {
		ring.Publish(events.Event{Type: "seat.joined", Room: "hall", Account: fmt.Sprint(i)})
		ring.Publish(events.Event{Type: "seat.joined", Room: "zoo"})
		ring.Publish(events.Event{Type: "leg.state", Room: "hall"})
	}
	for i := range 5 {
		g := next(t, had)
		id, err := Verify(secret, g.field, []byte(g.body), time.Now())
		if err != nil || !strings.Contains(g.body, fmt.Sprintf(`"id":%d,`, id)) || !strings.Contains(g.body, fmt.Sprintf(`"account":"%d"`, i)) || g.contentType != "application/json" {
			t.Errorf("event %d: %+v: %v", i, g, err)
		}
	}
	ring.Publish(events.Event{Type: "seat.left", Room: "hall"}) // the last words of a server come, too
	stop()
	if g := next(t, had); !strings.Contains(g.body, "seat.left") || len(had) != 0 {
		t.Errorf("at the end: %+v, and %d more", g, len(had))
	}
	v := sender.Views()[0]
	if v.Delivered != 6 || v.Failed != 0 || v.Dead != 0 || v.URL != s.URL+"/in" || v.LastStatus != 204 {
		t.Errorf("shown as %+v", v)
	}
}

// TestRetries: what is refused, redirected or not answered is sent again, signed anew, and those behind it wait.
func TestRetries(t *testing.T) {
	s, had := receiver(t, 500, 307, 404, 429)
	ring, sender, stop := sending(t, quick, Hook{URL: s.URL, Secret: secret})
	defer stop()
	for _, kind := range []string{"first", "second"} {
		ring.Publish(events.Event{Type: kind})
	}
	var ids []uint64
	for range 6 {
		g := next(t, had)
		id, err := Verify(secret, g.field, []byte(g.body), time.Now())
		if err != nil {
			t.Error(err)
		}
		ids = append(ids, id)
	}
	if ids[0] != ids[4] || ids[5] != ids[0]+1 {
		t.Errorf("events came as %v", ids)
	}
	stop()
	if v := sender.Totals(); v != (Totals{Delivered: 2, Failed: 4}) {
		t.Errorf("counted %+v", v)
	}
}

// TestDeadLetters: what is too old is given up, and what finds no room; both are counted and shown, and those behind them go on.
func TestDeadLetters(t *testing.T) {
	p := quick
	p.oldest = 0
	s, had := receiver(t, 503)
	ring, sender, stop := sending(t, p, Hook{URL: s.URL + "/?key=canary", Secret: secret})
	defer stop()
	ring.Publish(events.Event{Type: "lost"})
	ring.Publish(events.Event{Type: "taken"})
	next(t, had)
	if g := next(t, had); !strings.Contains(g.body, "taken") {
		t.Errorf("after the dead one: %+v", g)
	}
	stop()
	v := sender.Views()[0]
	if v.Dead != 1 || len(v.DeadLetters) != 1 || v.DeadLetters[0].Type != "lost" || v.DeadLetters[0].Attempts != 1 || v.DeadLetters[0].Reason != "the receiver answers 503" {
		t.Errorf("shown as %+v", v)
	}

	h := &hook{Hook: Hook{}, queue: make(chan letter, 1), log: slog.New(slog.DiscardHandler)}
	full := events.New(4096, time.Now)
	heard := full.Subscribe(events.Latest)
	for range keptDead + 11 {
		full.Publish(events.Event{Type: "x"})
	}
	full.Close()
	h.listen(full, heard)
	if v := h.view(); v.Dead != keptDead+10 || len(v.DeadLetters) != keptDead || v.DeadLetters[0].Attempts != 0 || v.Queued != 1 {
		t.Errorf("a queue that is full: %d dead, %d shown", v.Dead, len(v.DeadLetters))
	}
}

// roundTrip is a client's way to the receiver.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestUnreachable: who is not there is told without the URL, and the end does not wait for him.
func TestUnreachable(t *testing.T) {
	s, _ := receiver(t)
	gone := s.URL
	s.Close()
	p := quick
	p.first, p.longest, p.close = time.Hour, time.Hour, time.Millisecond
	ring, sender, stop := sending(t, p, Hook{URL: gone + "/?key=canary", Secret: secret})
	tried := make(chan struct{}, 1)
	below := sender.hooks[0].client.Transport
	sender.hooks[0].client.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
		resp, err := below.RoundTrip(r)
		tried <- struct{}{}
		return resp, err
	})
	ring.Publish(events.Event{Type: "x"})
	<-tried
	stop()
	v := sender.Views()[0]
	if v.Dead != 1 || v.LastError == "" || strings.Contains(fmt.Sprint(v), "canary") {
		t.Errorf("shown as %+v", v)
	}
}

// TestOnlyThisMachine: plain HTTP goes nowhere else, whatever a name leads to.
func TestOnlyThisMachine(t *testing.T) {
	h := &hook{Hook: Hook{URL: "http://192.0.2.1:9/", Secret: secret}}
	req, _ := http.NewRequest(http.MethodPost, h.URL, nil)
	if _, err := newClient(req.URL).Do(req); err == nil || !strings.Contains(err.Error(), "not this machine") {
		t.Errorf("sent to %s: %v", h.URL, err)
	}
}

// TestCheckURL is what a hook may be sent to.
func TestCheckURL(t *testing.T) {
	for text, good := range map[string]bool{
		"https://hooks.example.com/in?x=1": true, "http://127.0.0.1:8080/": true, "http://localhost/x": true, "http://[::1]:1/": true,
		"http://hooks.example.com/": false, "http://127.0.0.1.example.com/": false, "https://user:pass@h.example/": false, "https://h.example/#x": false,
		"ftp://h.example/": false, "file:///etc/passwd": false, "https://": false, "": false, "h.example/in": false, "https://:443/": false, "http://169.254.169.254/": false,
	} {
		if err := CheckURL(text); (err == nil) != good {
			t.Errorf("%q: %v", text, err)
		}
	}
	for name, h := range map[string]Hook{"URL": {URL: "http://h.example", Secret: secret}, "secret": {URL: "https://h.example", Secret: secret[:31]}} {
		if _, err := start(nil, []Hook{h}, quick, slog.New(slog.DiscardHandler)); err == nil || strings.Contains(err.Error(), string(secret[:31])) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestVerify: nothing but what was signed, by whom it was, and not long ago, is taken.
func TestVerify(t *testing.T) {
	now, body := time.Unix(1_800_000_000, 0), []byte(`{"id":7}`)
	field := sign(secret, 7, body, now)
	if id, err := Verify(secret, field, body, now.Add(window)); err != nil || id != 7 {
		t.Fatalf("%q: %d, %v", field, id, err)
	}
	at := now.Add(-window - time.Second)
	for name, test := range map[string]struct {
		secret []byte
		field  string
		body   string
		at     time.Time
		want   error
	}{
		"another secret": {secret[1:], field, string(body), now, ErrSignature},
		"another body":   {secret, field, `{"id":8}`, now, ErrSignature},
		"another time":   {secret, strings.Replace(field, "t=18", "t=19", 1), string(body), now, ErrSignature},
		"no signature":   {secret, "t=1800000000,id=7", string(body), now, ErrSignature},
		"empty":          {secret, "", string(body), now, ErrSignature},
		"cut":            {secret, field[:len(field)-2], string(body), now, ErrSignature},
		"another id":     {secret, strings.Replace(field, "id=7", "id=8", 1), string(body), now, ErrSignature},
		"no id":          {secret, strings.Replace(field, "id=7,", "", 1), string(body), now, ErrSignature},
		"too old":        {secret, field, string(body), now.Add(window + time.Second), ErrExpired},
		"of the future":  {secret, field, string(body), at, ErrExpired},
	} {
		if _, err := Verify(test.secret, test.field, []byte(test.body), test.at); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
	for i := range field { // no octet of it means nothing
		spoilt := []byte(field)
		spoilt[i] ^= 1
		if _, err := Verify(secret, string(spoilt), body, now); err == nil && spoilt[i] != ' ' {
			t.Errorf("%q is taken", spoilt)
		}
	}
}
