package bench

import (
	"fmt"
	"slices"
)

// Target is something that was promised, and what came of it.
type Target struct {
	What string `json:"what"`
	Want string `json:"want"`
	Got  string `json:"got"`
	Met  bool   `json:"met"`
}

// Targets holds the rows to what was promised; what was not measured is left out.
func Targets(rows []Row) []Target {
	var list []Target
	for _, r := range rows {
		list = append(list, r.targets()...)
	}
	return append(list, doublings(rows)...)
}

// targets are those of one row.
func (r *Row) targets() []Target {
	var list []Target
	name := fmt.Sprintf("%s, %s, %d legs", r.Title, r.codecs(), r.Legs)
	most := func(what string, got, want float64, format string) {
		list = append(list, Target{what, "at most " + fmt.Sprintf(format, want), fmt.Sprintf(format, got), got <= want})
	}
	least := func(what string, got, want float64, format string) {
		list = append(list, Target{what, "at least " + fmt.Sprintf(format, want), fmt.Sprintf(format, got), got >= want})
	}
	if why := r.excuse(); why != "" {
		return []Target{{What: name, Want: "a row that counts", Got: why}}
	}
	if !r.Scaling {
		share := shareEncoded
		if r.Forwarded {
			share = shareForwarded
		}
		least("share of the floor: "+name, r.Share, share, "%.2f")
		p50, p95 := delays(r)
		most("onset sent to onset received, p50: "+name, r.AddedP50, p50, "%.0f ms")
		most("the same, p95", r.AddedP95, p95, "%.0f ms")
	}
	switch r.Name {
	case "two-of-ten":
		most("of a core for a leg with Opus and SRTP", r.CorePct, coreOpus, "%.3f %%")
	case "two-of-ten-pcmu":
		most("of a core for a leg with PCMU and SRTP", r.CorePct, corePCMU, "%.3f %%")
	case "legs-500":
		least(fmt.Sprintf("packets received, %d legs on one core", r.Legs), r.Received, receivedPct, "%.2f %%")
	case "room-of-500":
		most(fmt.Sprintf("ticks of the room of %d that are late by more than %.0f ms", r.Legs, 1000*lateTick), r.Lateness.LatePct, latePct, "%.2f %%")
	case "idle-400":
		most(fmt.Sprintf("memory a leg, %d that stand", r.Legs), r.MemoryKiB, idleKiB, "%.0f KiB")
	case "garbage-500":
		most(fmt.Sprintf("p99 of the collector's pauses (%.0f; it takes %d), %d legs", r.GC.Count, enoughPauses, r.Legs), r.GC.P99, pauseMS, "%.2f ms")
		list[len(list)-1].Met = list[len(list)-1].Met && r.GC.Count >= enoughPauses
	}
	return list
}

// delays are the bounds of the delay that a server adds, in milliseconds.
func delays(r *Row) (p50, p95 float64) {
	switch {
	case r.Forwarded:
		return 20, 30
	case len(r.Codecs) == 1 && r.Codecs[0] == "pcmu":
		return 14, 21
	}
	return 24, 35
}

// doublings compare rows of the scaling part of which one has twice the legs of another, turn by turn: two of the same turn lie close together in
// time, and of their ratios the middle one counts.
func doublings(rows []Row) []Target {
	var list []Target
	for _, few := range rows {
		for _, many := range rows {
			if !few.Scaling || !many.Scaling || few.excuse()+many.excuse() != "" || few.Title != many.Title ||
				!slices.Equal(few.Codecs, many.Codecs) || many.Legs != 2*few.Legs || len(few.TurnsCPU) == 0 || len(many.TurnsCPU) != len(few.TurnsCPU) {
				continue
			}
			ratio := ratioOf(many, few)
			list = append(list, Target{
				fmt.Sprintf("processor time, %d legs over %d", many.Legs, few.Legs), fmt.Sprintf("at most %.2f", doubling), fmt.Sprintf("%.2f", ratio),
				ratio <= doubling,
			})
		}
	}
	return list
}

// ratioOf is the middle one of the ratios of the processor times that two rows took in each of their turns, all legs of each together.
func ratioOf(many, few Row) float64 {
	ratios := make([]float64, len(few.TurnsCPU))
	for i, us := range few.TurnsCPU {
		ratios[i] = many.TurnsCPU[i] * float64(many.Legs) / (us * float64(few.Legs))
	}
	slices.Sort(ratios)
	return ratios[len(ratios)/2]
}
