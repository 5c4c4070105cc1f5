package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
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

// verified is whether nothing is wrong with a trail, and what people are told.
func verified(t *testing.T, i Inspection) (good bool, out string) {
	t.Helper()
	r, err := i.Verify(t.Context())
	if err != nil {
		return false, err.Error()
	}
	var b bytes.Buffer
	i.Print(&b, r)
	return len(r.Problems) == 0, b.String()
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
	if good, out := verified(t, Inspection{Data: data}); !good || !strings.Contains(out, "one writes to it") {
		t.Errorf("beside the server: %v %s", good, out)
	}
	stop()
	if good, out := verified(t, Inspection{Data: data}); !good || !strings.Contains(out, "nothing was changed") || strings.Contains(out, "note:") {
		t.Errorf("after the server: %v %s", good, out)
	}
	files, err := trail.Files(server.AuditDir(data))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	file := files[0]
	head := fmt.Sprintf("%d:%s", early.Head.Seq, early.Head.Hash)
	if good, out := verified(t, Inspection{Files: files, Key: early.Key, Head: head}); !good || strings.Contains(out, "note:") {
		t.Errorf("of a file: %v %s", good, out)
	}
	if good, out := verified(t, Inspection{Files: files}); !good || !strings.Contains(out, "give --key") {
		t.Errorf("of a file alone: %v %s", good, out)
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
	good, out := verified(t, Inspection{Data: data})
	if good || strings.Count(out, "PROBLEM") != 1 || !strings.Contains(out, where) {
		t.Errorf("one flipped octet: %v %s, want %s", good, out, where)
	}
	found, err := Inspection{Data: data}.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text, err = json.Marshal(found)
	var report trail.Report
	if err := errors.Join(err, json.Unmarshal(text, &report)); err != nil || len(report.Problems) != 1 {
		t.Errorf("in JSON: %s, %v", text, err)
	}
	refused(t, data)
}

// refused: what cannot be verified is an error, and no report of a good trail; whose fault it is can be told.
func refused(t *testing.T, data string) {
	t.Helper()
	wrong := strings.Repeat("0", 64)
	for _, bad := range []struct {
		Inspection
		usage bool // the options are at fault
	}{
		{Inspection{Data: data, Key: "x"}, true}, {Inspection{Data: data, Head: "x"}, true}, {Inspection{Data: data, Head: "0:" + wrong}, true},
		{Inspection{Data: data, Head: "1:12"}, true},
		{Inspection{Files: []string{filepath.Join(data, "no-such-file")}}, false}, {Inspection{Data: filepath.Join(data, "none")}, false},
		{Inspection{Data: data, Key: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}, false},
	} {
		if r, err := bad.Verify(t.Context()); err == nil || errors.Is(err, ErrOptions) != bad.usage || r.Records != 0 {
			t.Errorf("%+v: %d records, %v", bad.Inspection, r.Records, err)
		}
	}
}
