package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/conclave/conclave/admin"
	"github.com/conclave/conclave/server"
)

// commands are those of this package, as main.go has them.
type commands struct {
	Serve   ServeCommand   `cmd:""`
	Account AccountCommand `cmd:""`
	Drain   DrainCommand   `cmd:""`
	Audit   AuditCommand   `cmd:""`
	Mikey   MikeyCommand   `cmd:""`
}

// conclave runs a command line and returns what it printed.
func conclave(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := run(t.Context(), t, &out, args...)
	return out.String(), err
}

func run(ctx context.Context, t *testing.T, out io.Writer, args ...string) error {
	t.Helper()
	level := new(slog.LevelVar)
	parser, err := kong.New(&commands{}, kong.Vars{"data": DevData()}, kong.Bind(level, Version("test")))
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	parsed.BindTo(out, (*io.Writer)(nil))
	return parsed.Run(slog.New(slog.DiscardHandler))
}

// serving is the data directory of a server that serves until the test ends.
func serving(t *testing.T) string {
	t.Helper()
	cfg, err := server.ReadConfig("test", []byte(server.FreePorts), server.DevConfig())
	if err != nil {
		t.Fatal(err)
	}
	n, err := admin.Start(context.Background(), cfg, filepath.Join(t.TempDir(), "data"), false, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Stop(); err != nil {
			t.Error(err)
		}
	})
	ready, err := n.Server.WriteReady(n.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	return ready.Data
}

func TestAccountVerbs(t *testing.T) {
	data := serving(t)
	account := func(args ...string) map[string]any {
		t.Helper()
		out, err := conclave(t, append([]string{"account", "--data", data}, args...)...)
		if err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		var v map[string]any
		if out != "" && json.Unmarshal([]byte(out), &v) != nil {
			t.Fatalf("%v printed %s", args, out)
		}
		return v
	}
	made := account("add", "dora", "--display-name", "Dora", "--md5")
	if shown := account("show", "dora"); shown["display_name"] != "Dora" || shown["md5"] != true || shown["disabled"] != false {
		t.Errorf("%v", shown)
	}
	if rotated := account("rotate", "dora", "--cert", "rsa"); rotated["psk"] == made["psk"] || rotated["cert"] == made["cert"] {
		t.Error("rotated, the account has a credential that it had")
	}
	account("disable", "dora")
	if listed := account("list"); listed["name"] != "dora" || listed["disabled"] != true { // one line: one account
		t.Errorf("%v", listed)
	}
	account("delete", "dora")
	if _, err := conclave(t, "account", "--data", data, "show", "dora"); err == nil || BadUsage(err) || !strings.Contains(err.Error(), "no such account") {
		t.Errorf("an account that was deleted: %v", err)
	}
	if out, err := conclave(t, "audit", "verify", "--json", "--data", data); err != nil || !strings.Contains(out, `"problems":[]`) {
		t.Errorf("%s: %v", out, err)
	}
}

// TestOutcomes: what is the user's fault is told from what ran and failed.
func TestOutcomes(t *testing.T) {
	nowhere := filepath.Join(t.TempDir(), "nowhere")
	for line, want := range map[string]struct {
		usage, told bool
		prints      string
	}{
		"account list --data " + nowhere:          {usage: true},
		"account list --admin http://127.0.0.1:1": {usage: true}, // and no token
		"drain --data " + nowhere:                 {usage: true},
		"drain --wait --end":                      {usage: true},
		"audit verify --key x":                    {usage: true},
		"serve --config " + nowhere:               {usage: true},
		"mikey inspect --psk zz AAAA":             {usage: true},
		"mikey inspect --peer-cert doc.go AAAA":   {usage: true},
		"mikey inspect --json AAAA":               {told: true, prints: `{"type":"psk-i"`},
		"mikey inspect AAAA":                      {told: true, prints: "psk-i"},
		"mikey vectors":                           {prints: "MIKEY exchanges of every mode"},
	} {
		out, err := conclave(t, strings.Fields(line)...)
		if BadUsage(err) != want.usage || errors.Is(err, ErrTold) != want.told || (err != nil) != (want.usage || want.told) || !strings.Contains(out, want.prints) {
			t.Errorf("%s printed %.80q: %v", line, out, err)
		}
	}
}

// cancelling is an output after whose first words the command is to end.
type cancelling struct {
	bytes.Buffer
	cancel func()
}

func (c *cancelling) Write(p []byte) (int, error) {
	c.cancel()
	return c.Buffer.Write(p)
}

// TestServe: it says where it serves once it does, and leaves nothing that says so when it is gone.
func TestServe(t *testing.T) {
	dir := t.TempDir()
	config, ready, data := filepath.Join(dir, "config.yaml"), filepath.Join(dir, "ready.json"), filepath.Join(dir, "data")
	if err := os.WriteFile(config, []byte(server.FreePorts), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	out := &cancelling{cancel: cancel}
	if err := run(ctx, t, out, "serve", "--dev", "--config", config, "--data", data, "--ready-file", ready); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"conclave test serves", "admin http://127.0.0.1:", "call sip:lobby@127.0.0.1:", data + "/alice.json"} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("no %q in %s", part, out)
		}
	}
	if _, err := os.Stat(ready); !os.IsNotExist(err) {
		t.Errorf("the ready file of a server that is gone: %v", err)
	}
}
