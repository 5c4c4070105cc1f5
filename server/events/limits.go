package events

import "time"

const (
	// maxListeners bounds those who listen at a time, 2,048 by the admin API, 1,000 phones and 64 webhooks; what one costs is its goroutine.
	maxListeners = 3200
	// wakeBatch listeners are woken every wakePause: each writes to a socket, some 10 us, so that all of them together take less than a
	// tenth of a processor beside the mixer, and a thousand have heard after an eighth of a second.
	wakeBatch = 8
	wakePause = time.Millisecond
	// cryBatch and takeBatch bound what is written, or taken, under the lock at a time.
	cryBatch  = 128
	takeBatch = 64
)
