package admin

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestTokens asks every route with every wrong way to authorise. None may change anything or answer anything but 401 or 429.
func TestTokens(t *testing.T) {
	now := time.Now()
	r := newRig(t, func(c *Config) { c.Now = func() time.Time { now = now.Add(time.Minute); return now } })
	bad := map[string]func(*http.Request){
		"none":  func(q *http.Request) { q.Header.Del("Authorization") },
		"empty": func(q *http.Request) { q.Header.Set("Authorization", "Bearer ") },
		"wrong": func(q *http.Request) { q.Header.Set("Authorization", "Bearer "+strings.Repeat("A", 43)) },
		"short": func(q *http.Request) { q.Header.Set("Authorization", "Bearer "+r.token[:42]) },
		"long":  func(q *http.Request) { q.Header.Set("Authorization", "Bearer "+r.token+"A") },
		"basic": func(q *http.Request) { q.SetBasicAuth("admin", r.token) },
		"bare":  func(q *http.Request) { q.Header.Set("Authorization", r.token) },
		"two":   func(q *http.Request) { q.Header.Add("Authorization", "Bearer "+r.token) },
		"query": func(q *http.Request) { q.Header.Del("Authorization"); q.URL.RawQuery = "access_token=" + r.token },
		"cookie": func(q *http.Request) {
			q.Header.Del("Authorization")
			q.AddCookie(&http.Cookie{Name: "token", Value: r.token})
		},
		"forwarded": func(q *http.Request) { q.Header.Del("Authorization"); q.Header.Set("X-Forwarded-For", "127.0.0.1") },
	}
	asked := append(routes[:len(routes):len(routes)], routes[0], routes[0])
	asked[len(asked)-2].path = eventsPath
	asked[len(asked)-1].path = "/v1/nothing" // a stranger cannot tell what there is
	for how, edit := range bad {
		for _, route := range asked {
			got := r.ask(t, route.method, route.path, route.body, edit)
			if got.problem(t, 401); got.header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s: no challenge", how)
			}
		}
	}
	if len(r.accounts) != 0 || len(r.tokens) != 0 || len(r.seats) != 3 || r.seats[1].Muted || r.seats[1].Leg.Keying.Rekeys != 0 {
		t.Error("a stranger changed something")
	}
	if log := r.log.String(); strings.Contains(log, r.token) || strings.Contains(log, r.token[:42]) {
		t.Error("the log holds a token")
	}
}

func TestThrottle(t *testing.T) {
	var mu sync.Mutex
	now := start
	r := newRig(t, func(c *Config) {
		c.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	})
	wrong := func(q *http.Request) { q.Header.Set("Authorization", "Bearer wrong") }
	for range failuresAllowed {
		r.ask(t, "GET", "/v1/rooms", "", wrong).problem(t, 401)
	}
	got := r.ask(t, "GET", "/v1/rooms", "", wrong)
	if got.problem(t, 429); got.header.Get("Retry-After") != "61" {
		t.Errorf("Retry-After %q", got.header.Get("Retry-After"))
	}
	if got := r.ask(t, "GET", "/v1/rooms", "", nil); got.status != 200 {
		t.Errorf("the right token must pass beside a guesser: %d", got.status)
	}
	mu.Lock()
	now = now.Add(failureWindow)
	mu.Unlock()
	r.ask(t, "GET", "/v1/rooms", "", wrong).problem(t, 401)
}

func TestFailuresAreBounded(t *testing.T) {
	f := newFailures(func() time.Time { return start })
	for i := range maxSources + 300 {
		var a [16]byte
		a[0], a[6], a[7], a[15] = 0x20, byte(i>>8), byte(i), byte(i) // one /64 each
		f.note(addrFrom16(a))
	}
	if len(f.sources) > maxSources {
		t.Errorf("%d sources are kept", len(f.sources))
	}
}
