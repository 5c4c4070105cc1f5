package loadtest_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/conclave/conclave/admin"
	"github.com/conclave/conclave/admin/client"
	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/loadtest"
	"github.com/conclave/conclave/server"
)

// patience bounds every wait of these tests: what it guards against is a hang, not slowness.
const patience = 30 * time.Second

// domain is the one of a configuration that names none.
const domain = "localhost"

func TestMain(m *testing.M) {
	runtime.GOMAXPROCS(2 * runtime.NumCPU()) // as main does, for the same reason
	goleak.VerifyTestMain(m)
}

// house is a whole server in this process, with its admin API, as `conclave serve` wires it.
type house struct {
	t      *testing.T
	dir    string
	yaml   string
	srv    *server.Server
	api    *client.Client
	target loadtest.Target
	url    string
	log    *ledger
	cancel context.CancelFunc
	served chan error // what Run and Serve returned, joined by being two
}

// serve starts a server of DevConfig on free ports with that YAML on top. The test ends with it stopped and looked over.
func serve(t *testing.T, yaml string) *house {
	t.Helper()
	h := &house{t: t, dir: filepath.Join(t.TempDir(), "data"), yaml: yaml, log: newLedger()}
	h.start()
	t.Cleanup(func() {
		h.healthy()
		h.stop()
		h.log.check(t)
	})
	return h
}

// start serves from h.dir; also again after stop.
func (h *house) start() {
	h.t.Helper()
	cfg, err := server.ReadConfig("free ports", []byte(server.FreePorts), server.DevConfig())
	if err == nil {
		cfg, err = server.ReadConfig("test", []byte(h.yaml), cfg)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	log := slog.New(h.log)
	if h.srv, err = server.New(cfg, h.dir, log); err != nil {
		h.t.Fatal(err)
	}
	token, err := admin.LoadToken(h.srv.TokenFile())
	if err != nil {
		h.t.Fatal(err)
	}
	h.log.secret("the admin token", []byte(token))
	api, err := admin.New(admin.Config{
		Server: h.srv, Tokens: []admin.TokenHash{admin.HashToken(token)}, Metrics: h.srv.Metrics(), Log: log, Version: "test",
	})
	if err != nil {
		h.t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		h.t.Fatal(err)
	}
	h.url = "http://" + listener.Addr().String()
	var ctx context.Context
	ctx, h.cancel = context.WithCancel(context.Background())
	h.served = make(chan error, 2)
	srv, served := h.srv, h.served
	go func() { served <- srv.Run(ctx) }()
	go func() { served <- api.Serve(ctx, listener) }()
	if _, err := h.srv.WriteReady(h.url, ""); err != nil {
		h.t.Fatal(err)
	}
	if h.target, err = loadtest.FindTarget(h.dir); err != nil {
		h.t.Fatal(err)
	}
	h.api = h.target.Admin()
}

// stop ends the server, which must say that it ended well.
func (h *house) stop() {
	h.t.Helper()
	if h.cancel == nil {
		return
	}
	h.cancel()
	h.cancel = nil
	for range 2 {
		if err := got(h.t, h.served, "end of the server"); err != nil {
			h.t.Errorf("the server ended with: %v", err)
		}
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}

// account makes an account by REST.
func (h *house) account(name, cert string) *keying.Bundle {
	h.t.Helper()
	text, err := h.api.CreateAccount(within(h.t), client.NewAccount{Name: name, Cert: cert})
	if err != nil {
		h.t.Fatal(err)
	}
	b := new(keying.Bundle)
	if err := json.Unmarshal(text, b); err != nil {
		h.t.Fatal(err)
	}
	h.log.secret("the PSK of "+name, b.PSK.Bytes())
	h.log.secret("the password of "+name, b.Digest.Password.Bytes())
	return b
}

// metrics reads /metrics: values by name, or by name{label="value"}.
func (h *house) metrics() map[string]float64 {
	h.t.Helper()
	req, err := http.NewRequestWithContext(within(h.t), http.MethodGet, h.url+"/metrics", nil)
	if err != nil {
		h.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		h.t.Fatalf("/metrics: %d %v", resp.StatusCode, err)
	}
	all := make(map[string]float64)
	for line := range strings.Lines(string(text)) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "} ")
		if ok {
			name += "}"
		} else {
			name, value, _ = strings.Cut(strings.TrimSpace(line), " ")
		}
		if v, err := strconv.ParseFloat(value, 64); err == nil && !strings.HasPrefix(name, "#") {
			all[name] = v
		}
	}
	return all
}

// healthy holds what must be true of a server whatever came at it.
func (h *house) healthy() {
	h.t.Helper()
	if h.cancel == nil {
		return
	}
	m := h.metrics()
	for _, name := range []string{"conclave_sip_panics_total", "conclave_mixer_failed_rooms_total"} {
		if v, ok := m[name]; !ok || v != 0 {
			h.t.Errorf("%s is %v (present: %v), want 0", name, v, ok)
		}
	}
}

// attempts is how often a test may find voices missing or spoilt while the machine is too busy for sound.
const attempts = 3

// again decides about a run in which something was not heard as it should be. Sound is made in real time: a pause of the machine
// breaks it, so what was missing in a disturbed run proves nothing and is tried again. On a quiet machine it is a failure.
// callers is how many ticks of the callers' own clock were held up or given up, where they tell.
func (h *house) again(try int, before map[string]float64, callers uint64, what string) {
	h.t.Helper()
	after := h.metrics()
	rise := func(name string) float64 { return after[name] - before[name] }
	held := rise("conclave_mixer_lateness_seconds_count") - rise(`conclave_mixer_lateness_seconds_bucket{le="0.02"}`)
	if held == 0 && rise("conclave_mixer_overruns_total") == 0 && callers == 0 {
		h.t.Fatalf("%s, and no tick was held up for 20 ms", what)
	}
	h.t.Logf("try %d: %s; %v ticks of the mixer were held up for 20 ms, %v given up, %d of the callers", try, what, held,
		rise("conclave_mixer_overruns_total"), callers)
	if try >= attempts {
		h.t.Skipf("the machine is too busy for sound in real time: %s in each of %d disturbed runs", what, attempts)
	}
	// What the server has shed it takes up again step by step, each after 10 s of calm: the next run begins with one that has shed nothing.
	h.healthy()
	h.stop()
	h.start()
}

// sip is where the server takes requests over a transport.
func (h *house) sip(transport string) string { return h.srv.SIPAddress(transport).String() }

// uri is how `conclave call` names a room of this server.
func (h *house) uri(room, transport string) string {
	return "sip:" + room + "@" + h.sip(transport) + ";transport=" + transport
}

// ledger is the server's log: it keeps everything to look for secrets in it, and counts what a server must not have to say.
type ledger struct {
	slog.Handler

	mu      *sync.Mutex
	text    *bytes.Buffer
	errors  *[]string
	secrets map[string][]byte
}

func newLedger() *ledger {
	l := &ledger{mu: new(sync.Mutex), text: new(bytes.Buffer), errors: new([]string), secrets: make(map[string][]byte)}
	var w io.Writer = &lockedWriter{l}
	if testing.Verbose() {
		w = io.MultiWriter(w, os.Stderr)
	}
	l.Handler = slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug})
	return l
}

type lockedWriter struct{ l *ledger }

func (w *lockedWriter) Write(p []byte) (int, error) {
	w.l.mu.Lock()
	defer w.l.mu.Unlock()
	if bytes.Contains(p, []byte("level=ERROR")) {
		*w.l.errors = append(*w.l.errors, string(p))
	}
	return w.l.text.Write(p)
}

func (l *ledger) secret(name string, octets []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.secrets[name] = bytes.Clone(octets)
}

// check fails the test for errors in the log and for secrets in any of the usual writings.
func (l *ledger) check(t *testing.T) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range *l.errors {
		t.Errorf("the server logged: %s", line)
	}
	for name, octets := range l.secrets {
		for _, writing := range []string{
			string(octets), hex.EncodeToString(octets), base64.StdEncoding.EncodeToString(octets), base64.RawURLEncoding.EncodeToString(octets),
		} {
			if strings.Contains(l.text.String(), writing) {
				t.Errorf("%s is in the log", name)
			}
		}
	}
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// got takes a value or fails.
func got[T any](t *testing.T, c <-chan T, what string) (v T) {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case v = <-c:
	case <-timer.C:
		t.Fatalf("no %s", what)
	}
	return v
}

// eventually waits for a condition that packets or another goroutine bring about.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for !holds() {
		select {
		case <-ticker.C:
		case <-timer.C:
			t.Fatalf("never: %s", what)
		}
	}
}
