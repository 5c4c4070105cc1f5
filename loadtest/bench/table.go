package bench

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// codecs names them once each.
func (s Scenario) codecs() string {
	var names []string
	for _, c := range slices.Compact(slices.Sorted(slices.Values(s.Codecs))) {
		names = append(names, codecName(c))
	}
	return strings.Join(names, "+")
}

// Named is the title with the codecs.
func (s Scenario) Named() string { return s.Title + ", " + s.codecs() }

// codecName is how people write the name of a codec.
func codecName(c string) string {
	if c == "opus" {
		return "Opus"
	}
	return strings.ToUpper(c)
}

// other is what of the processor time is in no stage of a tick: signalling, waking up, the collector.
func (r *Row) other() float64 {
	rest := r.CPU
	for _, us := range r.Stages {
		rest -= us
	}
	return rest
}

const heading = "%-42s %4s %9s %8s %9s %8s %6s %6s  %-38s %-26s %8s %9s %8s %8s\n"

// printHeading writes the head of the table.
func printHeading(w io.Writer) {
	fmt.Fprintln(w, "us: microseconds of processor time a leg and tick of 20 ms; the parts of a tick by wall time; lateness of ticks; onset sent to onset received")
	fmt.Fprintf(w, heading, "scenario", "legs", "us", "% core", "legs/core", "floor us", "share", "paced", "receive decode mix encode send other", "late % p50/p99/p99.9 ms",
		"received", "p50/p95", "KiB/leg", "stolen")
}

// print writes the row.
func (r *Row) print(w io.Writer) {
	parts := make([]string, 0, len(stages)+1)
	for _, s := range stages {
		if us, ok := r.Stages[s]; ok {
			parts = append(parts, fmt.Sprintf("%.1f", us))
		} else {
			parts = append(parts, "-")
		}
	}
	parts = append(parts, fmt.Sprintf("%.1f", r.other()))
	title := r.Named()
	if r.Forwarded {
		title += ", forwarded"
	}
	l := r.Lateness
	fmt.Fprintf(w, heading, title, fmt.Sprint(r.Legs), fmt.Sprintf("%.1f", r.CPU), fmt.Sprintf("%.3f", r.CorePct), fmt.Sprintf("%.0f", r.LegsPerCore),
		fmt.Sprintf("%.1f", r.Floor), fmt.Sprintf("%.2f", r.Share), r.AtPace(),
		strings.Join(parts, " "), fmt.Sprintf("%.2f %.2f/%.2f/%.1f", l.LatePct, l.P50, l.P99, l.P999),
		fmt.Sprintf("%.2f %%", r.Received), fmt.Sprintf("%.0f/%.0f ms", r.AddedP50, r.AddedP95), fmt.Sprintf("%.0f", r.MemoryKiB), fmt.Sprintf("%.0f ms", r.StolenMS))
	if why := r.disturbed(); why != "" {
		fmt.Fprintf(w, "  disturbed: %s\n", why)
	}
	for _, why := range r.Failed {
		fmt.Fprintf(w, "  !! %s\n", why)
	}
}

// printTargets writes what was promised and what came of it.
func printTargets(w io.Writer, list []Target) {
	for _, t := range list {
		fmt.Fprintf(w, "%-7s %-75s %s, %s\n", t.verdict(), t.What, t.Got, t.Want)
	}
}

func (t Target) verdict() string {
	if t.Met {
		return "met"
	}
	return "missed"
}
