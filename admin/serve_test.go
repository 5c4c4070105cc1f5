package admin

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/conclave/conclave/server"
)

func addrFrom16(a [16]byte) netip.Addr { return netip.AddrFrom16(a) }

// TestServeEndsRequests cuts the API off while a request is in flight and another connection says nothing.
func TestServeEndsRequests(t *testing.T) {
	token, hash, err := NewToken()
	if err != nil {
		t.Fatal(err)
	}
	slow := &slowServer{fake: newFake(), entered: make(chan struct{}), release: make(chan struct{})}
	a, err := New(Config{Server: slow, Tokens: []TokenHash{hash}})
	if err != nil {
		t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- a.Serve(ctx, l) }()
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // a test's own
	fmt.Fprintf(c, "GET /v1/rooms HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n", token)
	<-slow.entered
	cancel()
	close(slow.release)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("the request in flight was cut off: %v", err)
	}
	defer resp.Body.Close() //nolint:errcheck // a test's own
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("%d, %v", resp.StatusCode, err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// slowServer holds a request until it is let go.
type slowServer struct {
	*fake
	entered, release chan struct{}
}

// Rooms says that it was entered and waits.
func (s *slowServer) Rooms(ctx context.Context) ([]server.RoomView, error) {
	close(s.entered)
	<-s.release
	return s.fake.Rooms(ctx)
}

// TestLargeHeader refuses a header beyond its bound. The answer may be lost: the server closes without reading the rest.
func TestLargeHeader(t *testing.T) {
	r := newRig(t, nil)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.base+"/healthz", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X", strings.Repeat("a", 2*maxHeader))
	resp, err := r.http.Do(req)
	if err != nil {
		return
	}
	defer resp.Body.Close() //nolint:errcheck // a test's own
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %d", resp.StatusCode)
	}
}

// TestShed takes every place, of those who are known or of strangers, as many others would, and asks for one more of either kind.
func TestShed(t *testing.T) {
	for _, c := range []struct {
		full               func(*Admin) *places
		strangers, knowing int
	}{
		{func(a *Admin) *places { return a.inFlight }, 200, 503},
		{func(a *Admin) *places { return a.strangers }, 503, 200},
	} {
		r := newRig(t, nil)
		for i := 0; c.full(r.admin).enter(fmt.Sprint(i), sourceOf(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})), true) == notTaken; {
			i++
		}
		wrong := func(q *http.Request) { q.Header.Set("Authorization", "Bearer wrong") }
		for _, ask := range []struct {
			path string
			as   func(*http.Request)
			want int
		}{{"/docs", nobody, c.strangers}, {"/metrics", wrong, c.strangers}, {"/docs", nil, c.knowing}, {"/metrics", nil, c.knowing}, {"/v1/rooms", nil, c.knowing}, {"/healthz", nobody, 200}, {"/readyz", nil, 200}} {
			path, want := ask.path, ask.want
			got := r.ask(t, "GET", path, "", ask.as)
			if got.status != want || (want == 503) != (got.header.Get("Retry-After") != "") {
				t.Errorf("%s: %d, Retry-After %q", path, got.status, got.header.Get("Retry-After"))
			}
		}
	}
}

// TestStrangersTakeNoPlaces: who opens connections without end and proves nothing loses his oldest, and keeps out nobody who can prove himself.
func TestStrangersTakeNoPlaces(t *testing.T) {
	r := newRig(t, nil)
	r.ask(t, "GET", "/v1/rooms", "", nil) // over a connection that is kept, and stands
	var silent []net.Conn
	for range maxStrangersOf + 8 {
		c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(r.base, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close() //nolint:errcheck // a test's own
		silent = append(silent, c)
	}
	for _, c := range silent[:8] {
		_ = c.SetReadDeadline(time.Now().Add(headerPatience / 2))
		var late net.Error
		if _, err := c.Read(make([]byte, 1)); err == nil || errors.As(err, &late) && late.Timeout() {
			t.Fatalf("the oldest is kept: %v", err)
		}
	}
	r.metric(t, "conclave_admin_connections_evicted_total 8")
	r.metric(t, fmt.Sprintf(`conclave_admin_connections{who="strangers"} %d`, maxStrangersOf))
	fresh := &rig{base: r.base, token: r.token, http: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
	for _, who := range []*rig{r, fresh} {
		if got := who.ask(t, "GET", "/v1/rooms", "", nil); got.status != 200 {
			t.Errorf("kept out: %d", got.status)
		}
	}
}

// TestConnections is the count of those that are open, with sources and numbers that no test has sockets for.
func TestConnections(t *testing.T) {
	l := newConnections(nil, newMeters())
	open := func(source byte) (c, evicted *connection) {
		ours, theirs := net.Pipe()
		t.Cleanup(func() { _ = theirs.Close() })
		c = &connection{Conn: ours, of: l, source: sourceOf(netip.AddrFrom4([4]byte{192, 0, 2, source}))}
		return c, l.enter(c)
	}
	first, _ := open(0)
	for _, over := range []net.Conn{first, tls.Server(first, &tls.Config{MinVersion: tls.VersionTLS12})} {
		if connectionOf(withConnection(t.Context(), over)) != first {
			t.Fatalf("a request does not find its connection over %T", over)
		}
	}
	first.prove("a")
	second, _ := open(1)
	var flood []*connection
	for i := range maxStrangers - 1 {
		c, evicted := open(byte(2 + i%(maxStrangers/maxStrangersOf))) // nearly as many each as one may have
		if evicted != nil {
			t.Fatalf("the %d. stranger costs another his place", i+2)
		}
		flood = append(flood, c)
	}
	for i := range maxStrangers {
		if _, evicted := open(byte(6 + i%100)); evicted == second || evicted == nil {
			t.Fatal("the flood takes the place of the one from elsewhere, or all have places")
		} else if i == 0 && evicted != flood[0] {
			t.Error("the oldest of the source that has most has its place still")
		}
	}
	if flood[0].prove("a"); flood[0].proven { // too late
		t.Error("one that was sent away is proven")
	}
	if first.Close(); l.proven != 0 || len(l.strangers) != maxStrangers {
		t.Errorf("%d proven, %d strangers", l.proven, len(l.strangers))
	}
	_, _ = first.Close(), flood[0].Close() // a second time, and one that was evicted
	if l.proven != 0 || len(l.strangers) != maxStrangers {
		t.Errorf("counted twice: %d proven, %d strangers", l.proven, len(l.strangers))
	}
	for l.proven = maxProven; len(l.strangers) > 1; {
		c := l.strangers[0]
		if served := c.prove("a"); c.proven || !served {
			t.Fatal("more are proven than may be, or one is refused for the sake of others")
		}
		_ = c.Close()
	}
	last := l.strangers[0]
	l.proven, l.by["a"] = maxProvenBy, maxProvenBy
	if last.prove("a") || last.proven || !last.prove("b") || !last.prove("a") {
		t.Error("the share of a principal is no bound, or one of others")
	}
	if _ = last.Close(); l.by["b"] != 0 || len(l.by) != 1 || len(l.from) != 0 {
		t.Errorf("who has gone is kept: %v, %v", l.by, l.from)
	}
}
