package server

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/conclave/conclave/server/webhook"
)

// TestWebhookOfAServer: what happens comes to the URL of the configuration, signed with the secret of the file, until the end; and is counted.
func TestWebhookOfAServer(t *testing.T) {
	had := make(chan string, 64)
	secret := strings.Repeat("canary-", 6)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if _, err := webhook.Verify([]byte(secret), r.Header.Get(webhook.Header), body, time.Now()); err != nil {
			t.Error(err)
		}
		had <- string(body)
	}))
	defer receiver.Close()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serveTest(t, "webhooks: [{url: \""+receiver.URL+"/?key=canary\", secret_file: \""+file+"\", types: [account.created, account.deleted]}]")
	enrolled(t, s, NewAccount{Name: "desk"})
	muted := "x"
	if _, err := s.PatchAccount(t.Context(), "desk", AccountPatch{DisplayName: &muted}); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteAccount(t.Context(), "desk"); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"account.created", "account.deleted"} {
		if body := taken(t, had); !strings.Contains(body, `"type":"`+kind+`","account":"desk"`) || strings.Contains(body, "canary") {
			t.Errorf("got %s, want %s", body, kind)
		}
	}
	until(t, "both are counted", func() bool { return measured(t, s)["conclave_webhook_delivered_total"] == 2 })
	if v, err := s.Webhooks(t.Context()); err != nil || len(v) != 1 || v[0].Delivered != 2 || strings.Contains(v[0].URL, "canary") {
		t.Errorf("shown as %+v", v)
	}
}

// TestWebhookSecrets: a secret that others can read, that is short, or is not there, ends the start, and is not told.
func TestWebhookSecrets(t *testing.T) {
	for name, test := range map[string]struct {
		secret string
		mode   os.FileMode
	}{"readable": {strings.Repeat("canary", 8), 0o640}, "short": {"canary", 0o600}, "long": {strings.Repeat("canary", 1000), 0o600}, "missing": {}} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "secret")
			if test.mode != 0 {
				if err := os.WriteFile(file, []byte(test.secret), test.mode); err != nil {
					t.Fatal(err)
				}
			}
			cfg, err := ReadConfig("test", []byte(FreePorts+"webhooks: [{url: \"https://h.example/\", secret_file: \""+file+"\"}]"), DevConfig())
			if err != nil {
				t.Fatal(err)
			}
			_, err = New(cfg, filepath.Join(t.TempDir(), "data"), slog.New(slog.DiscardHandler))
			if err == nil || !strings.Contains(err.Error(), "webhooks[0].secret_file") || strings.Contains(err.Error(), "canary") {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestWebhookConfig: what is wrong with a hook is told at once, with its place.
func TestWebhookConfig(t *testing.T) {
	_, err := ReadConfig("test", []byte(`
webhooks:
  - {url: "http://h.example/", secret_file: /x, types: [seat.jumped]}
  - {url: "https://h.example/", rooms: ["Hall!"]}
`), nil)
	for _, want := range []string{"webhooks[0].url: is http beyond this machine", "webhooks[0].types[0]: \"seat.jumped\" is unknown", "webhooks[1].secret_file: is missing", "webhooks[1].rooms[0]"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %s", err, want)
		}
	}
}
