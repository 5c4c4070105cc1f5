package loadtest_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/conclave/conclave/admin/client"
	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/loadtest"
)

// TestSwarm: in every mixture each caller hears each talker of its room, nobody himself or another room, and every call is set up.
func TestSwarm(t *testing.T) {
	both := []keying.Method{keying.MIKEYPSK, keying.MIKEYDH}
	for _, c := range []struct {
		name string
		o    loadtest.Options
	}{
		{"PSK over UDP, all codecs and suites", loadtest.Options{
			Callers: 8, Rooms: 2, Talkers: 0.5, Transport: "udp", Keying: both[:1], Suites: keying.Suites(),
			Codecs: []string{"opus", "pcmu", "pcma", "l16"},
		}},
		// Three groups and two kinds of certificates, dealt in turn: six callers have every pair of them.
		{"DH over TCP, every group and certificate", loadtest.Options{
			Callers: 6, Rooms: 2, Talkers: 0.7, Transport: "tcp", Keying: both[1:], Codecs: []string{"pcmu"},
			Groups: []keying.Group{keying.MODP1536, keying.MODP2048, keying.MODP3072}, Certs: []string{"rsa", "ecdsa"},
		}},
		{"both over TLS, Opus and G.711", loadtest.Options{
			Callers: 6, Rooms: 2, Talkers: 0.5, Transport: "tls", Keying: both, Codecs: []string{"opus", "opus", "pcma"}, Listeners: 3,
		}},
		{"churn", loadtest.Options{
			Callers: 6, Rooms: 2, Talkers: 0.7, Transport: "udp", Keying: both, Codecs: []string{"opus", "pcmu"},
			Script: loadtest.ScriptChurn, Duration: 9 * time.Second,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := serve(t, "")
			for try := 1; ; try++ {
				before := h.metrics()
				r := h.swarm(c.o)
				eventually(t, "all seats are free again", func() bool { return h.metrics()["conclave_calls"] == 0 })
				if m := h.metrics(); m["conclave_media_auth_failed_total"] != 0 || m["conclave_media_malformed_total"] != 0 {
					t.Errorf("%v packets not authentic, %v malformed",
						m["conclave_media_auth_failed_total"], m["conclave_media_malformed_total"])
				}
				if accounts, err := h.api.Accounts(within(t)); err != nil || len(accounts) != 0 {
					t.Errorf("left behind: %d accounts (%v)", len(accounts), err)
				}
				if r.Setup.Failed == 0 && r.Mix.Missing == 0 && r.Mix.Pairs > 0 {
					return
				}
				disturbed := r.Clock.Skipped
				if r.Clock.WorstMS >= 20 {
					disturbed++
				}
				h.again(try, before, disturbed, fmt.Sprintf("%d calls were sent away, %d of %d pairs were not heard", r.Setup.Failed, r.Mix.Missing, r.Mix.Pairs))
			}
		})
	}
}

// TestStalledListeners: those that never read are cut off, for what happens anyway and a room that is locked and opened without end; those that read hear
// it all. The tokens of both are gone afterwards.
func TestStalledListeners(t *testing.T) {
	h := serve(t, "")
	ctx, stop := context.WithCancel(within(t))
	if _, err := h.api.CreateRoom(ctx, client.NewRoom{Name: "noise"}); err != nil {
		t.Fatal(err)
	}
	noise := make(chan error, 1)
	go func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for locked := true; ; locked = !locked {
			select {
			case <-tick.C:
			case <-ctx.Done():
				noise <- nil
				return
			}
			if _, err := h.api.PatchRoom(ctx, "noise", client.RoomPatch{Locked: &locked}); err != nil && ctx.Err() == nil {
				noise <- err
				return
			}
		}
	}()
	r := h.swarm(loadtest.Options{
		Callers: 2, Rooms: 1, Talkers: 0.5, Transport: "tls", Keying: []keying.Method{keying.MIKEYPSK}, Codecs: []string{"pcmu"}, Listeners: 2, Stalled: 3,
	})
	stop()
	if err := <-noise; err != nil {
		t.Fatal(err)
	}
	if e := r.Events; e.Stalled != 3 || e.StalledCut != 3 || e.FirstCut <= 0 || e.LastCut < e.FirstCut {
		t.Errorf("%+v", e)
	}
	eventually(t, "the server has counted them", func() bool { return h.metrics()["conclave_admin_listeners_cut_off_total"] == 3 })
	if tokens, err := h.api.Tokens(within(t)); err != nil || len(tokens) != 0 {
		t.Errorf("left behind: %v (%v)", tokens, err)
	}
}

// busy is how a server refuses calls that it has no time for.
const busy = "503 Service Unavailable"

// swarm runs one swarm and fails the test for whatever no noise of the machine explains. Calls that the server had
// no time for are left to the caller, as is what was not heard.
func (h *house) swarm(o loadtest.Options) *loadtest.Report {
	h.t.Helper()
	o.Target, o.Ramp, o.AtOnce, o.Log = h.target, 50, 8, slog.New(slog.DiscardHandler)
	if o.Script == "" {
		o.Script = loadtest.ScriptJoin
	}
	if o.Duration == 0 {
		o.Duration = 5 * time.Second
	}
	r, err := loadtest.Run(within(h.t), o)
	if err != nil {
		h.t.Fatal(err)
	}
	if away := r.Setup.Failures[busy]; r.Setup.Failed != away || r.Setup.OK+away < o.Callers {
		h.t.Errorf("%d calls set up, %d failed: %v", r.Setup.OK, r.Setup.Failed, r.Setup.Failures)
	}
	if o.Script == loadtest.ScriptChurn && r.Setup.Failed == 0 && r.Setup.OK <= o.Callers {
		h.t.Errorf("nobody came back: %d calls by %d callers", r.Setup.OK, o.Callers)
	}
	if r.Mix.SelfHeard != 0 || r.Mix.ForeignHeard != 0 {
		h.t.Errorf("%d heard themselves, %d times another room", r.Mix.SelfHeard, r.Mix.ForeignHeard)
	}
	if r.Media.AuthFailed != 0 || r.Media.Replayed != 0 || r.Media.Received == 0 && r.Setup.OK > 0 {
		h.t.Errorf("media: %+v", r.Media)
	}
	if r.Ticks.Ticks == 0 {
		h.t.Error("no tick of the server's mixer was counted")
	}
	if e := r.Events; e.Listeners != o.Listeners || e.Cut != 0 || e.Received < uint64(o.Listeners*r.Setup.OK) { // each seat is an event
		h.t.Errorf("events: %+v", e)
	}
	return r
}
