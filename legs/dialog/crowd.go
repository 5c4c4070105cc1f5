package dialog

import (
	"runtime"
	"runtime/metrics"
)

// crowded tells whether more goroutines wait for a processor than crowdShare of the processors: the runtime lets them all go in turn,
// so that whoever starts another one makes each of them late. It costs less than a tenth of a microsecond.
func crowded() bool {
	waiting := []metrics.Sample{{Name: "/sched/goroutines/runnable:goroutines"}}
	metrics.Read(waiting)
	return float64(waiting[0].Value.Uint64()) > crowdShare*float64(runtime.GOMAXPROCS(0))
}
