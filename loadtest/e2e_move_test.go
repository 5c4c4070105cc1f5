package loadtest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/loadtest"
)

// TestSwarmMoves: over each transport, by every way and with several methods, people go from one device to the other while they talk.
// Nobody hears more of it than a short gap, those who are muted stay so, and nothing is left behind.
func TestSwarmMoves(t *testing.T) {
	for _, c := range []struct {
		transport, codec string
		methods          []keying.Method
	}{
		{"udp", "opus", []keying.Method{keying.MIKEYDH, keying.MIKEYPSK}},
		{"tls", "pcmu", []keying.Method{keying.MIKEYPSK, keying.DTLSSRTP}},
	} {
		t.Run(c.transport, func(t *testing.T) {
			t.Parallel()
			h := serve(t, "")
			for try := 1; ; try++ {
				before := h.metrics()
				r := h.swarm(loadtest.Options{
					Callers: 10, Rooms: 1, Talkers: 0.5, Transport: c.transport, Keying: c.methods, Codecs: []string{c.codec},
					Script: loadtest.ScriptMove, MoveEvery: 5 * time.Second, Duration: 11 * time.Second,
				})
				t.Logf("%+v", r.Moves)
				if r.Moves.Done < 15 || r.Moves.Failed > 0 || len(r.Moves.Ways) != 4 {
					t.Errorf("%d moves done, %d failed: %v %v", r.Moves.Done, r.Moves.Failed, r.Moves.Ways, r.Moves.Failures)
				}
				if r.Moves.Doubled+r.Moves.MuteLost+r.Moves.OwnVoice > 0 {
					t.Errorf("%+v", r.Moves)
				}
				if r.Pass() {
					break
				}
				disturbed := r.Clock.Skipped
				if r.Clock.WorstMS >= 20 {
					disturbed++
				}
				h.again(try, before, disturbed, fmt.Sprintf("%v", r.Reasons))
			}
			eventually(t, "all seats are free again", func() bool { return h.metrics()["conclave_calls"] == 0 })
			if m := h.metrics(); m["conclave_media_auth_failed_total"] != 0 || m["conclave_media_malformed_total"] != 0 {
				t.Errorf("%v packets not authentic, %v malformed", m["conclave_media_auth_failed_total"], m["conclave_media_malformed_total"])
			}
		})
	}
}
