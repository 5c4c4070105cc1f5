package loadtest_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/conclave/conclave/keying"
)

// lastSecrets are looked for in each answer.
const lastSecrets = 200

// canaries are secrets that go in by every door, and the places where they must not come out.
type canaries struct {
	t    *testing.T
	pins []string
	hook string            // the file of the webhook's secret
	desk net.PacketConn    // a device that rings, and nobody comes
	all  map[string]string // what it is of, by how it is written
	last []string          // those that were added last, to look for in each answer; the rest is sought at the end

	mu     sync.Mutex
	heard  strings.Builder // events; guarded by mu, as is posted
	posted strings.Builder // webhooks
	url    string
}

func newCanaries(t *testing.T) *canaries {
	t.Helper()
	c := &canaries{t: t, all: make(map[string]string), hook: filepath.Join(t.TempDir(), "hook.secret"), pins: []string{"739105284613", "8264079153", "5502917746", "90817263"}}
	for _, pin := range c.pins {
		c.add("a PIN", pin)
	}
	secret := "webhook-canary-" + strings.Repeat("c4", 16)
	c.add("the secret of the webhook", secret)
	if err := os.WriteFile(c.hook, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) //nolint:errcheck // what came is looked at
		c.mu.Lock()
		defer c.mu.Unlock()
		fmt.Fprintf(&c.posted, "%v\n%s\n", r.Header, body)
	}))
	t.Cleanup(receiver.Close)
	c.url = receiver.URL
	var err error
	if c.desk, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.desk.Close() })
	return c
}

// config is of a server with a webhook, a room that stays, and somebody to seal recordings to.
func (c *canaries) config() string {
	return fmt.Sprintf(`webhooks: [{url: %q, secret_file: %q}]
recording: {recipients: [age1q8uhl7q8sst4juw5lezr5yawpjdtqu98dkhvtaq3rdm4jygxx45s2c4pky]}
rooms: {permanent: [{name: hall, keys: true}]}
`, c.url+"/in", c.hook)
}

func (c *canaries) add(what, written string) {
	if len(written) >= 8 { // or it is no secret
		c.all[written] = what
		c.last = append(c.last[max(0, len(c.last)-lastSecrets):], written)
	}
}

// bundle adds what is secret of an account, in each way to write it.
func (c *canaries) bundle(b *keying.Bundle) {
	c.add("the password of "+b.Account, string(b.Digest.Password.Bytes()))
	psk := b.PSK.Bytes()
	for _, written := range []string{hex.EncodeToString(psk), base64.StdEncoding.EncodeToString(psk), base64.RawURLEncoding.EncodeToString(psk), fmt.Sprint(psk)} {
		c.add("the PSK of "+b.Account, written)
	}
	if lines := strings.Split(string(b.KeyPEM.Bytes()), "\n"); len(lines) > 2 {
		c.add("the private key of "+b.Account, lines[1])
	}
}

// learn takes the secrets that an answer hands over.
func (c *canaries) learn(f *fuzzer, operation string, got told) {
	f.t.Helper()
	switch operation {
	case "create-account", "rotate-account":
		b := new(keying.Bundle)
		if err := json.Unmarshal(got.body, b); err != nil {
			f.t.Error(err)
			return
		}
		c.bundle(b)
	case "create-token":
		var made struct{ ID, Token string }
		if err := json.Unmarshal(got.body, &made); err != nil || made.Token == "" {
			f.t.Errorf("no token: %v", err)
		}
		c.add("the token "+made.ID, made.Token)
	case "move-seat", "call-out":
		var m struct{ ID string }
		if err := json.Unmarshal(got.body, &m); err != nil {
			f.t.Error(err)
		}
		f.known["move"] = append([]string{m.ID}, f.known["move"]...)[:min(8, len(f.known["move"])+1)]
	}
}

// shows finds a secret in an answer that its request did not hold, unless it is the answer that hands it over, also again.
func (c *canaries) shows(s shot, got told) string {
	if got.header.Get("Idempotency-Replayed") != "" {
		return ""
	}
	text, asked := string(got.body)+fmt.Sprint(got.header), s.body+s.path+fmt.Sprint(s.header)
	for _, written := range c.last {
		if strings.Contains(text, written) && !strings.Contains(asked, written) {
			return c.all[written] + " shows"
		}
	}
	return ""
}

// in finds a secret in a text.
func (c *canaries) in(text string) string {
	for written, what := range c.all {
		if strings.Contains(text, written) {
			return what + " shows"
		}
	}
	return ""
}

// listen hears all events until the test ends.
func (c *canaries) listen(h *house, token string) {
	h.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url+"/v1/events", nil)
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil || resp.StatusCode != 200 {
		h.t.Fatalf("events: %v", err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
			c.mu.Lock()
			c.heard.WriteString(lines.Text() + "\n")
			c.mu.Unlock()
		}
	}()
	h.t.Cleanup(func() { cancel(); <-done; _ = resp.Body.Close() })
}

// sought looks for secrets wherever the server writes: its log, its events, metrics, audit trail, lists and pages, and its disk.
func (c *canaries) sought(f *fuzzer) {
	f.t.Helper()
	places := map[string]string{}
	for _, path := range []string{
		"/metrics", "/docs", "/console/", "/openapi.json", "/v1/rooms?limit=1000", "/v1/accounts?limit=1000", "/v1/tokens?limit=1000", "/v1/recordings", "/v1/webhooks",
		"/v1/node", "/v1/audit/key", "/v1/rooms/hall/seats",
	} {
		places[path] = string(f.as("GET", path, "", 200).body)
	}
	c.trail(f, places)
	f.log.mu.Lock()
	places["the log"] = f.log.text.String()
	f.log.mu.Unlock()
	c.mu.Lock()
	places["events"], places["webhooks"] = c.heard.String(), c.posted.String()
	c.mu.Unlock()
	err := filepath.WalkDir(f.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path == f.srv.TokenFile() { // which is there to hold one
			return err
		}
		text, err := os.ReadFile(path)
		places[path] = string(text)
		return err
	})
	if err != nil {
		f.t.Fatal(err)
	}
	for where, text := range places {
		if why := c.in(text); why != "" {
			f.t.Errorf("%s in %s", why, where)
		}
		if where != "/openapi.json" && len(text) == 0 && !strings.HasPrefix(where, f.dir) {
			f.t.Errorf("nothing is in %s to look at", where)
		}
	}
}

// trail reads the audit trail, page by page.
func (c *canaries) trail(f *fuzzer, places map[string]string) {
	f.t.Helper()
	for cursor, first := "", true; first || cursor != ""; first = false {
		page := f.as("GET", "/v1/audit?limit=500&cursor="+cursor, "", 200).body
		var next struct{ Next *string }
		if err := json.Unmarshal(page, &next); err != nil {
			f.t.Fatal(err)
		}
		places["the audit trail"] += string(page)
		if cursor = ""; next.Next != nil {
			cursor = *next.Next
		}
	}
}
