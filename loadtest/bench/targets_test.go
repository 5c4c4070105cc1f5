package bench

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestTargets(t *testing.T) {
	s := Scenario{Name: "two-of-ten", Title: curveTitle, Legs: 100, Rooms: 10, Talkers: .2, Codecs: opusOnly}
	r := Row{Scenario: s, CPU: 25, CorePct: .125, Share: .8, AddedP50: 20, AddedP95: 40}
	verdicts := func(rows ...Row) string {
		var words []string
		for _, t := range Targets(rows) {
			words = append(words, t.verdict())
		}
		return strings.Join(words, " ")
	}
	if got := verdicts(r); got != "met met missed met" { // share, p50, p95, core
		t.Error(got)
	}
	disturbed := r
	disturbed.Skipped = 1
	if got := verdicts(disturbed); got != "missed" {
		t.Error("disturbed: " + got)
	}
	disturbed.Failed = []string{"why"}
	if got := verdicts(disturbed); got != "missed" {
		t.Error("failed: " + got)
	}
	garbage := Row{Scenario: Scenario{Name: "garbage-500", Legs: 500, Scaling: true}, GC: Pauses{Count: 100, P99: 1}}
	if got := verdicts(garbage); got != "met" {
		t.Error("pauses: " + got)
	}
	garbage.GC.P99 = 1.01
	if got := verdicts(garbage); got != "missed" {
		t.Error("longer pauses: " + got)
	}
	garbage.GC = Pauses{Count: 10, P99: 0.1}
	if got := verdicts(garbage); got != "missed" {
		t.Error("too few pauses: " + got)
	}
}

// TestDoublings: twice the legs are held to the middle one of the ratios of the turns, whatever the rows that are shown took.
func TestDoublings(t *testing.T) {
	rung := func(legs int, turns ...float64) Row {
		r := Row{Scenario: Scenario{Title: curveTitle, Legs: legs, Codecs: opusOnly, Scaling: true}, TurnsCPU: turns, Turns: len(turns)}
		if len(turns) > 0 {
			r.CPU = slices.Sorted(slices.Values(turns))[len(turns)/2]
		}
		return r
	}
	// The machine gets slower from turn to turn, and 200 legs were in a good moment in two of them: the rows that are shown would tell 1.67.
	few, many := rung(100, 20, 22, 24, 26, 28), rung(200, 20, 20, 24, 20, 28)
	for name, c := range map[string]struct {
		rows []Row
		want []string
	}{
		"the middle one":             {[]Row{few, many}, []string{"processor time, 200 legs over 100: 2.00, at most 2.00, met"}},
		"more than doubling":         {[]Row{rung(100, 10, 10, 10), rung(200, 10.3, 10.2, 9)}, []string{"processor time, 200 legs over 100: 2.04, at most 2.00, missed"}},
		"once each":                  {[]Row{rung(100, 10), rung(200, 9)}, []string{"processor time, 200 legs over 100: 1.80, at most 2.00, met"}},
		"not twice the legs":         {[]Row{few, rung(201, many.TurnsCPU...)}, nil},
		"not of the same turns":      {[]Row{few, rung(200, 20, 20, 24)}, nil},
		"never in the same turn":     {[]Row{rung(100), rung(200)}, nil},
		"a rung that does not count": {[]Row{few, {Scenario: many.Scenario, TurnsCPU: many.TurnsCPU, Failed: []string{"why"}}}, nil},
	} {
		var got []string
		for _, t := range doublings(c.rows) {
			got = append(got, fmt.Sprintf("%s: %s, %s, %s", t.What, t.Got, t.Want, t.verdict()))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
