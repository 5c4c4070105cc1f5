package bench

import "time"

const (
	// ticksPerSecond: a tick is 20 ms, as everywhere in Conclave.
	ticksPerSecond = 50
	// window and shortWindow are how long a server is measured while its calls stand.
	window, shortWindow = 20 * time.Second, 5 * time.Second
	// longWindow is that of the one room whose ticks are counted, 3000 of them, three late ones being the limit, and that of the pauses of the
	// collector; shortLong in a short run.
	longWindow, shortLong = 60 * time.Second, 10 * time.Second
	// rungRounds is how often each rung of the ladder of legs is measured in a long run, in windows of rungWindow: rows that are compared with one
	// another have to be measured in the same minutes, and of five the one in the middle is not moved by two that were slow. What moves them is a
	// machine that is slower for a while, which a longer window does not mend and another round does. Starting, setting up and hanging up take
	// a rung 10 s (50 legs) to 20 s (400) beside its window: five rounds of 3 s take five minutes and a half where three of 5 s took four and a quarter, and
	// windows of 2 s would save no more than 20 s of them. Whole seconds, since the legs look around once a second.
	rungRounds, rungWindow = 5, 3 * time.Second
	// settle is how long calls stand before they are measured: jitter buffers are filled and set-ups forgotten by then.
	settle = 2 * time.Second
	// slack is how much longer the callers stay than they are measured: some may have been refused, which takes standingStill to see, or the metrics
	// may have been, which takes a second at each end of the window.
	slack = standingStill + 1500*time.Millisecond
	// rampCalls is how many calls a second are set up before the measurement.
	rampCalls = 100
	// standingEvery is how often the server is asked whether all calls stand, standingPatience how long; when their number has not changed for
	// standingStill, no more will come.
	standingEvery, standingPatience, standingStill = 200 * time.Millisecond, 2 * time.Minute, 2 * time.Second
	// startPatience bounds the start of the server, which makes its authority first.
	startPatience = 20 * time.Second
	// stopPatience bounds the end of a process that was asked to end.
	stopPatience = 15 * time.Second
	// scrapePatience bounds one look at the server's metrics, all tries and the waits between them together.
	scrapePatience = 10 * time.Second
	// scrapeTries is how often the server is asked for its metrics at most, scrapeWait how long it is left alone between two tries where it
	// does not say for how long (Retry-After), and scrapeLongest how long at most where it does: it says a second, and all waits must fit into the patience.
	scrapeTries, scrapeWait, scrapeLongest = 5, 200 * time.Millisecond, 2 * time.Second
	// rekeyEvery is how often the keys of a call change where garbage is wanted.
	rekeyEvery = "5s"
	// manyCollections has the server of that row collect sixteen times as often as it would by itself: some hundred pauses in a minute, so that the p99
	// is more than the greatest of a few. How long everything stands still does not depend on how often.
	manyCollections = "GOGC=25"
	// enoughPauses is how many pauses it takes for their p99 to say something.
	enoughPauses = 50
	// loudest is how many talkers a room mixes by default.
	loudest = 6
	// mostEncoded is how many frames a room encodes in a tick at most, on average, for its talker to count as forwarded.
	mostEncoded = 0.5
	// userTick is the unit of processor times in proc(5).
	userTick = 10 * time.Millisecond
	// lateTick is from which lateness in seconds a tick counts as late.
	lateTick = 0.005
	// tries is how often a scenario is measured at most, in a long run, until it was not disturbed: others share the machine.
	tries = 3
	// logTail is how many octets of a process's messages an error shows.
	logTail = 600
)

// What the project promised (docs/performance.md names them).
const (
	shareEncoded, shareForwarded = 0.7, 0.5   // of the floor
	coreOpus, corePCMU           = 0.15, 0.06 // % of a core a leg, two of ten talking
	receivedPct                  = 99.9       // % of the packets, 500 legs on one core
	latePct                      = 0.1        // % of the ticks of a room of 500 that may be late
	idleKiB                      = 150.0      // memory a leg that stands
	pauseMS                      = 1.0        // p99 of the collector's pauses
	doubling                     = 2.0        // processor time when the legs double
)
