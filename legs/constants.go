package legs

import "time"

const (
	// mediaTimeout ends a leg that is not on hold and whose stream brought nothing authentic for so long
	// (interface.md: no media for 30 s).
	mediaTimeout = 30 * time.Second
	// liveness is how often the leg looks at its stream: it bounds how much later than mediaTimeout a dead leg ends.
	liveness = time.Second
	// keepAlive is how often a leg on hold, which may rightly send no media, is asked by OPTIONS whether it lives.
	keepAlive = 30 * time.Second
	// byeTimeout bounds the farewell: the peer may be gone, and the seat must be free.
	byeTimeout = 5 * time.Second
	// negotiationTimeout bounds the answering of an offer, the wait for the Diffie-Hellman pool included.
	negotiationTimeout = 4 * time.Second
	// mailboxLength bounds the commands that wait for the leg's goroutine: they come from people and timers, not packets.
	mailboxLength = 8
)
