package bench

import (
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/conclave/conclave/loadtest"
	"github.com/conclave/conclave/loadtest/bench/floor"
)

// childWord makes the test binary, started by launch, a process that says on which cores it runs and waits to be interrupted.
const childWord = "child-of-the-test"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == childWord {
		interrupted := make(chan os.Signal, 1)
		signal.Notify(interrupted, os.Interrupt)
		list, err := floor.Cores()
		fmt.Println("cores", list, err, "GOGC="+os.Getenv("GOGC"))
		if len(os.Args) > 2 { // it burns processor time until it is interrupted
			for len(interrupted) == 0 {
				_ = math.Sqrt(float64(len(os.Args)))
			}
		}
		<-interrupted
		os.Exit(3)
	}
	os.Exit(m.Run())
}

func TestChildOnItsCore(t *testing.T) {
	all, err := floor.Cores()
	if err != nil {
		t.Fatal(err)
	}
	last := all[len(all)-1:]
	read, write := io.Pipe()
	line := awaitLine(read, fmt.Sprint("cores ", last, " <nil> GOGC=7"))
	c, err := launch(t.Context(), last, []string{"GOGC=7"}, write, childWord, "busy")
	if err != nil {
		t.Fatal(err)
	}
	defer write.Close()
	select {
	case found := <-line:
		if !found {
			t.Fatal("the child does not run on the core, or in the environment, that it was given")
		}
	case <-c.ended:
		t.Fatalf("ended: %v %s", c.err, c.said())
	}
	for deadline := time.Now().Add(20 * time.Second); ; {
		used, err := processTime(c.cmd.Process.Pid)
		if err != nil {
			t.Fatal(err)
		}
		if used > 50*time.Millisecond {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("a busy child has used %v", used)
		}
	}
	if rss, err := resident(c.cmd.Process.Pid); err != nil || rss < 1<<19 {
		t.Errorf("resident %d, %v", rss, err)
	}
	if err := c.stop(); err != nil || c.cmd.ProcessState.ExitCode() != 3 {
		t.Errorf("stopped with status %d, %v", c.cmd.ProcessState.ExitCode(), err)
	}
	if _, err := processTime(c.cmd.Process.Pid); err == nil {
		t.Error("processor time of a process that is gone")
	}
	if now, err := floor.Cores(); err != nil || !slices.Equal(now, all) {
		t.Errorf("this process runs on %v now, on %v before", now, all)
	}
}

func TestHistogram(t *testing.T) {
	name := func(le string) string { return `h_bucket{le="` + le + `"}` }
	from := sample{metrics: map[string]float64{name("0.001"): 5, name("0.005"): 5, name("0.06"): 5, name("+Inf"): 5}}
	to := sample{metrics: map[string]float64{name("0.001"): 85, name("0.005"): 103, name("0.06"): 105, name("+Inf"): 105, `other_bucket{le="1"}`: 9}}
	h := risen(from, to, "h")
	near := func(what string, got, want float64) {
		if math.Abs(got-want) > 1e-9 {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	near("total", h.total(), 100)
	near("p50", h.quantile(.5), 0.000625)
	near("p99", h.quantile(.99), 0.0325)
	near("late", h.above(0.005), 0.02)
	near("most", h.most(), 0.06)
	to.metrics[name("+Inf")] = 106
	h = risen(from, to, "h")
	near("most beyond the last bound", h.most(), 0.06)
	near("p100", h.quantile(1), 0.06)
	h = risen(to, to, "h")
	near("of nothing", h.quantile(.5)+h.above(0)+h.most()+h.total(), 0)
}

const gcBucket = `conclave_gc_pause_seconds_bucket{le="`

// filled is a row of 100 legs measured for 10 s in which the server used 2 s.
func filled(t *testing.T, s Scenario, encodes float64) Row {
	t.Helper()
	r := Row{Scenario: s}
	start := time.Now()
	from := sample{at: start, seen: start, cpu: time.Second, rss: 50 << 20, metrics: map[string]float64{
		`conclave_mixer_stage_seconds_total{stage="mix"}`: 1, gcBucket + `0.001"}`: 10, gcBucket + `0.005"}`: 20, gcBucket + `+Inf"}`: 20, // those of the start
	}}
	to := sample{
		at: start.Add(10 * time.Second), seen: start.Add(10 * time.Second), cpu: 3 * time.Second, rss: 60 << 20, callers: time.Second, stolen: time.Second / 4,
		metrics: map[string]float64{
			`conclave_mixer_stage_seconds_total{stage="mix"}`: 1.5, "conclave_calls": float64(s.Legs), "conclave_mixer_encodes_total": encodes, "conclave_mixer_worst_lateness_seconds": .012,
			gcBucket + `0.001"}`: 110, gcBucket + `0.005"}`: 120, gcBucket + `+Inf"}`: 120,
		},
	}
	r.fill(sample{rss: 20 << 20}, from, to, float64(s.Legs))
	return r
}

func TestRow(t *testing.T) {
	s := Scenario{Name: "two-of-ten", Title: "2 of 10 talking", Legs: 100, Rooms: 10, Talkers: .2, Codecs: opusOnly}
	r := filled(t, s, 15000)
	for what, v := range map[string][2]float64{
		"us": {r.CPU, 40}, "% of a core": {r.CorePct, .2}, "legs per core": {r.LegsPerCore, 500}, "mix": {r.Stages["mix"], 10}, "other": {r.other(), 30},
		"memory": {r.MemoryKiB, 40 * 1024 / 100.}, "stolen": {r.StolenMS, 250}, "callers": {r.Callers, 10}, "worst": {r.Lateness.Worst, 12},
		"pauses": {r.GC.Count, 100}, "p99 of the pauses": {1000 * r.GC.P99, 990}, "longest pause": {1000 * r.GC.Most, 1000},
	} {
		if math.Abs(v[0]-v[1]) > .5 {
			t.Errorf("%s: %v, want %v", what, v[0], v[1])
		}
	}
	if len(r.Stages) != 1 || r.Forwarded {
		t.Errorf("stages %v, forwarded %v", r.Stages, r.Forwarded)
	}
	lost := Row{Scenario: s}
	lost.fill(sample{}, sample{}, sample{at: time.Now(), metrics: map[string]float64{"conclave_calls": 97}}, 100)
	if got := strings.Join(lost.Failed, "; "); got != "3 of 100 calls had ended by the end of the window" {
		t.Errorf("calls that ended: %q", got)
	}
	s.Talkers = .1
	if forwarded := filled(t, s, 20); !forwarded.Forwarded {
		t.Error("a room that encodes nothing forwards")
	}
	r.hear(&loadtest.Report{Setup: loadtest.SetupReport{OK: 100}, Mix: loadtest.MixReport{Pairs: 10, Heard: 8, Missing: 2, Untested: 2}})
	if len(r.Failed) > 0 {
		t.Errorf("failed: %v", r.Failed)
	}
	r.hear(&loadtest.Report{Setup: loadtest.SetupReport{OK: 99, Failed: 1}, Mix: loadtest.MixReport{Pairs: 10, Heard: 8, Missing: 2, SelfHeard: 1, ForeignHeard: 1},
		Media: loadtest.MediaReport{AuthFailed: 1}})
	if len(r.Failed) != 5 {
		t.Errorf("failed: %v", r.Failed)
	}
}
