package media

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/conclave/conclave/mixer/codec"
)

func TestSenderClockDrift(t *testing.T) {
	for _, ppm := range []int{-300, 300} {
		d := newDeck(t, "pcmu")
		lost, next := 0, 0
		for i := range 30000 { // ten minutes
			for ; next <= i+i*ppm/1_000_000; next++ {
				d.add(codec.Tick(i), next*160, frameOf(next, 160))
			}
			if strings.ContainsAny(d.next(codec.Tick(i)), "Ll") {
				lost++
			}
		}
		depth := (d.play.delay.best - d.play.base) / 160
		if lost > 25 || depth > 2 {
			t.Errorf("%d ppm: %d concealed, %d ticks of delay", ppm, lost, depth)
		}
	}
}

// Arrival times in milliseconds, ticks every 20: what jitter and loss of a network cost in delay and concealment.
func TestCostOfJitter(t *testing.T) {
	for _, tc := range []struct {
		name      string
		jitter    func(r *rand.Rand) float64 // ms
		loss      float64
		concealed float64 // per cent, at most
		depth     int64   // ticks, at most
	}{
		{"a quiet network", func(r *rand.Rand) float64 { return r.Float64() }, 0, 0.2, 1},
		{"5 ms", func(r *rand.Rand) float64 { return 5 * r.Float64() }, 0, 1, 1},
		{"20 ms", func(r *rand.Rand) float64 { return 20 * r.Float64() }, 0, 1.6, 1},
		{"20 ms and 3 per cent lost", func(r *rand.Rand) float64 { return 20 * r.Float64() }, 0.03, 4.8, 2},
		{"long tail of 15 ms", func(r *rand.Rand) float64 { return 15 * r.ExpFloat64() }, 0, 2.5, 5},
	} {
		t.Run(tc.name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(7, 8))
			for phase := 1.0; phase < 20; phase += 6 {
				d := newDeck(t, "pcmu")
				const ticks = 15000 // five minutes
				waiting := map[int][]int{}
				for n := range ticks {
					if random.Float64() >= tc.loss {
						at := int(math.Ceil((float64(n)*20 + phase + tc.jitter(random)) / 20))
						waiting[at] = append(waiting[at], n)
					}
					for _, k := range waiting[n] {
						d.add(codec.Tick(n), k*160, frameOf(k, 160))
					}
					delete(waiting, n)
					d.next(codec.Tick(n))
				}
				concealed := 100 * float64(d.c.concealed.Load()) / ticks
				depth := (d.play.delay.best - d.play.base) / 160
				t.Logf("phase %2.0f ms: %.2f %% concealed, %d late, %d discarded, %d ticks of delay", phase, concealed,
					d.c.late.Load(), d.c.discarded.Load(), depth)
				if concealed > tc.concealed || depth > tc.depth {
					t.Errorf("too much: at most %.1f %% and %d ticks", tc.concealed, tc.depth)
				}
			}
		})
	}
}

// TestArrivalsAroundTheTick: packets that come so close to the instant of the tick that a share of them misses it. Waiting for them costs
// one frame, not more, and the play-out does not go to and fro between waiting and not.
func TestArrivalsAroundTheTick(t *testing.T) {
	for _, share := range []float64{0.002, 0.005, 0.01, 0.015, 0.03, 0.1, 0.5, 0.9, 0.99} {
		random := rand.New(rand.NewPCG(3, 9))
		d := newDeck(t, "pcmu")
		const ticks = 15000 // five minutes
		missed, lost, changes, deepest, base := []int(nil), 0, 0, int64(0), int64(0)
		for n := range ticks {
			for _, k := range missed {
				d.add(codec.Tick(n), k*160, frameOf(k, 160))
			}
			if missed = missed[:0]; random.Float64() < share {
				missed = append(missed, n)
			} else {
				d.add(codec.Tick(n), n*160, frameOf(n, 160))
			}
			if strings.ContainsAny(d.next(codec.Tick(n)), "Ll") {
				lost++
			}
			if n > 0 && d.play.base != base {
				changes++
			}
			base = d.play.base
			deepest = max(deepest, -base/160)
		}
		t.Logf("%.1f %%: %d concealed, %d changes, %d ticks of delay at most", 100*share, lost, changes, deepest)
		if deepest > 1 || lost > ticks/200 || changes > 20 {
			t.Errorf("%.1f %% miss the tick: %d concealed, %d changes, %d ticks of delay at most", 100*share, lost, changes, deepest)
		}
	}
}
