package server

import (
	rtm "runtime/metrics"

	"github.com/prometheus/client_golang/prometheus"
)

// pauses is one metric of how long collections of garbage stop everything. The Prometheus client has the runtime's histogram too, but with
// bounds ten times apart: a pause of 1 ms and one of 10 ms are the same to it.
type pauses struct {
	desc *prometheus.Desc
	from string // name in runtime/metrics
}

// pauseBounds in seconds: what nobody hears, up to what makes a tick late.
var pauseBounds = []float64{50e-6, 100e-6, 200e-6, 500e-6, 1e-3, 1.5e-3, 2e-3, 3e-3, 5e-3, 10e-3, 20e-3}

func newPauses() []prometheus.Collector {
	return []prometheus.Collector{
		&pauses{prometheus.NewDesc("conclave_gc_pause_seconds", "Pauses for collections of garbage, by upper bounds; the sum is not kept.", nil, nil), "/sched/pauses/total/gc:seconds"},
		&pauses{prometheus.NewDesc("conclave_gc_stopping_seconds", "The part of them in which not all threads had stopped yet; the sum is not kept.", nil, nil), "/sched/pauses/stopping/gc:seconds"},
	}
}

// Describe implements prometheus.Collector.
func (p *pauses) Describe(ch chan<- *prometheus.Desc) { ch <- p.desc }

// Collect implements prometheus.Collector.
func (p *pauses) Collect(ch chan<- prometheus.Metric) {
	of := []rtm.Sample{{Name: p.from}}
	if rtm.Read(of); of[0].Value.Kind() == rtm.KindFloat64Histogram { // else a runtime without it
		total, buckets := regroup(of[0].Value.Float64Histogram(), pauseBounds)
		ch <- prometheus.MustNewConstHistogram(p.desc, total, 0, buckets)
	}
}

// regroup counts a histogram of the runtime up to coarser bounds. What is in a bucket counts as its upper bound, so that nothing is told
// better than it was.
func regroup(h *rtm.Float64Histogram, bounds []float64) (total uint64, upTo map[float64]uint64) {
	upTo = make(map[float64]uint64, len(bounds))
	for _, b := range bounds {
		upTo[b] = 0
	}
	for i, n := range h.Counts {
		total += n
		for _, b := range bounds {
			if h.Buckets[i+1] <= b {
				upTo[b] += n
			}
		}
	}
	return total, upTo
}
