package admin

import (
	"bufio"
	"context"
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

// TestShed fills every slot for requests and asks for one more.
func TestShed(t *testing.T) {
	_, hash, err := NewToken()
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(Config{Server: newFake(), Tokens: []TokenHash{hash}})
	if err != nil {
		t.Fatal(err)
	}
	for range maxInFlight {
		a.inFlight <- struct{}{}
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	served := make(chan error, 1)
	go func() { served <- a.Serve(ctx, l) }()
	transport := &http.Transport{DisableKeepAlives: true}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+l.Addr().String()+"/healthz", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // a test's own
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Errorf("%d, Retry-After %q", resp.StatusCode, resp.Header.Get("Retry-After"))
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}
