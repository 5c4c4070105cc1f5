package legs

import "time"

const (
	// mediaTimeout ends a leg that is not on hold and whose stream brought nothing authentic for so long
	// (interface.md: no media for 30 s).
	mediaTimeout = 30 * time.Second
	// liveness is how often the leg looks at its stream: it bounds how much later than mediaTimeout a dead leg ends.
	liveness = time.Second
	// beats is at how many moments within liveness legs look: many at a time, and yet of 2,000 no more at once than take a millisecond.
	beats = 8
	// keepAlive is how often a leg on hold, which may rightly send no media, is asked by OPTIONS whether it lives.
	keepAlive = 30 * time.Second
	// byeTimeout bounds the farewell: the peer may be gone, and the seat must be free.
	byeTimeout = 5 * time.Second
	// negotiationTimeout bounds the answering of an offer, the wait for the Diffie-Hellman pool included.
	negotiationTimeout = 4 * time.Second
	// exchangeTimeout bounds one re-INVITE of ours, glare not counted: a peer that answered provisionally is given no more time
	// than one that is silent (64*T1, RFC 3261 section 17.1.1.2).
	exchangeTimeout = 32 * time.Second
	// maxWaiting bounds the changes that wait for another to be over: a hold and a rekey or two, not a flood.
	maxWaiting = 4
	// maxTries bounds the tries of one change against glare: two sides that draw their waits anew rarely meet three times.
	maxTries = 6
	// maxRetryAfter is the longest wait that a busy peer may ask of a change.
	maxRetryAfter = 10 * time.Second
	// busyRetry and fullRetry are the seconds after which a refused peer may try again: the Diffie-Hellman queue is empty soon, what
	// fills the replay cache expires by the minute.
	busyRetry, fullRetry = 2, 30
	// switchPatience is how long to send under the old keys where no ACK tells that the peer has the new: beyond the retransmissions of
	// a response that was lost once or twice, and what a late machine takes to hand over keys that a handshake made; below the life of
	// the peer's old contexts.
	switchPatience = 2 * time.Second
	// handshakeTimeout bounds a DTLS handshake over the media path: four retransmissions of a lost flight (RFC 6347 section 4.2.4.1).
	handshakeTimeout = 10 * time.Second
	// renewRetry is how long to wait at least before keys that could not be renewed are tried again; half as much is drawn on top.
	renewRetry = 10 * time.Second
	// followAfter is how long a peer whose media moved is given to announce that himself; followEvery bounds how often he is asked.
	followAfter, followEvery = 3 * time.Second, 10 * time.Second
	// confirmTimeout bounds that re-INVITE: it may go where nobody is any more, and while it is out the peer's own gets 491.
	confirmTimeout = 4 * time.Second
	// minSession is the shortest session timer that a peer may ask for, as RFC 4028 section 4 has it: each refresh is a re-INVITE.
	minSession = 90 * time.Second
	// sessionMargin is how much before its time a session ends that nobody refreshed (RFC 4028 section 10).
	sessionMargin = 32 * time.Second
	// referralLife is how long the subscription of a REFER is said to last: beyond the longest time that a device may ring.
	referralLife = 2 * time.Minute
	// maxNotices bounds what is told of a referral before anybody reads it.
	maxNotices = 8
	// maxInfoBody bounds the body of an INFO that tells of a key, in octets: two short lines.
	maxInfoBody = 256
	// oneWay is how long keys that come one way silence the other: longer than anybody holds a key, shorter than it takes to go to another
	// phone behind a switchboard.
	oneWay = 10 * time.Second
	// mailboxLength bounds the commands that wait for the leg's goroutine: they come from people and timers, not packets.
	mailboxLength = 8
)
