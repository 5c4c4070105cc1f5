package admin

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/conclave/conclave/server"
)

// bears has a request come with that token.
func bears(token string) func(*http.Request) {
	return func(q *http.Request) { q.Header.Set("Authorization", "Bearer "+token) }
}

// TestPlacesKeptForAdmins: many tokens together take no place that is kept for those who run the server, of requests or of listeners.
func TestPlacesKeptForAdmins(t *testing.T) {
	r := newRig(t, nil)
	for _, of := range []*places{r.admin.inFlight, r.admin.listening} {
		n := 0
		for why := notTaken; why == notTaken; n++ {
			why = of.enter(fmt.Sprint(n/of.mostBy), sourceOf(netip.AddrFrom4([4]byte{192, 0, 2, byte(n)})), false)
			if n > of.most {
				t.Fatal("others take all places")
			}
		}
		if n--; n != of.most-keptForAdmins || n < of.mostBy {
			t.Errorf("others take %d places of %d", n, of.most)
		}
	}
	for who, token := range map[string]string{
		"viewer": r.grant("v", server.Viewer, "", false), "operator": r.grant("o", server.Operator, "", false), "admin of a room": r.grant("r", server.Administrator, "demo", false),
	} {
		for _, path := range []string{"/v1/rooms/demo", eventsPath + "?room=demo"} {
			got := r.ask(t, "GET", path, "", bears(token))
			if got.problem(t, 429); got.header.Get("Retry-After") == "" || !strings.Contains(got.body, "try again") {
				t.Errorf("%s, %s: %v %s", who, path, got.header, got.body)
			}
		}
	}
	for _, token := range []string{r.token, r.grant("a", server.Administrator, "", false)} {
		for _, ask := range [][2]string{{"GET", "/v1/rooms"}, {"PUT", "/v1/node/drain"}, {"DELETE", "/v1/tokens/v"}} {
			if got := r.ask(t, ask[0], ask[1], "", bears(token)); got.status >= 300 && got.status != 404 {
				t.Errorf("an admin, %s: %d %s", ask, got.status, got.body)
			}
		}
	}
	r.metric(t, fmt.Sprintf(`conclave_admin_refused_total{reason=%q} 3`, reasonShare))
	r.metric(t, fmt.Sprintf(`conclave_admin_refused_total{reason=%q} 3`, reasonListeners))
}

// TestRevokedTokenLosesItsAnswers: what is asked for with a token ends when it is revoked, though nobody reads it, and nobody else's does.
func TestRevokedTokenLosesItsAnswers(t *testing.T) {
	r := newStage(t, 4)
	r.narrow(t)
	viewer, other := r.grant("v", server.Viewer, "", false), r.grant("w", server.Viewer, "", false)
	listens := func(token string) *http.Response {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.base+eventsPath, nil)
		if err != nil {
			t.Fatal(err)
		}
		bears(token)(req)
		resp, err := r.http.Do(req)
		if err != nil || resp.StatusCode != 200 {
			t.Fatal(err, resp)
		}
		t.Cleanup(func() { _ = resp.Body.Close() })
		return resp
	}
	stream, stays := listens(viewer), listens(other)
	for range maxInFlightBy + 2 {
		r.stalls(t, viewer)
	}
	r.askUntil(t, "with this token are being answered", bears(viewer))
	if got := r.ask(t, "DELETE", "/v1/tokens/v", "", nil); got.status != 204 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	revoked := time.Now()
	if rest, err := io.ReadAll(stream.Body); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the stream ends with %v after %q", err, rest)
	}
	for r.admin.inFlight.of("token:v")+r.admin.listening.of("token:v") > 0 {
		if time.Since(revoked) > heartbeat/2 { // before any deadline
			t.Fatalf("%d requests and %d listeners keep their places", r.admin.inFlight.of("token:v"), r.admin.listening.of("token:v"))
		}
		time.Sleep(time.Millisecond) // their handlers end by themselves, and nobody is told
	}
	r.ring.Publish(server.Event{Type: server.EventRoomOpened, Room: "demo"})
	for seen := ""; !strings.Contains(seen, server.EventRoomOpened); {
		b := make([]byte, 512)
		n, err := stays.Body.Read(b)
		if err != nil && !errors.Is(err, io.EOF) || n == 0 {
			t.Fatalf("somebody else's stream: %v after %q", err, seen)
		}
		seen += string(b[:n])
	}
	r.admin.underway.mu.Lock()
	defer r.admin.underway.mu.Unlock()
	if len(r.admin.underway.by["token:v"]) != 0 {
		t.Error("who is answered nothing more is kept")
	}
}

// of gives how many places a principal has.
func (u *places) of(by string) int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.by[by]
}

// TestTokenThatRevokesItself hears that it is done.
func TestTokenThatRevokesItself(t *testing.T) {
	r := newRig(t, nil)
	own := r.grant("own", server.Administrator, "", false)
	if got := r.ask(t, "DELETE", "/v1/tokens/own", "", bears(own)); got.status != 204 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if got := r.ask(t, "GET", "/v1/rooms", "", bears(own)); got.status != 401 {
		t.Errorf("it is good still: %d", got.status)
	}
}
