package loadtest

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// Report is what the swarm measured: the JSON of `conclave swarm --json`.
type Report struct {
	Callers   int      `json:"callers"`
	Rooms     int      `json:"rooms"`
	Talkers   int      `json:"talkers"`
	Keying    []string `json:"keying"`
	Codec     []string `json:"codec"`
	Transport string   `json:"transport"`
	Script    string   `json:"script"`
	Verdict   string   `json:"verdict"` // pass or fail
	Reasons   []string `json:"reasons"` // why it failed

	Setup   SetupReport   `json:"setup"`
	Media   MediaReport   `json:"media"`
	Mix     MixReport     `json:"mix"`
	Latency Percentiles   `json:"latency_ms"` // mouth to ear
	Added   Percentiles95 `json:"added_ms"`   // packet with the onset sent, to packet that brings it back arrived
	Moves   MovesReport   `json:"moves"`
	Rekeys  RekeysReport  `json:"rekeys"`
	CPU     CPUReport     `json:"cpu"`
	Clock   ClockReport   `json:"clock"`
	Ticks   TicksReport   `json:"ticks"`
	Events  EventsReport  `json:"events"`
}

// SetupReport tells of the call set-ups: from the INVITE to the final answer, acknowledged and keyed.
type SetupReport struct {
	OK       int            `json:"ok"`
	Failed   int            `json:"failed"`
	P50      float64        `json:"p50_ms"`
	P99      float64        `json:"p99_ms"`
	PerS     float64        `json:"per_s"`
	Failures map[string]int `json:"failures"` // by reason
}

// MediaReport sums the streams of all callers.
type MediaReport struct {
	Sent        uint64  `json:"sent"`
	Expected    uint64  `json:"expected"` // packets that the server owed: one a tick from the first to the last
	Received    uint64  `json:"received"`
	ReceivedPct float64 `json:"received_pct"`
	Lost        uint64  `json:"lost"`
	Late        uint64  `json:"late"`
	AuthFailed  uint64  `json:"auth_failed"`
	Replayed    uint64  `json:"replayed"`
	Repeated    uint64  `json:"repeated_indexes"` // packets of callers kept back: their key, SSRC and index had been used before
}

// MixReport tells who heard whom. A pair is a listener and a talker of its room that were there together long enough.
type MixReport struct {
	Pairs        int `json:"pairs"`
	Heard        int `json:"heard"`
	Missing      int `json:"missing"`
	Untested     int `json:"untested"` // of those missing: nobody listened while the talker had its turn
	SelfHeard    int `json:"self_heard"`
	ForeignHeard int `json:"foreign_heard"`
	SelfUntested int `json:"self_untested"` // talkers that did not listen while it was their turn
}

// ClockReport tells how well the callers kept time: a machine that is too busy for them measures itself, not the server.
type ClockReport struct {
	Skipped uint64  `json:"skipped"`  // ticks of a group of callers that were given up
	WorstMS float64 `json:"worst_ms"` // greatest lateness of a wake-up
}

// Percentiles of a distribution in milliseconds.
type Percentiles struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
}

// Percentiles95 are Percentiles with one more.
type Percentiles95 struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
}

// RekeysReport tells of key changes within calls. Packets count as lost that never came, did not authenticate or counted as
// replayed, on either side, from when all had joined until the last change.
type RekeysReport struct {
	Done        int            `json:"done"`
	Failed      int            `json:"failed"`
	PacketsLost uint64         `json:"packets_lost"`
	Failures    map[string]int `json:"failures"` // by reason
}

// CPUReport is processor time in seconds over the run: of the callers' process, and of the server's when its pid was given.
type CPUReport struct {
	Callers float64 `json:"callers_s"`
	Server  float64 `json:"server_s"`
}

// minReceived is the share of the server's packets that must arrive for a pass, in percent.
const minReceived = 99.9

// judge sets the verdict and its reasons.
func (r *Report) judge() {
	fail := func(format string, args ...any) { r.Reasons = append(r.Reasons, fmt.Sprintf(format, args...)) }
	if r.Setup.Failed > 0 {
		fail("%d of %d calls were not set up", r.Setup.Failed, r.Setup.OK+r.Setup.Failed)
	}
	if r.Setup.OK == 0 {
		fail("no call was set up")
	}
	if r.Media.Received == 0 {
		fail("no packet was received")
	} else if r.Media.ReceivedPct < minReceived {
		fail("%.2f %% of the packets were received, %.1f %% are needed", r.Media.ReceivedPct, minReceived)
	}
	if r.Media.AuthFailed > 0 {
		fail("%d packets did not authenticate", r.Media.AuthFailed)
	}
	if r.Media.Repeated > 0 {
		fail("%d times a caller would have used a key, SSRC and index again", r.Media.Repeated)
	}
	r.judgeMix(fail)
	r.judgeRekeys(fail)
	r.judgeMoves(fail)
	if r.Events.Cut > 0 {
		fail("%d of %d who listened to the server's events were cut off", r.Events.Cut, r.Events.Listeners)
	}
	r.Verdict = "pass"
	if len(r.Reasons) > 0 {
		r.Verdict = "fail"
		if r.Clock.Skipped > 0 {
			fail("the machine was too busy for the callers themselves: their clock gave up %d ticks", r.Clock.Skipped)
		}
	} else {
		r.Reasons = []string{}
	}
}

// judgeMix: everybody hears those who talk in his room, and nobody else.
func (r *Report) judgeMix(fail func(string, ...any)) {
	if missing := r.Mix.Missing - r.Mix.Untested; missing > 0 {
		fail("%d of %d pairs were not heard", missing, r.Mix.Pairs)
	}
	if r.Mix.Untested+r.Mix.SelfUntested > 0 {
		fail("%d of %d pairs, and %d talkers for their own voice, were not tested: give a longer --duration", r.Mix.Untested,
			r.Mix.Pairs, r.Mix.SelfUntested)
	}
	if r.Mix.Pairs == 0 {
		fail("nobody could be heard: it takes two callers in a room, one of whom talks, for some seconds")
	}
	if r.Mix.SelfHeard > 0 {
		fail("%d callers heard themselves", r.Mix.SelfHeard)
	}
	if r.Mix.ForeignHeard > 0 {
		fail("%d times a voice of another room was heard", r.Mix.ForeignHeard)
	}
}

// judgeRekeys: with the script rekey keys must change, always, and cost nothing.
func (r *Report) judgeRekeys(fail func(string, ...any)) {
	if r.Script == ScriptRekey && r.Rekeys.Done == 0 {
		fail("no keys were changed")
	}
	if r.Rekeys.Failed > 0 {
		fail("%d of %d changes of keys failed", r.Rekeys.Failed, r.Rekeys.Done+r.Rekeys.Failed)
	}
	if r.Rekeys.PacketsLost > 0 {
		fail("%d packets were lost or refused while keys were changed", r.Rekeys.PacketsLost)
	}
}

// Pass says whether everything was as it should be.
func (r *Report) Pass() bool { return r.Verdict == "pass" }

// Print writes the report for people.
func (r *Report) Print(w io.Writer) {
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }
	line("%s: %d callers (%d talking) in %d rooms, %s, %s over %s", strings.ToUpper(r.Verdict), r.Callers, r.Talkers, r.Rooms,
		strings.Join(r.Keying, "+"), strings.Join(r.Codec, "+"), r.Transport)
	line("  set-up    %d ok, %d failed, p50 %.1f ms, p99 %.1f ms, %.1f a second", r.Setup.OK, r.Setup.Failed, r.Setup.P50, r.Setup.P99, r.Setup.PerS)
	for _, reason := range slices.Sorted(maps.Keys(r.Setup.Failures)) {
		line("            %d times %s", r.Setup.Failures[reason], reason)
	}
	line("  media     %d of %d packets received (%.3f %%), %d lost, %d late, %d not authentic, %d replayed", r.Media.Received,
		r.Media.Expected, r.Media.ReceivedPct, r.Media.Lost, r.Media.Late, r.Media.AuthFailed, r.Media.Replayed)
	if r.Rekeys.Done+r.Rekeys.Failed > 0 {
		line("  rekeys    %d done, %d failed, %d packets lost", r.Rekeys.Done, r.Rekeys.Failed, r.Rekeys.PacketsLost)
	}
	for _, reason := range slices.Sorted(maps.Keys(r.Rekeys.Failures)) {
		line("            %d times %s", r.Rekeys.Failures[reason], reason)
	}
	r.Moves.print(line)
	line("  mix       %d of %d pairs heard, %d missing, %d heard themselves, %d foreign", r.Mix.Heard, r.Mix.Pairs, r.Mix.Missing, r.Mix.SelfHeard, r.Mix.ForeignHeard)
	line("  latency   mouth to ear p50 %.0f ms, p99 %.0f ms; added p50 %.0f ms, p95 %.0f ms, p99 %.0f ms", r.Latency.P50, r.Latency.P99, r.Added.P50, r.Added.P95, r.Added.P99)
	line("  ticks     %d of the server's mixer, %d late (%.2f %%)", r.Ticks.Ticks, r.Ticks.Late, r.Ticks.LatePct)
	if r.Events.Listeners > 0 {
		line("  events    %d listeners, %d events received, %d cut off", r.Events.Listeners, r.Events.Received, r.Events.Cut)
	}
	if r.CPU.Server > 0 {
		line("  cpu       callers %.2f s, server %.2f s", r.CPU.Callers, r.CPU.Server)
	} else {
		line("  cpu       callers %.2f s", r.CPU.Callers)
	}
	for _, reason := range r.Reasons {
		line("  !! %s", reason)
	}
}

// quantile of durations in milliseconds; 0 without any. It sorts its argument.
func quantile(d []time.Duration, q float64) float64 {
	if len(d) == 0 {
		return 0
	}
	slices.Sort(d)
	i := int(math.Ceil(q*float64(len(d)))) - 1
	return float64(d[max(0, min(i, len(d)-1))]) / float64(time.Millisecond)
}
