package server

import (
	"math"
	"runtime"
	rtm "runtime/metrics"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// TestRegroup: what is in a bucket counts up to the bounds that are not below its upper one.
func TestRegroup(t *testing.T) {
	h := &rtm.Float64Histogram{Counts: []uint64{1, 2, 4, 8}, Buckets: []float64{math.Inf(-1), 1, 3, 5, math.Inf(1)}}
	total, got := regroup(h, []float64{0.5, 1, 4, 5})
	want := map[float64]uint64{0.5: 0, 1: 1, 4: 3, 5: 7}
	if total != 15 {
		t.Errorf("%d in all", total)
	}
	for bound, n := range want {
		if got[bound] != n {
			t.Errorf("up to %v: %d, want %d", bound, got[bound], n)
		}
	}
}

// TestPauses: a collection is two pauses at least, each of them stops first, and the metrics tell so.
func TestPauses(t *testing.T) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(newPauses()...)
	count := func() (n []uint64) {
		families, err := registry.Gather()
		if err != nil || len(families) != 2 {
			t.Fatalf("%d metrics: %v", len(families), err)
		}
		for _, f := range families {
			n = append(n, f.GetMetric()[0].GetHistogram().GetSampleCount())
		}
		return n
	}
	before := count()
	runtime.GC()
	for i, n := range count() {
		if n < before[i]+2 {
			t.Errorf("metric %d: %d pauses, %d before the collection", i, n, before[i])
		}
	}
}
