package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/conclave/conclave/admin"
	"github.com/conclave/conclave/admin/client"
	"github.com/conclave/conclave/server"
	"github.com/conclave/conclave/server/trail"
)

// conclave runs a command line.
func conclave(args ...string) (status int, out string) {
	var b bytes.Buffer
	status = run(args, &b, &b)
	return status, b.String()
}

// TestAuditVerify: beside the server that writes, after its end, and of files alone; one flipped octet is found, and said where.
func TestAuditVerify(t *testing.T) {
	cfg, err := server.ReadConfig("test", []byte(server.FreePorts), server.DevConfig())
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(t.TempDir(), "data")
	n, err := admin.Start(context.Background(), cfg, data, false, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	stopped := false
	stop := func() {
		if !stopped {
			stopped = true
			n.Server.RemoveReady("")
			if err := n.Stop(); err != nil {
				t.Error(err)
			}
		}
	}
	defer stop()
	if _, err := n.Server.WriteReady(n.URL, ""); err != nil {
		t.Fatal(err)
	}
	api, _, err := client.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	defer api.Close()
	if _, err := api.CreateAccount(t.Context(), client.NewAccount{Name: "alice"}); err != nil {
		t.Fatal(err)
	}
	early, err := api.AuditKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if status, out := conclave("audit", "verify", "--data", data); status != statusGood || !strings.Contains(out, "one writes to it") {
		t.Errorf("beside the server: %d %s", status, out)
	}
	stop()
	if status, out := conclave("audit", "verify", "--data", data); status != statusGood || !strings.Contains(out, "nothing was changed") || strings.Contains(out, "note:") {
		t.Errorf("after the server: %d %s", status, out)
	}
	files, err := trail.Files(server.AuditDir(data))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	file := files[0]
	head := fmt.Sprintf("%d:%s", early.Head.Seq, early.Head.Hash)
	if status, out := conclave("audit", "verify", file, "--key", early.Key, "--head", head); status != statusGood || strings.Contains(out, "note:") {
		t.Errorf("of a file: %d %s", status, out)
	}
	if status, out := conclave("audit", "verify", file); status != statusGood || !strings.Contains(out, "give --key") {
		t.Errorf("of a file alone: %d %s", status, out)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(text, []byte("alice"))
	text[at] ^= 1
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	where := fmt.Sprintf("%s, line %d (octet %d)", filepath.Base(file), 1+bytes.Count(text[:at], []byte{'\n'}), 1+bytes.LastIndexByte(text[:at], '\n'))
	status, out := conclave("audit", "verify", "--data", data)
	if status != statusFailed || strings.Count(out, "PROBLEM") != 1 || !strings.Contains(out, where) {
		t.Errorf("one flipped octet: %d %s, want %s", status, out, where)
	}
	status, out = conclave("audit", "verify", "--json", "--data", data)
	var report trail.Report
	if err := json.Unmarshal([]byte(out), &report); err != nil || status != statusFailed || len(report.Problems) != 1 {
		t.Errorf("in JSON: %d %s, %v", status, out, err)
	}
	wrong := strings.Repeat("0", 64)
	for _, bad := range [][]string{
		{"--key", "x"}, {"--head", "x"}, {"--head", "0:" + wrong}, {"--head", "1:12"}, {"no-such-file"}, {"--data", filepath.Join(data, "none")},
		{"--data", data, "--key", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="},
	} {
		if status, out := conclave(append([]string{"audit", "verify"}, bad...)...); status == statusGood || !strings.HasPrefix(out, "conclave: ") && !strings.HasPrefix(out, "Usage") {
			t.Errorf("%v: %d %s", bad, status, out)
		}
	}
}
