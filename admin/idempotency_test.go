package admin

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/conclave/conclave/server"
)

func keyed(key string) func(*http.Request) {
	return func(q *http.Request) { q.Header.Set("Idempotency-Key", key) }
}

// TestIdempotency: who lost the answer to a POST gets it again by its key, without anything being done twice.
func TestIdempotency(t *testing.T) {
	var mu sync.Mutex
	now := start
	r := newRig(t, func(c *Config) { c.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now } })
	const body = `{"name":"bob"}`
	first := r.ask(t, "POST", "/v1/accounts", body, keyed("k1"))
	again := r.ask(t, "POST", "/v1/accounts", body, keyed("k1"))
	if first.status != 201 || again.status != 201 || again.body != first.body {
		t.Fatalf("%d %s, then %d %s", first.status, first.body, again.status, again.body)
	}
	for _, name := range []string{"Location", "Content-Type", "Cache-Control", "X-Content-Type-Options"} {
		if got := again.header.Values(name); len(got) != 1 || got[0] != first.header.Get(name) {
			t.Errorf("%s: %q, first %q", name, got, first.header.Get(name))
		}
	}
	if first.header.Get("Idempotency-Replayed") != "" || again.header.Get("Idempotency-Replayed") != "true" {
		t.Error("the answer does not say which it is")
	}
	r.ask(t, "POST", "/v1/accounts", `{"name":"carl"}`, keyed("k1")).problem(t, 422)
	r.ask(t, "POST", "/v1/rooms", body, keyed("k1")).problem(t, 422)
	r.ask(t, "POST", "/v1/accounts?qr=svg", body, keyed("k1")).problem(t, 422)
	r.ask(t, "POST", "/v1/accounts", body, nil).problem(t, 409)
	r.ask(t, "POST", "/v1/accounts", body, keyed("k2")).problem(t, 409)
	if again := r.ask(t, "POST", "/v1/accounts", body, keyed("k2")); again.header.Get("Idempotency-Replayed") != "true" {
		t.Error("a refusal is an answer, too")
	}
	other := r.grant("t1", server.Administrator, "", false)
	r.ask(t, "POST", "/v1/accounts", body, func(q *http.Request) {
		keyed("k1")(q)
		q.Header.Set("Authorization", "Bearer "+other)
	}).problem(t, 409)
	viewer := r.grant("t2", server.Viewer, "", false)
	r.ask(t, "POST", "/v1/accounts", body, func(q *http.Request) {
		keyed("k1")(q)
		q.Header.Set("Authorization", "Bearer "+viewer)
	}).problem(t, 403)
	mu.Lock()
	now = now.Add(exchangeKept)
	mu.Unlock()
	r.ask(t, "POST", "/v1/accounts", body, keyed("k1")).problem(t, 409) // done afresh
}

// TestIdempotencyOfFailures: what failed by the server's doing may be tried again, a panic too.
func TestIdempotencyOfFailures(t *testing.T) {
	r := newRig(t, nil)
	set := func(fail error, crash bool) { r.mu.Lock(); r.fail, r.crash = fail, crash; r.mu.Unlock() }
	const body = `{"name":"bob"}`
	set(errors.New("disk"), false)
	r.ask(t, "POST", "/v1/accounts", body, keyed("k")).problem(t, 500)
	set(nil, true)
	r.ask(t, "POST", "/v1/accounts", body, keyed("k")).problem(t, 500)
	set(nil, false)
	if got := r.ask(t, "POST", "/v1/accounts", body, keyed("k")); got.status != 201 || got.header.Get("Idempotency-Replayed") != "" {
		t.Errorf("%d %s", got.status, got.body)
	}
	for _, key := range []string{"", "a b", strings.Repeat("k", 129), "ü"} {
		r.ask(t, "POST", "/v1/accounts", body, keyed(key)).problem(t, 400)
	}
	r.ask(t, "POST", "/v1/accounts", body, func(q *http.Request) { q.Header["Idempotency-Key"] = []string{"a", "b"} }).problem(t, 400)
	r.ask(t, "POST", "/v1/accounts", `{"name":"`+strings.Repeat("a", maxBody)+`"}`, keyed("large")).problem(t, 413)
	if got := r.ask(t, "GET", "/v1/rooms", "", keyed("k")); got.status != 200 || got.header.Get("Idempotency-Replayed") != "" {
		t.Errorf("a GET: %d", got.status)
	}
}

// TestLabels: no word of a client's becomes a label of a metric, whatever answers it.
func TestLabels(t *testing.T) {
	r := newRig(t, nil)
	r.ask(t, "PROPFIND", "/v1/rooms", "x", func(q *http.Request) { q.Header.Set("Content-Type", "text/plain") }).problem(t, 415)
	r.ask(t, "POST", "/v1/evil", "", keyed("a b")).problem(t, 400)
	r.ask(t, "BREW", "/v1/rooms", "", nil).problem(t, 405)
	r.ask(t, "GET", "/v1/evil", "", nil).problem(t, 404)
	for line := range strings.Lines(r.ask(t, "GET", "/metrics", "", nil).body) {
		if strings.Contains(line, "PROPFIND") || strings.Contains(line, "BREW") || strings.Contains(line, "evil") || strings.Contains(line, `route=""`) {
			t.Error(line)
		}
	}
}

// waitingServer works on an account until it is let go.
type waitingServer struct {
	*fake
	entered, release chan struct{}
}

func (s *waitingServer) CreateAccount(ctx context.Context, n server.NewAccount) (*server.Bundle, server.AccountView, error) {
	s.entered <- struct{}{}
	<-s.release
	return s.fake.CreateAccount(ctx, n)
}

// TestIdempotencyAtOnce: of two that come at once one is done, and the other told to wait.
func TestIdempotencyAtOnce(t *testing.T) {
	slow := &waitingServer{newFake(), make(chan struct{}), make(chan struct{})}
	r := newRig(t, func(c *Config) { c.Server = slow })
	done := make(chan answer)
	go func() { done <- r.ask(t, "POST", "/v1/accounts", `{"name":"bob"}`, keyed("k")) }()
	<-slow.entered
	if got := r.ask(t, "POST", "/v1/accounts", `{"name":"bob"}`, keyed("k")); got.header.Get("Retry-After") == "" {
		t.Errorf("%d without Retry-After", got.status)
	} else {
		got.problem(t, 409)
	}
	close(slow.release)
	if first := <-done; first.status != 201 {
		t.Errorf("%d %s", first.status, first.body)
	}
	if got := r.ask(t, "POST", "/v1/accounts", `{"name":"bob"}`, keyed("k")); got.status != 201 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// TestIdempotencyIsBounded: as many answers are kept as may, and what goes is wiped.
func TestIdempotencyIsBounded(t *testing.T) {
	c := newIdempotency(func() time.Time { return start })
	secret := []byte("psk of a bundle")
	finish := func(key string) []byte {
		k := idempotencyKey{"p", key}
		if state, _ := c.begin(k, sha256.Sum256([]byte(key))); state != keyFresh {
			t.Fatalf("%s is in state %d", key, state)
		}
		c.finish(k, sha256.Sum256([]byte(key)), &recorder{ResponseWriter: &silent{}, status: 201, body: *bytes.NewBuffer(bytes.Clone(secret))})
		return c.by[k].body
	}
	first := finish("first")
	for i := range maxExchanges {
		finish(fmt.Sprint(i))
	}
	if len(c.by) != maxExchanges || len(c.order) != maxExchanges || c.by[idempotencyKey{"p", "first"}] != nil {
		t.Errorf("%d kept", len(c.by))
	}
	if bytes.Contains(first, secret) {
		t.Error("what went was not wiped")
	}
	clear(c.by)
	c.order = nil
	for i := range maxExchanges {
		c.begin(idempotencyKey{"p", fmt.Sprint(i)}, [32]byte{})
	}
	if state, _ := c.begin(idempotencyKey{"p", "more"}, [32]byte{}); state != keyFull {
		t.Errorf("state %d while all are being done", state)
	}
}

// TestIdempotencyIsShared: one who asks without end pushes his own answers out, and not those of others.
func TestIdempotencyIsShared(t *testing.T) {
	c := newIdempotency(func() time.Time { return start })
	ask := func(principal, key string) {
		k := idempotencyKey{principal, key}
		if state, _ := c.begin(k, [32]byte{}); state != keyFresh {
			t.Fatalf("%s of %s is in state %d", key, principal, state)
		}
		c.finish(k, [32]byte{}, &recorder{ResponseWriter: &silent{}, status: 201})
	}
	ask("quiet", "first")
	for i := range 2 * maxExchanges {
		ask("loud", fmt.Sprint(i))
	}
	if state, _ := c.begin(idempotencyKey{"quiet", "first"}, [32]byte{}); state != keyDone || len(c.by) != maxExchanges {
		t.Errorf("state %d with %d kept", state, len(c.by))
	}
	ask("new", "first") // finds a place all the same
}

// silent is where an answer of no interest goes.
type silent struct{ header http.Header }

func (s *silent) Header() http.Header         { return s.header }
func (s *silent) Write(p []byte) (int, error) { return len(p), nil }
func (s *silent) WriteHeader(int)             {}

// TestPostsTakeKeys: the description of the API names the field at each POST.
func TestPostsTakeKeys(t *testing.T) {
	r := newRig(t, nil)
	var api struct {
		Paths map[string]map[string]struct {
			Parameters []struct{ Name, In string } `json:"parameters"`
		} `json:"paths"`
	}
	if err := json.Unmarshal([]byte(r.ask(t, "GET", "/openapi.json", "", nil).body), &api); err != nil {
		t.Fatal(err)
	}
	for path, methods := range api.Paths {
		for method, op := range methods {
			takes := false
			for _, p := range op.Parameters {
				takes = takes || p.Name == "Idempotency-Key" && p.In == "header"
			}
			if takes != (method == "post") {
				t.Errorf("%s %s takes a key: %v", method, path, takes)
			}
		}
	}
}
