package loadtest

import (
	"time"
	"unsafe"

	"github.com/conclave/conclave/loadtest/sound"
)

const (
	// tickLength is the length of a tick: 20 ms of audio, as everywhere in Conclave.
	tickLength = 20 * time.Millisecond
	// phases is into how many groups a worker deals its callers, so that their packets do not leave in one burst.
	phases = 10
	// phaseLength is how often a worker wakes up.
	phaseLength = tickLength / phases
	// maxBehind is how many ticks a clock that was held up makes good; what is beyond is skipped and counted.
	maxBehind = 5
	// hangupPatience bounds the wait for a caller's farewell.
	hangupPatience = 8 * time.Second
	// changesKept is how many changes of keys are kept for whoever waits for one.
	changesKept = 4
	// rekeyPatience bounds one change of keys: two exchanges that met, with the longest wait after that (RFC 3261 section 14.1), and
	// a handshake.
	rekeyPatience = 15 * time.Second
	// registration is for how long a device registers: what the server grants who asks for nothing.
	registration = 10 * time.Minute
	// movePatience bounds one move: a call set-up, and the farewell of the old device.
	movePatience = 15 * time.Second
	// setupPatience bounds one call set-up; past it the call counts as failed.
	setupPatience = 20 * time.Second
)

// The time table of a slot, and what hangs on it (stage).
const (
	ticksPerSecond = int(time.Second / tickLength)
	// slotLength is one round of marks and windows.
	slotLength = 2 * time.Second
	// markAt is when in a slot the mark is made: after the talkers of the slot have come into the mix.
	markAt = 600 * time.Millisecond
	// markPatience is how late a mark may still be made by a clock that was held up.
	markPatience = 60 * time.Millisecond
	// stopwatchSpan is how long a stopwatch listens: three times the delay of a bad day.
	stopwatchSpan  = 500 * time.Millisecond
	stopwatchTicks = int(stopwatchSpan / tickLength)
	earTicks       = int(sound.Window / tickLength)
	// leadTicks is how many frames before its window a tape begins. The energies of a CELT frame are predicted from the frame before by
	// half (RFC 6716 section 4.3.2.1), so that after 15 frames a decoder is within a thousandth of a dB of one that heard all.
	leadTicks = 15
	leadTime  = time.Duration(leadTicks) * tickLength
	// LowShare is the amplitude of those in a chorus whose turn it is not, -12 dB: twice what a mixer needs to prefer the others.
	LowShare = 0.25
	// earAt is when in a slot the first windows open, earSpread over how many ticks the listeners are dealt: the last
	// window of 400 ms ends before the slot does.
	earAt     = 1200 * time.Millisecond
	earSpread = 16
	// fadeIn and fadeOut are how long after the beginning and the end of a talk spurt, or of a call, nobody can be
	// sure: network, jitter buffers, voice detection and its hangover.
	fadeIn, fadeOut = 800 * time.Millisecond, 800 * time.Millisecond
	// TalkAtOnce is how many talk in a room at a time: one less than a room mixes by default.
	TalkAtOnce = 5
	// timedShare: one listener in so many times a mark.
	timedShare = 4
	// turnSettled is how long after the beginning of his turn a talker can be heard as he is: the slowest way to an ear.
	turnSettled = 250 * time.Millisecond
	// markMemory is for how many slots the moments of marks are kept.
	markMemory = 4
	// watchPrelude is how long before a move its witnesses begin to listen: the lead of their tapes, and something to hear of him who moves
	// before. watchTicks is how long they do: within one turn of his, less what it takes to begin.
	watchPrelude = leadTime + 250*time.Millisecond
	watchTicks   = int(1400 * time.Millisecond / tickLength)
	watchLength  = leadTime + time.Duration(watchTicks)*tickLength
	// watchSlack is how much later than that a tape may be full.
	watchSlack = 200 * time.Millisecond
	// witnesses is how many listeners listen to a move.
	witnesses = 2
	// arrivalTicks is how long the new device listens for its own voice: the old one ends meanwhile.
	arrivalTicks = int(500 * time.Millisecond / tickLength)
	// maxOrders bounds the tapes that a member is to begin in the next tick: a room has no more movers at a time.
	maxOrders = 16
	// longestEvent bounds one line of the stream of events, in octets.
	longestEvent = 64 << 10
	// maxListeners bounds those who listen to events: as many as a server lets in from one address.
	maxListeners = 1024
	// listenersOfToken is how many of them share a token, a little less than a server lets one have; tokenLife how long it is good, should
	// nobody be left to revoke it.
	listenersOfToken = 500
	tokenLife        = 12 * time.Hour
	// stalledBuffer is what the kernel is asked to take for a listener that never reads, in octets. stalledBound is how soon the server has to
	// cut it off: 5 s from when that is full, the rest for the events that fill it.
	stalledBuffer = 4096
	stalledBound  = 30 * time.Second
	// stalledAsks is how often its kernel asks whether the connection stands, and so how late it may hear that it does not.
	stalledAsks = time.Second
	// tcpEstablished is the state of a connection that neither side has ended (TCP_INFO of tcp(7), include/net/tcp_states.h).
	tcpEstablished = 1
	// minMoveEvery leaves time to listen to a move before the next.
	minMoveEvery = 2500 * time.Millisecond
	// muteEvery: one move in so many is that of a muted caller. It is prime to the number of ways, so that all of them are made like that.
	muteEvery = 9
	// own is how long a voice may be there that is not to be heard at all, twofold how long it may be twice as loud: longer than others'
	// marks and beginnings disturb a measurement.
	own, twofold = 40 * time.Millisecond, 40 * time.Millisecond
	// maxGapMove and maxGapRoam are the longest gaps, of 99 in 100 moves, with which a run passes.
	maxGapMove, maxGapRoam = 40 * time.Millisecond, 60 * time.Millisecond
	// roamPatience is how long the server may take to follow, lookEvery how often it is looked.
	roamPatience, lookEvery = 5 * time.Second, 50 * time.Millisecond
	// swarmRate is the rate in Hz at which the swarm decodes: its tones lie below 4 kHz.
	swarmRate = 8000
	// backlog bounds the octets of the tapes that wait for the end of the measurement: a minute of 500 callers with Opus is half of it.
	// From there on the analysts work while the callers talk, and at twice as much windows are dropped: there is one in every slot.
	backlog = 128 << 20
	// tapedSize is what a frame takes on a tape beside its payload.
	tapedSize = int(unsafe.Sizeof(taped{}))
	// callersQueue bounds the callers' own Diffie-Hellman work: all of a swarm may dial at once.
	callersQueue = 4096
	// maxCallers is how many voices can be told apart (sound.Talkers); more callers would need more tones.
	maxCallers = sound.Talkers
	// dismissPatience bounds the removal of a swarm's accounts.
	dismissPatience = time.Minute
	// churnStay is the shortest stay of a churning caller, the longest is twice that: long enough for one window.
	churnStay = 5 * time.Second
	// churnAway is the longest time between two calls, churnRetry the pause after a call that failed.
	churnAway, churnRetry = time.Second, 200 * time.Millisecond
	// churnSeed makes the stays of a run repeatable.
	churnSeed = 0x436f6e636c617665
	// progressEvery is how often the progress line is renewed.
	progressEvery = 500 * time.Millisecond
	// clockTick is the unit of processor times in proc(5): 10 ms on every Linux that Go runs on.
	clockTick = 10 * time.Millisecond
)

const (
	// toneAmplitude is the peak of a tone that is played, -12 dB below full scale.
	toneAmplitude = 8192
	// toneWrap is after how many seconds the phase of a tone starts anew; a tenth of a hertz still fits a whole number of times.
	toneWrap = 10
)
