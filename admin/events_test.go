package admin

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/conclave/conclave/server"
	"github.com/conclave/conclave/server/events"
)

// newStage is a rig with a ring of events.
func newStage(t *testing.T, kept int) *rig {
	t.Helper()
	r := newRig(t, func(c *Config) { c.stalled = time.Second / 2 })
	r.ring = events.New(kept, time.Now)
	t.Cleanup(r.ring.Close)
	return r
}

// stream is the answer to one who listens.
type stream struct {
	t    *testing.T
	resp *http.Response
	text *bufio.Reader
}

// listens asks for events.
func (r *rig) listens(t *testing.T, query string, after uint64) *stream {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.base+eventsPath+query, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+r.token)
	if after != 0 {
		req.Header.Set("Last-Event-ID", fmt.Sprint(after))
	}
	resp, err := r.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return &stream{t, resp, bufio.NewReader(resp.Body)}
}

// block reads up to the next empty line.
func (s *stream) block() (lines []string) {
	s.t.Helper()
	for {
		line, err := s.text.ReadString('\n')
		if err != nil {
			s.t.Fatalf("after %q: %v", lines, err)
		}
		if line == "\n" {
			return lines
		}
		lines = append(lines, strings.TrimSuffix(line, "\n"))
	}
}

// event reads the next one.
func (s *stream) event() (e server.Event) {
	s.t.Helper()
	lines := s.block()
	if len(lines) != 3 {
		s.t.Fatalf("no event: %q", lines)
	}
	if err := json.Unmarshal([]byte(strings.TrimPrefix(lines[2], "data: ")), &e); err != nil {
		s.t.Fatalf("%q: %v", lines, err)
	}
	if lines[0] != fmt.Sprint("id: ", e.ID) || lines[1] != "event: "+e.Type {
		s.t.Errorf("%q", lines)
	}
	return e
}

// TestEvents: who listens gets what happens, or the part of it that it asked for.
func TestEvents(t *testing.T) {
	r := newStage(t, 64)
	all, room, types := r.listens(t, "", 0), r.listens(t, "?room=Demo", 0), r.listens(t, "?types=seat.left,room.closed", 0)
	for _, s := range []*stream{all, room, types} {
		h := s.resp.Header
		if s.resp.StatusCode != 200 || h.Get("Content-Type") != "text/event-stream" || h.Get("X-Accel-Buffering") != "no" || h.Get("Cache-Control") != "no-store" {
			t.Fatalf("%d %v", s.resp.StatusCode, h)
		}
		if first := s.block(); len(first) != 1 || first[0] != "retry: 2000" {
			t.Errorf("begins with %q", first)
		}
	}
	r.ring.Publish(server.Event{Type: server.EventSeatJoined, Room: "zoo", Data: server.SeatState{DisplayName: "</script>\n\u2028data: x"}})
	r.ring.Publish(server.Event{Type: server.EventAccountCreated, Account: "bob"})
	r.ring.Publish(server.Event{Type: server.EventSeatJoined, Room: "demo"})
	r.ring.Publish(server.Event{Type: server.EventSeatLeft, Room: "demo"})
	var got []string
	for range 4 {
		e := all.event()
		got = append(got, e.Type+" "+e.Room+e.Account)
	}
	if want := "seat.joined zoo,account.created bob,seat.joined demo,seat.left demo"; strings.Join(got, ",") != want {
		t.Errorf("got %q", got)
	}
	if a, b := room.event(), room.event(); a.Type != server.EventSeatJoined || a.Room != "demo" || b.Type != server.EventSeatLeft {
		t.Errorf("of the room: %+v, %+v", a, b)
	}
	if e := types.event(); e.Type != server.EventSeatLeft {
		t.Errorf("of the types: %+v", e)
	}
}

// TestEventsResume: Last-Event-ID goes on where the client was, and says so where it cannot.
func TestEventsResume(t *testing.T) {
	r := newStage(t, 4)
	s := r.listens(t, "", 0)
	s.block()
	var last server.Event
	for range 8 {
		r.ring.Publish(server.Event{Type: server.EventRoomOpened})
		last = s.event()
	}
	s = r.listens(t, "", last.ID-2)
	s.block()
	if e := s.event(); e.ID != last.ID-1 {
		t.Errorf("resumed with %d, want %d", e.ID, last.ID-1)
	}
	s = r.listens(t, "", last.ID-6)
	s.block()
	if lines := s.block(); strings.Join(lines, "|") != "event: missed|data: {}" {
		t.Errorf("not told what it missed: %q", lines)
	}
	if e := s.event(); e.ID != last.ID-3 {
		t.Errorf("then %d", e.ID)
	}
}

// TestBadListeners are refused before they listen.
func TestBadListeners(t *testing.T) {
	r := newStage(t, 4)
	for query, id := range map[string]string{
		"?types=seat.jumped": "", "?types=": "", "?nothing=1": "", "?room=" + strings.Repeat("a", 300): "",
		"": "-1", "?room=a": "1e3", "?room=b": "99999999999999999999999", "?room=c": "\u00e9",
	} {
		if query == "?types=" {
			continue // none: all
		}
		got := r.ask(t, "GET", eventsPath+query, "", func(q *http.Request) {
			if id != "" {
				q.Header.Set("Last-Event-ID", id)
			}
		})
		if got.problem(t, 422); r.ring.Listeners() != 0 {
			t.Fatalf("%q %q listens", query, id)
		}
	}
	r.ring.Close()
	r.ask(t, "GET", eventsPath, "", nil).problem(t, 503)
}

// TestListenersLeaveRoom: those who listen take nothing from other requests, and their own number is bounded.
func TestListenersLeaveRoom(t *testing.T) {
	r := newStage(t, 4)
	for range maxInFlightBy + 1 {
		r.listens(t, "", 0).block()
	}
	if got := r.ask(t, "GET", "/v1/rooms", "", nil); got.status != 200 {
		t.Errorf("%d beside %d listeners", got.status, r.ring.Listeners())
	}
}

// TestListenersHaveShares: a token, and an address, has so many, and is told what to do; the others have theirs.
func TestListenersHaveShares(t *testing.T) {
	here := sourceOf(netip.AddrFrom4([4]byte{127, 0, 0, 1}))
	for name, c := range map[string]struct {
		by     string
		n      int
		status int
		words  string
	}{
		"the token":    {"file", maxListeningBy, 429, "with this token"},
		"the address":  {"", maxListeningFrom, 429, "from this address"},
		"everybody":    {"", maxListening, 503, "try again"},
		"nearly":       {"file", maxListeningBy - 1, 200, ""},
		"another's is": {"token:t1", maxListeningBy, 200, ""},
	} {
		r := newStage(t, 4)
		for i := range c.n {
			by, from := c.by, here
			if by == "" {
				by = fmt.Sprint(i)
			}
			if name == "everybody" {
				from = sourceOf(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}))
			}
			if r.admin.listening.enter(by, from, true) != notTaken {
				t.Fatalf("%s: no room for %d", name, i)
			}
		}
		if c.status == 200 {
			if s := r.listens(t, "", 0); s.resp.StatusCode != 200 {
				t.Errorf("%s: %d", name, s.resp.StatusCode)
			}
			continue
		}
		got := r.ask(t, "GET", eventsPath, "", nil)
		got.problem(t, c.status)
		if !strings.Contains(got.body, c.words) || got.header.Get("Retry-After") == "" {
			t.Errorf("%s: %s, Retry-After %q", name, got.body, got.header.Get("Retry-After"))
		}
		if r.ask(t, "GET", "/v1/rooms", "", nil).status != 200 {
			t.Errorf("%s: other requests are refused, too", name)
		}
	}
	u := newListening()
	for range 3 {
		u.enter("a", here, false)
	}
	for range 3 {
		u.leave("a", here)
	}
	if u.all != 0 || len(u.by) != 0 || len(u.from) != 0 {
		t.Errorf("who has gone is kept: %+v", u)
	}
}

// TestStalledListener: a client that does not read is cut off before it has cost the server much, hears so at once, is counted, and holds
// up nobody.
func TestStalledListener(t *testing.T) {
	r := newStage(t, 256)
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.(*net.TCPConn).SetReadBuffer(4096)
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n", eventsPath, r.token)
	quick := r.listens(t, "", 0)
	quick.block()
	text := strings.Repeat("x", 2000)
	for range 40 { // 80 KB are more than the buffers of both sides hold
		r.ring.Publish(server.Event{Type: server.EventRoomOpened, Data: text})
		if e := quick.event(); e.Data != text {
			t.Fatal("the other listener got something else")
		}
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for until := time.After(10 * time.Second); r.ring.Listeners() > 1; {
		select {
		case <-tick.C:
		case <-until:
			t.Fatal("the stalled listener is still there")
		}
	}
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.Copy(io.Discard, conn); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("it hears %v", err)
	}
	if body := r.ask(t, "GET", "/metrics", "", nil).body; !strings.Contains(body, "conclave_admin_listeners_cut_off_total 1") {
		t.Error("not counted")
	}
}

// TestListenersAtTheEnd: the API stops although somebody listens.
func TestListenersAtTheEnd(t *testing.T) {
	r := newStage(t, 4)
	s := r.listens(t, "", 0)
	s.block()
	var wg sync.WaitGroup
	wg.Go(r.ring.Close)
	if _, err := io.ReadAll(s.text); err != nil {
		t.Errorf("ended with %v", err)
	}
	wg.Wait()
}
