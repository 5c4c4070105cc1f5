package admin

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/conclave/conclave/server"
)

// largeRoute has an answer that is larger than the buffers of both sides.
const largeRoute = "/openapi.json"

// narrow has the kernel keep little for each side of a connection that is made from now on.
func (r *rig) narrow(t *testing.T) {
	t.Helper()
	raw, err := r.listener.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var set error
	if err := raw.Control(func(fd uintptr) { set = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF, 4096) }); err != nil || set != nil {
		t.Fatal(err, set)
	}
}

// stalls asks for the large answer many times over one connection, and reads nothing. A token of "" is none.
func (r *rig) stalls(t *testing.T, token string) *net.TCPConn {
	t.Helper()
	dialer := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		var set error
		err := c.Control(func(fd uintptr) { set = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 2048) })
		return errors.Join(err, set)
	}}
	c, err := dialer.DialContext(t.Context(), "tcp", strings.TrimPrefix(r.base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if token != "" {
		token = "Authorization: Bearer " + token + "\r\n"
	}
	if _, err := io.WriteString(c, strings.Repeat("GET "+largeRoute+" HTTP/1.1\r\nHost: localhost\r\n"+token+"\r\n", 20)); err != nil {
		t.Fatal(err)
	}
	return c.(*net.TCPConn)
}

// askUntil asks for the large answer until it is refused in those words.
func (r *rig) askUntil(t *testing.T, words string, edit func(*http.Request)) answer {
	t.Helper()
	for until := time.Now().Add(20 * time.Second); time.Now().Before(until); {
		if got := r.ask(t, "GET", largeRoute, "", edit); strings.Contains(got.body, words) {
			return got
		}
	}
	t.Fatalf("never refused: %s", words)
	return answer{}
}

func nobody(q *http.Request) { q.Header.Del("Authorization") }

// metric fails where the metrics have not that line.
func (r *rig) metric(t *testing.T, line string) {
	t.Helper()
	if body := r.ask(t, "GET", "/metrics", "", nil).body; !strings.Contains(body, "\n"+line+"\n") {
		t.Errorf("the metrics have no %q", line)
	}
}

// TestStalledStrangers: strangers who read no answer take their own address's places alone, and never those of the probes.
func TestStalledStrangers(t *testing.T) {
	r := newRig(t, func(c *Config) { c.stalled = writePatience })
	r.narrow(t)
	for range maxStrangersOf - 4 {
		r.stalls(t, "")
	}
	got := r.askUntil(t, "without a token from this address", nobody)
	if got.problem(t, 429); got.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	for _, path := range probes {
		for _, as := range []func(*http.Request){nobody, nil} {
			if got := r.ask(t, "GET", path, "", as); got.status != 200 {
				t.Errorf("%s: %d %s", path, got.status, got.body)
			}
		}
	}
	if got := r.ask(t, "GET", largeRoute, "", nil); got.status != 200 {
		t.Errorf("somebody with a token: %d", got.status)
	}
	elsewhere := &rig{base: r.base, http: &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true, DialContext: (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}).DialContext,
	}}}
	if got := elsewhere.ask(t, "GET", largeRoute, "", nobody); got.status != 200 {
		t.Errorf("a stranger from another address: %d %s", got.status, got.body)
	}
}

// TestStalledStrangerIsCutOff: a stranger who reads no answer loses his connection long before writePatience.
func TestStalledStrangerIsCutOff(t *testing.T) {
	r := newRig(t, func(c *Config) { c.stalled = time.Second / 2 })
	r.narrow(t)
	raw, err := r.stalls(t, "").SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	ends := []unix.PollFd{{}} // no events: errors and the end are told in any case
	err = raw.Control(func(fd uintptr) {
		ends[0].Fd = int32(fd) //nolint:gosec // as the kernel has it
		for again := true; again; {
			_, err := unix.Poll(ends, int((writePatience / 2).Milliseconds()))
			again = errors.Is(err, unix.EINTR)
		}
	})
	if err != nil || ends[0].Revents&unix.POLLERR == 0 {
		t.Errorf("it is served still: %v, %#x", err, ends[0].Revents)
	}
}

// TestStalledToken: who has a token and reads no answer takes his own places alone; the admins can hang up, drain and revoke it.
func TestStalledToken(t *testing.T) {
	r := newRig(t, nil)
	r.narrow(t)
	viewer := r.grant("v", server.Viewer, "", false)
	for range maxInFlightBy + 2 {
		r.stalls(t, viewer)
	}
	got := r.askUntil(t, "with this token are being answered", func(q *http.Request) { q.Header.Set("Authorization", "Bearer "+viewer) })
	if got.problem(t, 429); got.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	for _, ask := range [][2]string{
		{"GET", "/v1/rooms"}, {"DELETE", "/v1/rooms/demo/seats/s2"}, {"PUT", "/v1/node/drain"}, {"DELETE", "/v1/tokens/v"}, {"GET", "/readyz"},
	} {
		if got := r.ask(t, ask[0], ask[1], "", nil); got.status >= 300 {
			t.Errorf("%s: %d %s", ask, got.status, got.body)
		}
	}
	if body := r.ask(t, "GET", "/metrics", "", nil).body; strings.Contains(body, `conclave_admin_refused_total{reason="share"} 0`) {
		t.Error("not counted")
	}
}

// TestConnectionsHaveShares: a token keeps so many connections open, and is told what to do; the others have theirs.
func TestConnectionsHaveShares(t *testing.T) {
	r := newRig(t, nil)
	viewer := r.grant("v", server.Viewer, "", false)
	open := func(path string) (net.Conn, *http.Response) {
		c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(r.base, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n", path, viewer)
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = resp.Body.Close() })
		return c, resp
	}
	var first net.Conn
	for i := range maxProvenBy {
		c, resp := open("/v1/self")
		if resp.StatusCode != 200 || resp.Close {
			t.Fatalf("connection %d: %s", i, resp.Status)
		}
		if first == nil {
			first = c
		}
	}
	_, resp := open("/v1/self")
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 429 || !resp.Close || resp.Header.Get("Retry-After") == "" || !strings.Contains(string(text), "connections are open with this token") {
		t.Errorf("one too many: %s %v %s, %v", resp.Status, resp.Header, text, err)
	}
	r.metric(t, fmt.Sprintf(`conclave_admin_connections{who="proven"} %d`, maxProvenBy+1)) // and that of whoever asks
	r.metric(t, `conclave_admin_refused_total{reason="connections"} 1`)
	if _, resp := open(probes[0]); resp.StatusCode != 200 {
		t.Errorf("%s: %s", probes[0], resp.Status)
	}
	_ = first.Close()
	for until := time.Now().Add(10 * time.Second); ; { // the server hears of the end by and by
		if _, resp := open("/v1/self"); resp.StatusCode == 200 {
			return
		} else if time.Now().After(until) {
			t.Fatalf("the place of one that has ended: %s", resp.Status)
		}
	}
}
