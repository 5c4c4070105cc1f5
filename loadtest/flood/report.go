package flood

import (
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
	Overload *Count   `json:"overload,omitempty"` // at a multiple of it
	PerCore  float64  `json:"peak_per_core"`      // good calls a second of the server's processor time in that step; 0 without its pid
	Share    float64  `json:"overload_share"`     // good calls a second under overload over the peak
	CoreRate float64  `json:"overload_core_rate"` // the same by processor time
	After    *Count   `json:"after,omitempty"`    // at half of the peak again, from the end of the overload on
	Steps    []*Count `json:"steps"`              // all, in their order
	Checked  int      `json:"checked"`            // answers that were completed and led to keys

	CPU CPUReport `json:"cpu"`
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
		line("  at %.0f a second %.0f, %.0f %% of the peak; %.0f %% by the server's processor time", r.Overload.Rate, r.Overload.PerS, 100*r.Share, 100*r.CoreRate)
	}
	line("  cpu  sender %.2f s, %.0f us a good call; server %.2f s, %.0f us a good call", r.CPU.Sender, r.CPU.SenderPerCall, r.CPU.Server, r.CPU.ServerPerCall)
}
