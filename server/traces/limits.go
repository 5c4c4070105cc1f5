package traces

import "time"

// Every bound and wait of the package, with its reason.
const (
	// queueLength bounds the set-ups that wait to be sent: a second of all that a server can do, some 2 MB.
	queueLength = 2048
	// batchLength is how many are sent at once at most, some 500 KB.
	batchLength = 512
	// sendEvery is how long a set-up waits for others at most.
	sendEvery = 2 * time.Second
	// sendPatience bounds one request to the collector.
	sendPatience = 5 * time.Second
	// attempts is how often a batch is sent until it is dropped; a collector that restarts is back by then.
	attempts = 3
	// maxSteps bounds the steps of one set-up; there are four.
	maxSteps = 8
)
