package flood

import (
	"math"
	"slices"
	"time"
)

// Count is what became of the calls of one stretch of a run.
type Count struct {
	Name    string  `json:"name"`
	Rate    float64 `json:"rate"`    // calls a second, as planned
	Seconds float64 `json:"seconds"` // in which they were offered

	Offered  int         `json:"offered"`
	Good     int         `json:"good"`          // 200 in time
	Late     int         `json:"late"`          // 200 later
	Busy     int         `json:"busy"`          // 503 with Retry-After
	BusyMute int         `json:"busy_no_retry"` // 503 without
	Refused  map[int]int `json:"refused"`       // by any other status
	Silent   int         `json:"silent"`        // no final answer at all
	Repeated int         `json:"repeated"`      // requests sent again

	PerS     float64 `json:"good_per_s"`      // that came while calls were offered; the first quarter, in which queues fill, left out
	PerCore  float64 `json:"good_per_core_s"` // the same a second of the server's processor time, which tells what a core bears whatever else runs on the machine
	P50      float64 `json:"p50_ms"`          // from the first INVITE to the 200, of the good ones
	P99      float64 `json:"p99_ms"`
	BehindMS float64 `json:"behind_ms"` // how far the sender was behind its plan at worst

	delays []time.Duration
	steady int // good ones that PerS counts
	behind time.Duration
	server time.Duration // processor time of the server in the time that PerS counts
}

// add takes in what another lane counted.
func (n *Count) add(o *Count) {
	n.Offered += o.Offered
	n.Good += o.Good
	n.Late += o.Late
	n.steady += o.steady
	n.Busy += o.Busy
	n.BusyMute += o.BusyMute
	n.Repeated += o.Repeated
	for status, k := range o.Refused {
		n.Refused[status] += k
	}
	n.delays = append(n.delays, o.delays...)
	n.behind = max(n.behind, o.behind)
}

// finish works out what follows from the counts.
func (n *Count) finish(planned time.Duration) {
	n.Seconds = planned.Seconds()
	n.PerS = float64(n.steady) / (n.Seconds * (1 - warmup))
	if n.server > 0 {
		n.PerCore = float64(n.steady) / n.server.Seconds()
	}
	n.Silent = n.Offered - n.Good - n.Late - n.Busy - n.BusyMute
	for _, k := range n.Refused {
		n.Silent -= k
	}
	slices.Sort(n.delays)
	n.P50, n.P99 = quantile(n.delays, .5), quantile(n.delays, .99)
	n.BehindMS = milliseconds(n.behind)
}

// held says whether the server kept up with what was offered.
func (n *Count) held() bool { return n.PerS >= enough*n.Rate }

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// quantile of sorted durations in milliseconds; 0 without any.
func quantile(sorted []time.Duration, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	i := int(math.Ceil(q*float64(len(sorted)))) - 1
	return milliseconds(sorted[max(0, min(i, len(sorted)-1))])
}
