package flood

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/conclave/conclave/loadtest"
)

// Report is what a flood found.
type Report struct {
	Keying string `json:"keying"`
	Group  string `json:"group,omitempty"`
	Cert   string `json:"cert"`

	Peak     float64  `json:"peak_per_s"`         // good calls a second of the best step
	Half     *Count   `json:"half,omitempty"`     // at half of that
	Beside   *Count   `json:"beside,omitempty"`   // at the rate of the peak again, right before the overload
	Overload *Count   `json:"overload,omitempty"` // at a multiple of it
	PerCore  float64  `json:"peak_per_core"`      // good calls a second of the server's processor time in that step; 0 without its pid
	Share    float64  `json:"overload_share"`     // good calls a second under overload over those beside it: of the pair in the middle
	CoreRate float64  `json:"overload_core_rate"` // the same by processor time, of its own pair in the middle
	After    *Count   `json:"after,omitempty"`    // at half of the peak again, from the end of the overload on
	Steps    []*Count `json:"steps"`              // all, in their order
	Checked  int      `json:"checked"`            // answers that were completed and led to keys

	CPU CPUReport `json:"cpu"`
}

// pair is what a server made of the rate of its peak, and of a multiple of it right behind.
type pair struct{ beside, over *Count }

func (p pair) share() float64 { return ratio(p.over.PerS, p.beside.PerS) }

func (p pair) coreRate() float64 { return ratio(p.over.PerCore, p.beside.PerCore) }

// ratio is 0 where there is nothing to compare with.
func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// conclude takes what the overload was worth from an odd number of pairs.
func (r *Report) conclude(pairs []pair) {
	middle := func(worth func(pair) float64) pair {
		slices.SortFunc(pairs, func(a, b pair) int { return cmp.Compare(worth(a), worth(b)) })
		return pairs[len(pairs)/2]
	}
	r.CoreRate = middle(pair.coreRate).coreRate()
	p := middle(pair.share)
	r.Beside, r.Overload, r.Share = p.beside, p.over, p.share()
}

// CPUReport is processor time over all runs, without their preparation.
type CPUReport struct {
	Sender float64 `json:"sender_s"`
	Server float64 `json:"server_s"` // 0 without its pid
	// SenderPerCall and ServerPerCall are microseconds a good call, those of the refused ones included.
	SenderPerCall float64 `json:"sender_us_per_call"`
	ServerPerCall float64 `json:"server_us_per_call"`
}

func newReport(o *Options) *Report {
	return &Report{Keying: string(o.Method), Group: string(o.Group), Cert: o.Cert}
}

// spent adds the processor time of a run.
func (r *Report) spent(before, after loadtest.CPU) {
	r.CPU.Sender += (after.Own - before.Own).Seconds()
	r.CPU.Server += (after.Server - before.Server).Seconds()
}

// finish works out what follows from all runs.
func (r *Report) finish() {
	good := 0
	for _, n := range r.Steps {
		good += n.Good
	}
	if good > 0 {
		r.CPU.SenderPerCall = r.CPU.Sender / float64(good) * 1e6
		r.CPU.ServerPerCall = r.CPU.Server / float64(good) * 1e6
	}
}

// Print writes the report for people.
func (r *Report) Print(w io.Writer) {
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }
	line("%s %s, %s certificates", r.Keying, r.Group, r.Cert)
	line("  %-9s %8s %8s %8s %8s %8s %8s %8s %8s %8s %8s", "step", "rate", "offered", "good", "late", "503", "silent", "p50 ms", "p99 ms", "good/s", "per core")
	for _, n := range r.Steps {
		line("  %-9s %8.0f %8d %8d %8d %8d %8d %8.1f %8.1f %8.0f %8.0f", n.Name, n.Rate, n.Offered, n.Good, n.Late, n.Busy+n.BusyMute, n.Silent, n.P50, n.P99, n.PerS, n.PerCore)
		for _, status := range slices.Sorted(maps.Keys(n.Refused)) {
			line("            %d times %d", n.Refused[status], status)
		}
	}
	line("  peak %.0f good calls a second", r.Peak)
	if r.Overload != nil {
		line("  at %.0f a second %.0f, %.0f %% of the %.0f at the peak's rate beside it; %.0f %% by the server's processor time",
			r.Overload.Rate, r.Overload.PerS, 100*r.Share, r.Beside.PerS, 100*r.CoreRate)
	}
	line("  cpu  sender %.2f s, %.0f us a good call; server %.2f s, %.0f us a good call", r.CPU.Sender, r.CPU.SenderPerCall, r.CPU.Server, r.CPU.ServerPerCall)
}
