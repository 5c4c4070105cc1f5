package bench

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/conclave/conclave/loadtest"
	"github.com/conclave/conclave/loadtest/bench/floor"
)

// Row is what was measured of a scenario. Times are in microseconds a leg and tick unless they say otherwise.
type Row struct {
	Scenario
	Seconds   float64   `json:"seconds"`      // measured
	Turns     int       `json:"turns"`        // of as many measurements this is the middle one
	TurnsCPU  []float64 `json:"turns_cpu_us"` // processor time of each, in their order
	Forwarded bool      `json:"forwarded"`    // the sole talker's frames went out as they came in

	CPU         float64            `json:"cpu_us"`
	CorePct     float64            `json:"core_pct"` // of one core, for one leg
	LegsPerCore float64            `json:"legs_per_core"`
	Floor       float64            `json:"floor_us"`
	Share       float64            `json:"floor_share"` // floor / CPU: 1 is the floor itself
	PacedFloor  float64            `json:"paced_floor_us"`
	PacedShare  float64            `json:"paced_floor_share"` // the same with every part at the pace of a call
	Stages      map[string]float64 `json:"stages_us"`         // wall time of the ticks' parts
	Parts       Parts              `json:"floor_parts_us"`
	PacedParts  Parts              `json:"paced_floor_parts_us"`

	Lateness  Lateness `json:"lateness_ms"`
	Received  float64  `json:"received_pct"`
	AddedP50  float64  `json:"added_ms_p50"` // onset sent to onset received
	AddedP95  float64  `json:"added_ms_p95"`
	Pairs     int      `json:"pairs"` // of a listener and a talker that were tested
	Heard     int      `json:"heard"`
	MemoryKiB float64  `json:"memory_kib"` // resident, a leg
	LiveKiB   float64  `json:"live_kib"`   // of it alive on the heap after the last collection
	GC        Pauses   `json:"gc"`
	GOGC      float64  `json:"gogc_pct"`  // by how much the server's heap grows until it is collected
	StolenMS  float64  `json:"stolen_ms"` // by the host, on all cores, in the window
	Shed      float64  `json:"shed"`      // the greater step of shedding of both ends of the window
	Callers   float64  `json:"callers_core_pct"`
	Skipped   uint64   `json:"callers_skipped"` // ticks that the callers themselves gave up
	Failed    []string `json:"failed"`          // why the row does not count
}

// Parts are those of the floor that the scenario's sum has.
type Parts struct {
	Kernel float64            `json:"kernel"`
	Cipher float64            `json:"cipher"`
	Voice  float64            `json:"voice"`
	Encode map[string]float64 `json:"encode"`
	Decode map[string]float64 `json:"decode"`
}

// Lateness is how late ticks of rooms began.
type Lateness struct {
	Ticks   float64 `json:"ticks"`
	LatePct float64 `json:"late_pct"` // by more than 5 ms
	P50     float64 `json:"p50"`
	P99     float64 `json:"p99"`
	P999    float64 `json:"p999"`
	Most    float64 `json:"most"`  // in the window, by the bound of its bucket
	Worst   float64 `json:"worst"` // since the server began, set-ups among it
}

// Pauses are those in which the garbage collector stopped everything: in the steady state there are hardly any.
type Pauses struct {
	Count float64 `json:"count"`
	P99   float64 `json:"p99_ms"`  // in its bucket, in proportion
	Most  float64 `json:"most_ms"` // bound of its bucket
}

// fill computes the row from what was seen at both ends of the window.
func (r *Row) fill(fresh, from, to sample, legs float64) {
	r.Seconds = to.at.Sub(from.at).Seconds()
	seen := to.seen.Sub(from.seen).Seconds() // a little more: the metrics were looked at outside
	micros := func(seconds, window float64) float64 { return seconds * 1e6 / (legs * window * ticksPerSecond) }
	r.CPU = micros((to.cpu - from.cpu).Seconds(), r.Seconds)
	r.CorePct = 100 * (to.cpu - from.cpu).Seconds() / r.Seconds / legs
	r.LegsPerCore = 1e6 / ticksPerSecond / r.CPU
	r.Callers = 100 * (to.callers - from.callers).Seconds() / r.Seconds
	r.Stages = make(map[string]float64)
	for _, stage := range stages {
		if name := `conclave_mixer_stage_seconds_total{stage="` + stage + `"}`; to.metrics[name] > 0 {
			r.Stages[stage] = micros(rise(from, to, name), seen)
		}
	}
	late := risen(from, to, "conclave_mixer_lateness_seconds")
	r.Lateness = Lateness{
		Ticks: late.total(), LatePct: 100 * late.above(lateTick), P50: 1000 * late.quantile(.5), P99: 1000 * late.quantile(.99),
		P999: 1000 * late.quantile(.999), Most: 1000 * late.most(), Worst: 1000 * to.metrics["conclave_mixer_worst_lateness_seconds"],
	}
	pauses := risen(from, to, "conclave_gc_pause_seconds")
	r.GC = Pauses{Count: pauses.total(), P99: 1000 * pauses.quantile(.99), Most: 1000 * pauses.most()}
	r.GOGC = to.metrics["go_gc_gogc_percent"]
	const kib = 1024
	r.MemoryKiB = float64(to.rss-fresh.rss) / kib / legs
	r.LiveKiB = (to.metrics["go_gc_heap_live_bytes"] - fresh.metrics["go_gc_heap_live_bytes"]) / kib / legs
	r.StolenMS = float64((to.stolen - from.stolen).Milliseconds())
	if gone := legs - to.metrics["conclave_calls"]; gone > 0 { // they hung up before the window had ended, or the server lost them
		r.Failed = append(r.Failed, fmt.Sprintf("%.0f of %.0f calls had ended by the end of the window", gone, legs))
	}
	r.Shed = max(from.metrics["conclave_mixer_shed"], to.metrics["conclave_mixer_shed"])
	encoded := rise(from, to, "conclave_mixer_encodes_total") / (seen * ticksPerSecond * float64(r.Rooms))
	r.Forwarded = r.Talkers > 0 && encoded < mostEncoded
}

// middle is the row whose processor time is in the middle of several of a scenario. Where one of them does not count, none does.
func middle(rounds []Row) Row {
	for _, r := range rounds {
		if r.excuse() != "" {
			return r
		}
	}
	sorted := slices.SortedFunc(slices.Values(rounds), func(a, b Row) int { return cmp.Compare(a.CPU, b.CPU) })
	row := sorted[len(sorted)/2]
	row.Turns = len(rounds)
	for _, r := range rounds {
		row.TurnsCPU = append(row.TurnsCPU, r.CPU)
	}
	return row
}

// excuse says why the row does not count: it failed, or was disturbed; "" where it does.
func (r *Row) excuse() string {
	if len(r.Failed) > 0 {
		return strings.Join(r.Failed, "; ")
	}
	return r.disturbed()
}

// disturbed says why the row tells of something else than the server at its full work; "" when it does not.
func (r *Row) disturbed() string {
	switch {
	case r.Skipped > 0:
		return fmt.Sprintf("the machine was too busy for the callers, whose clock gave up %d ticks", r.Skipped)
	case r.Shed > 0:
		return fmt.Sprintf("the mixer shed work, step %.0f, since its ticks were late", r.Shed)
	}
	return ""
}

// stages are the parts of a tick, as the mixer's metrics name them, in their order.
var stages = []string{"receive", "decode", "mix", "encode", "send"}

// compare puts the floor beside what was measured.
func (r *Row) compare(m floor.Measured) (err error) {
	if r.Floor, r.Parts, err = r.under(m.Hot); err != nil {
		return err
	}
	if r.PacedFloor, r.PacedParts, err = r.under(m.Paced); err != nil {
		return err
	}
	r.Share, r.PacedShare = r.Floor/r.CPU, r.PacedFloor/r.CPU
	return nil
}

// AtPace is the share at pace, in rooms like those in which the parts at the pace of a call are measured.
func (r *Row) AtPace() string {
	seats := r.Legs / r.Rooms
	if !floor.AtPace(seats, int(math.Round(r.Talkers*float64(seats)))) {
		return "–"
	}
	return fmt.Sprintf("%.2f", r.PacedShare)
}

// under is the floor under the row, and the parts that it is made of.
func (r *Row) under(p floor.Parts) (us float64, parts Parts, err error) {
	us, forwarded, err := r.floors(p)
	if err != nil {
		return us, parts, err
	}
	if r.Forwarded {
		us = forwarded
	}
	formats, err := r.formats()
	if err != nil {
		return us, parts, err
	}
	rate := floor.RoomRate(formats)
	parts = Parts{Kernel: p.Kernel, Cipher: p.Cipher, Voice: p.Voice[rate], Encode: make(map[string]float64), Decode: make(map[string]float64)}
	for _, f := range formats {
		parts.Encode[f.Codec.String()], parts.Decode[f.Codec.String()] = p.Encode(f, rate), p.Decode(f, rate)
	}
	return us, parts, nil
}

// hear takes what the callers reported. Their verdict is not the row's: a window may be too short for every talker to have had a
// turn, and where their own clock gave up ticks, tones begin and end in the middle of themselves and splatter over the others.
func (r *Row) hear(w *loadtest.Report) {
	r.Received, r.AddedP50, r.AddedP95 = w.Media.ReceivedPct, w.Added.P50, w.Added.P95
	r.Pairs, r.Heard, r.Skipped = w.Mix.Pairs-w.Mix.Untested, w.Mix.Heard, w.Clock.Skipped
	fail := func(wrong bool, why string) {
		if wrong {
			r.Failed = append(r.Failed, why)
		}
	}
	fail(w.Setup.OK < r.Legs, fmt.Sprintf("%d calls were not set up: %v", r.Legs-w.Setup.OK, w.Setup.Failures))
	fail(r.Heard < r.Pairs && r.disturbed() == "", "talkers were not heard")
	fail(w.Mix.SelfHeard > 0 && r.Skipped == 0, "callers heard themselves")
	fail(w.Mix.ForeignHeard > 0 && r.Skipped == 0, "another room was heard")
	fail(w.Media.AuthFailed > 0, "packets did not authenticate")
}
