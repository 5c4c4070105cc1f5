package loadtest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/loadtest"
)

// TestSwarmMoves: people go from one device to the other by every way, and from one address to another, while they talk. Nobody hears more
// of it than a short gap, those who are muted stay so, and nothing is left behind. Not beside other tests: all of it is sound in real time.
func TestSwarmMoves(t *testing.T) {
	for name, o := range map[string]loadtest.Options{
		"between devices over udp": {
			Script: loadtest.ScriptMove, Callers: 10, Transport: "udp", Keying: []keying.Method{keying.MIKEYDH, keying.MIKEYPSK},
		},
		"between devices over tls": {
			Script: loadtest.ScriptMove, Callers: 4, Transport: "tls", Keying: []keying.Method{keying.MIKEYPSK, keying.DTLSSRTP},
		},
		"between addresses":            {Script: loadtest.ScriptRoam, Callers: 4, Transport: "udp", Keying: []keying.Method{keying.MIKEYDH}},
		"between addresses, no signal": {Script: loadtest.ScriptRoam, Callers: 4, Transport: "tcp", Keying: []keying.Method{keying.MIKEYPSK}, Unannounced: true},
	} {
		o.Rooms, o.Talkers, o.Codecs, o.MoveEvery, o.Duration = 1, 0.5, []string{"opus", "pcmu"}, 4*time.Second, 7*time.Second
		t.Run(name, func(t *testing.T) {
			for try := 1; !swarmMoves(t, o, try); try++ {
			}
		})
	}
}

// swarmMoves runs one such swarm against a server of its own, and says whether it was well. Whatever a pause of the machine may explain
// is tried again.
func swarmMoves(t *testing.T, o loadtest.Options, try int) bool {
	h := serve(t, "")
	before := h.metrics()
	r := h.swarm(o)
	t.Logf("%+v", r.Moves)
	if r.Moves.MuteLost > 0 || r.Moves.OwnVoice > 0 || r.Media.Repeated > 0 {
		t.Errorf("%+v, %d indexes used twice", r.Moves, r.Media.Repeated)
	}
	eventually(t, "all seats are free again", func() bool { return h.metrics()["conclave_calls"] == 0 })
	if m := h.metrics(); m["conclave_media_auth_failed_total"] != 0 || m["conclave_media_malformed_total"] != 0 {
		t.Errorf("%v packets not authentic, %v malformed", m["conclave_media_auth_failed_total"], m["conclave_media_malformed_total"])
	}
	if enough := r.Moves.Done >= o.Callers && (o.Script == loadtest.ScriptRoam || len(r.Moves.Ways) == 4); r.Pass() && enough {
		return true
	}
	disturbed := r.Clock.Skipped
	if r.Clock.WorstMS >= 20 {
		disturbed++
	}
	h.again(try, before, disturbed, fmt.Sprintf("%d moves by %v; %v", r.Moves.Done, r.Moves.Ways, r.Reasons))
	return false
}
