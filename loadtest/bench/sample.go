package bench

import (
	"context"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// sample is a server at one moment.
type sample struct {
	at      time.Time
	cpu     time.Duration
	callers time.Duration // processor time of the callers
	stolen  time.Duration // by the host of the virtual machine, on all cores
	rss     int64         // octets
	metrics map[string]float64
	seen    time.Time // when the metrics were
}

// begin takes the sample from which a window is measured: the metrics first, so that making them is no part of it.
func (s *server) begin(ctx context.Context, callers *child) (m sample, err error) {
	if err = m.scrape(ctx, s); err != nil {
		return m, err
	}
	return m, m.clocks(s, callers)
}

// finish takes the sample at its end: the metrics last.
func (s *server) finish(ctx context.Context, callers *child) (m sample, err error) {
	if err = m.clocks(s, callers); err != nil {
		return m, err
	}
	return m, m.scrape(ctx, s)
}

func (m *sample) scrape(ctx context.Context, s *server) (err error) {
	if m.metrics, err = s.metrics(ctx); err != nil {
		return err
	}
	m.seen = time.Now()
	return nil
}

func (m *sample) clocks(s *server, callers *child) (err error) {
	m.at = time.Now()
	if m.cpu, err = processTime(s.cmd.Process.Pid); err != nil {
		return err
	}
	if m.callers, err = processTime(callers.cmd.Process.Pid); err != nil {
		return err
	}
	m.stolen = stolen()
	m.rss, err = resident(s.cmd.Process.Pid)
	return err
}

// resident is the memory of a process that is in the machine's, in octets (proc(5), statm).
func resident(pid int) (int64, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	if err != nil {
		return 0, fmt.Errorf("bench: %w", err)
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0, fmt.Errorf("bench: statm holds %q", text)
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}

// stolen is how long the host ran something else while this machine wanted to run: the eighth number of the first line of /proc/stat
// (proc(5)); 0 where it is not known.
func stolen() time.Duration {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(text), "\n")
	const steal = 8
	fields := strings.Fields(first)
	if len(fields) <= steal {
		return 0
	}
	n, _ := strconv.ParseInt(fields[steal], 10, 64) // 0 when it cannot be read
	return time.Duration(n) * userTick
}

// rise is by how much a metric rose.
func rise(from, to sample, name string) float64 { return to.metrics[name] - from.metrics[name] }

// histogram is what fell into the buckets of a Prometheus histogram within a window: bounds in seconds, ascending, the last infinite.
type histogram struct {
	bounds []float64
	counts []float64 // of each bucket, those below it not counted
}

// risen is the histogram of a window.
func risen(from, to sample, name string) histogram {
	sums := make(map[float64]float64)
	for key, v := range to.metrics {
		label, ok := strings.CutPrefix(key, name+`_bucket{le="`)
		if !ok {
			continue
		}
		if bound, err := strconv.ParseFloat(strings.TrimSuffix(label, `"}`), 64); err == nil {
			sums[bound] = v - from.metrics[key]
		}
	}
	h, below := histogram{bounds: slices.Sorted(maps.Keys(sums))}, 0.0
	for _, b := range h.bounds {
		h.counts = append(h.counts, sums[b]-below)
		below = sums[b]
	}
	return h
}

// total is how many there are.
func (h histogram) total() (n float64) {
	for _, c := range h.counts {
		n += c
	}
	return n
}

// quantile is between the bounds of the bucket in which it falls, in proportion; in the last one it is the bound below.
func (h histogram) quantile(q float64) float64 {
	want, below, low := q*h.total(), 0.0, 0.0
	if want == 0 {
		return 0
	}
	for i, b := range h.bounds {
		if below+h.counts[i] >= want {
			if math.IsInf(b, 1) {
				return low
			}
			return low + (b-low)*(want-below)/h.counts[i]
		}
		below, low = below+h.counts[i], b
	}
	return low
}

// above is the share beyond a bound.
func (h histogram) above(bound float64) float64 {
	n := h.total()
	if n == 0 {
		return 0
	}
	beyond := 0.0
	for i, b := range h.bounds {
		if b > bound {
			beyond += h.counts[i]
		}
	}
	return beyond / n
}

// most is the bound of the highest bucket that holds something; where that is the last one, the bound below.
func (h histogram) most() float64 {
	low, highest := 0.0, 0.0
	for i, b := range h.bounds {
		if h.counts[i] > 0 {
			if highest = b; math.IsInf(b, 1) {
				highest = low
			}
		}
		low = b
	}
	return highest
}
