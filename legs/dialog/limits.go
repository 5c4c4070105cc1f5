package dialog

import "time"

// Every time, queue and window of the package, with the reason for its value.
const (
	// maxMessage bounds one message: what fits a datagram, and the largest length sipgo's parser takes (security: 64 KiB).
	maxMessage = 65535
	// maxDatagram is what we read from UDP: sipgo's read buffer; a datagram that fills it was cut and is dropped.
	maxDatagram = 32 << 10
	// maxHead, maxLine and maxFields bound the part before the body; the longest RFC 4475 line is under 4 KiB.
	maxHead   = 32 << 10
	maxLine   = 8 << 10
	maxFields = 128

	// streamRead is what one read of a stream has room for: a set-up with keys in it comes in one or two.
	streamRead = 4 << 10

	// defaultMaxUDP is what interface.md promises for messages over UDP.
	defaultMaxUDP = 8 << 10
	// defaultHandlers bounds requests in work: each is a goroutine of a few KiB, so 4096 are some 30 MiB at worst.
	defaultHandlers = 4096
	// setupShare of the processors (GOMAXPROCS) is how many new calls are in work at a time, one at least. A call in work computes, here or
	// in the Diffie-Hellman pool, and hardly waits for anything else: more of them would take longer each, and keep every processor
	// from the mixer's ticks and from calls that stand.
	setupShare = 0.5
	// defaultWaiting bounds those that wait for their turn: a conference that all join in the same second. Each is a transaction
	// of some 20 KiB. Under ten times what one core bears (Diffie-Hellman, 600 a second) all of these places are taken, so that they are what callers
	// wait then: 0.84 s with 512, 0.22 s with 128, and as many calls a second.
	defaultWaiting = 256
	// setupWait bounds that wait: past it the caller has repeated his INVITE (timer A), and soon nobody waits for the answer.
	setupWait = time.Second
	// crowdShare of the processors (GOMAXPROCS) is how many goroutines may wait for one when a new call begins: none of four, the fleeting
	// ones of many. Beside a flood of PSK calls, ten times what two cores bear, and 200 legs, with
	// a form of this that waited up to 500 ms 2 % of the mixer's ticks were late with one
	// of four, 5 % with two, 7 % with four, 30 to 40 % without a limit, and set-ups were several times fewer then.
	crowdShare = 0.125
	// crowdPause is how often that is looked at: half of the time between two slots of ticks. calmWait is after how long a call begins all the
	// same, so that a hundred who join at once get in where it is always crowded, on a machine that others use too: with 50 ms they got 503, and
	// beside the flood there was no difference.
	crowdPause = time.Millisecond
	calmWait   = 5 * time.Millisecond
	// maxForks bounds the callees beside the one we took whose calls we end, of one INVITE: a forking proxy rings the phones of a person or
	// a family. Each costs a transaction for 64*T1, and its 2xx is our peer's to make up.
	maxForks = 8
	// maxTraces bounds what is remembered of requests that may come again: four of each call (its INVITE, by which way it came and by what
	// others it may come, its BYE), for 64*T1 to twice that, of 8,000 calls a second and more: some 40 MiB where 2,000 come. Beyond it sipgo remembers what it can,
	// at a hundred times the price, and no call is let in once there are fewer than traceReserve places, four for each request that may be in work.
	maxTraces    = 1 << 21
	traceReserve = 4 * defaultHandlers
	// maxTrace and maxTraceOctets bound the answers in them: one to a BYE has some 350 octets, so that these are 90,000.
	maxTrace       = 1 << 10
	maxTraceOctets = 32 << 20
	// repeatSlots is how many INVITEs are known again that were let in: some seconds of them, 256 KiB.
	repeatSlots = 1 << 15
	// defaultConnections and defaultPerSource bound accepted streams; a NAT with 256 phones behind it still works.
	defaultConnections = 4096
	defaultPerSource   = 256

	// socketBuffer is asked of the kernel for the UDP socket: a ramp of 200 calls a second arrives in bursts of 3 KiB INVITEs.
	socketBuffer = 4 << 20

	// batchSize is how many datagrams are read at a time: the gain of batches saturates at 8 to 32.
	batchSize = 32
	// usualAnswer has room for a 503, with three Via and long names.
	usualAnswer = 1024

	// shedPause is how long the socket is left alone after calls were sent away and nothing more was there: to wake up for every datagram
	// costs twice what the datagram does. It is a fiftieth of what the calls wait then, and less where the kernel's buffer is small: shedFlow is what
	// 20,000 INVITEs a second and their ACKs take of it, in octets a second as the kernel counts them.
	shedPause = 5 * time.Millisecond
	shedFlow  = 100e6

	// datagramCost is what a datagram costs beside its octets, so that a bound of octets is one of datagrams too: its place in a ring that
	// has grown twofold, and its allocation.
	datagramCost = 512

	// inboxLen is how many unread events a leg may leave; a phone sends one at a time, so a full inbox is a stuck leg.
	// inboxReserve slots are kept for Ack and Gone, which must never be lost: one ACK can wait per INVITE under way.
	inboxLen     = 32
	inboxReserve = 4
	// heldMax bounds requests that wait for an earlier CSeq.
	heldMax = 16
	// reorderWait is how long a request waits for one with a lower CSeq: sipgo starts a goroutine per message, so the order
	// of one connection is lost by microseconds, on a busy machine by more; a true gap is rare and only costs this delay.
	reorderWait = 200 * time.Millisecond

	// handshakeWait, firstWait, partialWait and idleWait keep slow streams from filling the table: the TLS handshake, the
	// first octet of an accepted connection, the rest of a message that has begun, and silence while no dialog uses it.
	handshakeWait = 5 * time.Second
	firstWait     = 5 * time.Second
	partialWait   = 10 * time.Second
	idleWait      = 120 * time.Second
	// writeWait bounds one write to a stream whose peer does not read.
	writeWait = 5 * time.Second
	// dialWait bounds a TCP connect and TLS handshake that we begin.
	dialWait = 10 * time.Second
	// acceptRetry is the pause after a failed accept (no descriptors left), so that the loop does not spin.
	acceptRetry = 50 * time.Millisecond
	// answerWait bounds how long a new call may stay unanswered: RFC 3261's Timer C (3 minutes).
	answerWait = 3 * time.Minute
	// closeWait bounds what Close waits for once its context has no deadline of its own.
	closeWait = 5 * time.Second

	// sourcesPerReader bounds sipgo's per-source tables of a UDP reader (golibs B7): after so many different sources the
	// reader is replaced by a fresh one; retireWait lets messages in flight find their entry in the old one first.
	sourcesPerReader = 16 << 10
	retireWait       = time.Second
	// stopWait is the same when the endpoint closes: messages in flight are microseconds away from their entry.
	stopWait = 50 * time.Millisecond

	// budgetSets × budgetWays are the buckets of the per-source budget: a fixed 1.5 MiB at most, no allocation later.
	budgetSets = 4096
	budgetWays = 4
	// dialogFactor is how much more than requests outside a dialog a source may send of everything else: a set-up is one
	// INVITE twice (challenge), two ACKs, a BYE, and the responses to what we send.
	dialogFactor = 10
	// burstSeconds is the depth of a bucket in seconds of its rate.
	burstSeconds = 2

	// retryAfterMin and retryAfterSpan randomise Retry-After of 503, so that shed callers do not come back together.
	retryAfterMin  = 5
	retryAfterSpan = 25
	// challengeMax is how often one request answers a challenge: once, and once more when the nonce was stale.
	challengeMax = 2
	// logBurst bounds sipgo's log lines per second.
	logBurst = 10
)

// inboxOctets bounds what waits for sipgo of each class: a second's worth of a busy server, as many new calls as the door lets in, and a
// question for each of 256 phones that all ask at once.
var inboxOctets = [classes]int{standing: 4 << 20, calls: 4 << 20, others: 256 << 10} //nolint:gochecknoglobals // constant table

// inboxShares is how many datagrams of each class are taken in a round: a call that stands sends an ACK and a BYE for two INVITEs (the
// first is challenged), and what nobody answers for may wait.
var inboxShares = [classes]int{standing: 8, calls: 4, others: 1} //nolint:gochecknoglobals // constant table
