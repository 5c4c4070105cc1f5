package loadtest

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// tally is what a run counts while it goes on.
type tally struct {
	talkers int // set before the run

	mu        *sync.Mutex
	setups    []time.Duration
	failures  map[string]int
	ramp      time.Duration // until every caller had joined or failed
	ramped    int           // calls set up by then
	media     MediaReport
	endings   map[string]int // calls that ended by themselves
	rekeys    RekeysReport
	moves     MovesReport
	witnesses []*witness // of the moves that were made
	doubts    []string   // what could not be measured
}

func newTally() tally {
	return tally{
		mu: new(sync.Mutex), failures: make(map[string]int), endings: make(map[string]int), rekeys: RekeysReport{Failures: make(map[string]int)},
		moves: MovesReport{Ways: make(map[string]int), Failures: make(map[string]int)},
	}
}

func (t *tally) set(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.setups = append(t.setups, d)
}

func (t *tally) failed(reason string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failures[reason]++
}

func (t *tally) lost(reason string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.endings[reason]++
}

// rekeyed counts a change of keys.
func (t *tally) rekeyed(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil {
		t.rekeys.Done++
		return
	}
	t.rekeys.Failed++
	t.rekeys.Failures[reason(err)]++
}

// unknown keeps why something could not be measured: a run that does not know does not pass.
func (t *tally) unknown(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.doubts = append(t.doubts, err.Error())
}

// spoilt adds the packets that were lost or refused while keys were changed, from the counts before and after. The later may be the lower: a packet that was missing came after all.
func (t *tally) spoilt(before, after uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rekeys.PacketsLost += max(after, before) - before
}

func (t *tally) stream(c *channel) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c.tally(&t.media)
}

func (t *tally) joinedAfter(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ramp, t.ramped = d, len(t.setups)
}

// counts are the set-ups so far.
func (t *tally) counts() (ok, failed int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, n := range t.failures {
		failed += n
	}
	return len(t.setups), failed
}

// report puts everything together once nothing runs any more.
func (w *swarm) report(ctx context.Context, before, after CPU) *Report {
	t := &w.tally
	r := &Report{
		Callers: w.Callers, Rooms: w.Rooms, Talkers: t.talkers, Keying: names(w.Keying), Codec: w.Codecs, Transport: w.Transport, Script: w.Script,
		Media: t.media, Moves: t.movesReport(), Rekeys: t.rekeys, CPU: CPUReport{Callers: (after.Own - before.Own).Seconds(), Server: (after.Server - before.Server).Seconds()},
	}
	ok, failed := t.counts()
	r.Setup = SetupReport{
		OK: ok, Failed: failed, P50: quantile(t.setups, .5), P99: quantile(t.setups, .99),
		PerS: float64(t.ramped) / t.ramp.Seconds(), Failures: t.failures,
	}
	r.Media.Repeated = w.exchange.ledger.Repeated()
	if r.Media.Expected > 0 {
		r.Media.ReceivedPct = 100 * float64(r.Media.Received) / float64(r.Media.Expected)
	}
	for _, c := range w.callers {
		c.tally(&r.Mix, w.Script != ScriptChurn)
	}
	r.Latency = Percentiles{P50: quantile(w.stage.ears, .5), P99: quantile(w.stage.ears, .99)}
	r.Added = Percentiles95{P50: quantile(w.stage.adds, .5), P95: quantile(w.stage.adds, .95), P99: quantile(w.stage.adds, .99)}
	for reason, n := range t.endings {
		r.Reasons = append(r.Reasons, fmt.Sprintf("%d calls ended by themselves: %s", n, reason))
	}
	r.Reasons = append(r.Reasons, t.doubts...)
	skipped, worst := w.exchange.clock.Skipped()
	r.Ticks, r.Events = w.ticks, w.audience.report()
	r.Clock = ClockReport{Skipped: skipped, WorstMS: float64(worst.Microseconds()) / 1000}
	if ctx.Err() != nil {
		r.Reasons = append(r.Reasons, "the run was interrupted")
	}
	r.judge()
	return r
}

func names[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return out
}

// watch shows the progress on a terminal until the run ends.
func (w *swarm) watch(ctx context.Context, start time.Time, measured <-chan struct{}) {
	ticker := time.NewTicker(progressEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-measured:
			progress(w.Progress, "hanging up")
			return
		case now := <-ticker.C:
			ok, failed := w.tally.counts()
			ran := now.Sub(start)
			left := max(0, time.Duration(float64(w.Callers)/w.Ramp*float64(time.Second))+w.Duration-ran)
			progress(w.Progress, "%d calls set up, %d failed, %.0f a second, %s left", ok, failed,
				float64(ok)/ran.Seconds(), left.Round(time.Second))
		}
	}
}

// progress writes a line over the last one.
func progress(to io.Writer, format string, args ...any) {
	if to != nil {
		_, _ = fmt.Fprintf(to, "\r\033[K"+format, args...)
	}
}

// CPU is processor time spent so far: by this process, and by the server where its pid is known.
type CPU struct{ Own, Server time.Duration }

// ReadCPU reads the processor time of this process, and of the server's where its pid is known.
func ReadCPU(pid int) CPU {
	var c CPU
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) == nil {
		c.Own = time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	if pid <= 0 {
		return c
	}
	// proc(5): fields 14 and 15 are user and system time in ticks of 10 ms; the name in field 2 may hold spaces.
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return c
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 13 {
		return c
	}
	for _, f := range fields[11:13] {
		n, _ := strconv.ParseInt(f, 10, 64)
		c.Server += time.Duration(n) * clockTick
	}
	return c
}
