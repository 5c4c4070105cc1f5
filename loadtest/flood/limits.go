package flood

import "time"

const (
	// lanes is how many sockets offer calls, so that the server sees several sources, and no receive buffer takes all answers.
	lanes = 4
	// socketBuffer is asked of the kernel for each of them: the answers of a quarter of a second at 20,000 a second.
	socketBuffer = 4 << 20
	// batch bounds what a lane sends before it looks for answers, and the answers that it takes before it sends again.
	batch = 32
	// maxDatagram is more than any answer: a 200 with RSA certificates is under 6 KiB.
	maxDatagram = 16 << 10

	// t1 and repeats are RFC 3261's T1 and how often a request is sent again: after 0.5, 1.5 and 3.5 s. A caller waits no longer.
	t1      = 500 * time.Millisecond
	repeats = 3
	// inTime is how long after its first INVITE a 200 is an answer. Later ones are counted apart: whoever waits so long hangs up.
	inTime = 2 * time.Second
	// drainTime ends a run after its last INVITE: by then the last repeat was sent, and its answer is late in any case.
	drainTime = 6 * time.Second

	// maxCalls bounds the messages prepared for one run: 1.2 to 6 KiB each.
	maxCalls = 200_000
	// maxAge bounds the age of a message when it is offered: below the minute that a server lets clocks differ (keying.Replay).
	maxAge = 50 * time.Second
	// samples is how many answers of a run are checked for keys.
	samples = 16
	// poolQueue bounds the Diffie-Hellman work of the preparation; its goroutines are few.
	poolQueue = 1024

	// growth is the step of the staircase, enough the share of the offered rate that must be good to climb on.
	growth = 2.0
	enough = 0.95
	// tries is how often a rate is offered before it counts as too high: other work on the machine may have been in the way.
	tries = 2
	// warmup is the share of a stretch that does not count for its rate of good calls: queues fill in it.
	warmup = 0.25
	// halvings is how often the interval between the last good and the first bad rate is halved: 6 % of the rate remain.
	halvings = 4
	// maxRate bounds the staircase: what four lanes on one core can offer.
	maxRate = 40_000
	// rounds is how often the overload is offered, each time behind as long a stretch at the rate of the peak: what a core bears swings by a
	// third within minutes on a machine that others use, and the best step of the search is one of its good moments.
	rounds = 3
	// restShare of the peak is offered before and after the overload, for the delays of a server that is not full.
	restShare = 0.5
	// dismissPatience bounds the removal of the accounts.
	dismissPatience = time.Minute
)
