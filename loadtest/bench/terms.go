package bench

import (
	"math"
	"strings"
	"time"

	"github.com/conclave/conclave/loadtest"
	"github.com/conclave/conclave/loadtest/bench/floor"
	"github.com/conclave/conclave/mixer/codec"
)

// terms are the constants by which is measured, for the document to tell.
type terms struct {
	Floor                  floor.Terms
	Suite, Method          string
	Tick                   time.Duration
	Late                   time.Duration // from there on a tick is late
	Short, ShortLong, Rung time.Duration // windows of a short run, its longest, and those of a rung of the ladder
	Mixed, AtOnce          int           // voices that a room mixes, talkers of it that are loud at a time
	Lower                  float64       // the others of a chorus, in dB
	Kilobits               int           // a second, of Opus
}

func theTerms() terms {
	return terms{
		Floor: floor.TheTerms(), Suite: string(suite), Method: strings.ToUpper(string(method)), Tick: time.Second / ticksPerSecond,
		Late: time.Duration(lateTick * float64(time.Second)), Short: shortWindow, ShortLong: shortLong, Rung: rungWindow, Mixed: loudest, AtOnce: loadtest.TalkAtOnce,
		Lower: -20 * math.Log10(loadtest.LowShare), Kilobits: codec.DefaultBitrate / 1000,
	}
}
