package flood_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/conclave/conclave/admin"
	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/loadtest"
	"github.com/conclave/conclave/loadtest/flood"
	"github.com/conclave/conclave/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// house is a server in this process; its data directory.
func house(t *testing.T, yaml string) (data string, target loadtest.Target) {
	t.Helper()
	cfg, err := server.ReadConfig("free ports", []byte(server.FreePorts), server.DevConfig())
	if err == nil {
		cfg, err = server.ReadConfig("test", []byte(yaml), cfg)
	}
	if err != nil {
		t.Fatal(err)
	}
	data = filepath.Join(t.TempDir(), "data")
	n, err := admin.Start(context.Background(), cfg, data, false, "test", slog.New(slog.DiscardHandler))
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
	if target, err = loadtest.FindTarget(ready.Data); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(target.Admin().Close)
	return data, target
}

// TestFlood: prepared calls of every kind are answered, hold keys, are acknowledged and hung up, and every call is accounted for.
func TestFlood(t *testing.T) {
	_, target := house(t, `{limits: {requests_per_source: 100000}, policies: {standard: {methods: [mikey-psk, mikey-dh, mikey-dhhmac, mikey-pke]}}}`)
	for _, c := range []struct {
		method keying.Method
		group  keying.Group
		cert   string
	}{
		{keying.MIKEYPSK, "", keying.CertECDSA}, {keying.MIKEYDH, keying.MODP1536, keying.CertECDSA}, {keying.MIKEYDH, keying.P256, keying.CertRSA},
		{keying.MIKEYDHHMAC, keying.P256, keying.CertECDSA}, {keying.MIKEYPKE, "", keying.CertECDSA},
	} {
		r, err := flood.Run(t.Context(), flood.Options{
			Target: target, Method: c.method, Group: c.group, Cert: c.cert, Accounts: 10, Rooms: 2, Rate: 20, Times: 2,
			Duration: 500 * time.Millisecond, Step: time.Second, Hold: 20 * time.Millisecond,
		})
		if err != nil {
			t.Fatalf("%s: %v", c.method, err)
		}
		if len(r.Steps) != 8 || r.Checked == 0 || r.Share <= 0 || r.Beside == nil || r.After == nil { // the rate, three pairs, and the time after
			t.Fatalf("%s: %d steps, %d answers checked", c.method, len(r.Steps), r.Checked)
		}
		if r.Steps[0].Offered != 10 {
			t.Errorf("%s: %d calls offered, 10 are half a second's", c.method, r.Steps[0].Offered)
		}
		for _, n := range r.Steps {
			if n.Good+n.Late+n.Busy+n.BusyMute+n.Silent != n.Offered || n.Good == 0 || len(n.Refused) != 0 {
				t.Errorf("%s: %+v", c.method, n)
			}
		}
	}
	if accounts, err := target.Admin().Accounts(t.Context()); err != nil || len(accounts) != 0 {
		t.Errorf("left behind: %d accounts (%v)", len(accounts), err)
	}
	for range 300 { // the last BYE may still be worked on
		m, err := target.Admin().Metrics(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if m["conclave_calls"] == 0 {
			return
		}
		<-time.After(10 * time.Millisecond)
	}
	t.Error("calls stand that were hung up")
}

// TestFloodCounts: what the server refuses is counted by what it said.
func TestFloodCounts(t *testing.T) {
	_, target := house(t, `{limits: {calls: 1, requests_per_source: 100000}}`)
	r, err := flood.Run(t.Context(), flood.Options{
		Target: target, Method: keying.MIKEYPSK, Cert: keying.CertECDSA, Accounts: 4, Rooms: 1, Rate: 40,
		Duration: 250 * time.Millisecond, Step: time.Second, Hold: time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := r.Steps[0]; n.Offered != 10 || n.Good != 1 || n.Busy != 9 || n.BusyMute != 0 || n.Silent != 0 {
		t.Errorf("one call at a time: %+v", n)
	}
}

// TestCommand: the report is one JSON object, and options that make no sense are bad usage.
func TestCommand(t *testing.T) {
	data, _ := house(t, "")
	c := flood.Command{
		Data: data, Keying: "mikey-psk", Cert: "ecdsa", Accounts: 2, Rooms: 1, Rate: 10, Step: time.Second, Duration: 300 * time.Millisecond, JSON: true,
	}
	var out bytes.Buffer
	if err := c.Run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	var r flood.Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil || r.Steps[0].Offered != 3 {
		t.Errorf("%v: %s", err, out.String())
	}
	out.Reset()
	r.Print(&out)
	if !bytes.Contains(out.Bytes(), []byte("peak")) {
		t.Errorf("for people: %s", out.String())
	}
	for name, change := range map[string]func(*flood.Command){
		"method": func(c *flood.Command) { c.Keying = "sdes" }, "group": func(c *flood.Command) { c.DHGroup = "modp1" },
		"accounts": func(c *flood.Command) { c.Accounts = 0 }, "rate": func(c *flood.Command) { c.Rate = -1 },
		"times": func(c *flood.Command) { c.Times = 0.5 }, "hold": func(c *flood.Command) { c.Hold = time.Hour },
		"certificate": func(c *flood.Command) { c.Keying = "mikey-rsar" }, "duration": func(c *flood.Command) { c.Duration = time.Hour },
	} {
		bad := c
		change(&bad)
		if err := bad.Run(t.Context(), &out); !errors.Is(err, loadtest.ErrOptions) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
