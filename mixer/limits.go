package mixer

import "time"

// Time, and what happens when there is too little of it.
const (
	// tickLength is the length of one tick and of every frame sent: what nearly all SIP endpoints use, and the
	// balance between latency and the price of a packet.
	tickLength = 20 * time.Millisecond
	// slotsPerTick is into how many start times the rooms are spread. 2.5 ms apart is finer than a tick of a big room takes, and
	// bounds the clock to 400 wake-ups a second.
	slotsPerTick = 8
	// slotLength is the time from one slot to the next.
	slotLength = tickLength / slotsPerTick
	// slotFill is how many rooms share a slot before the next one is used. To wake up takes 60 us, and the caches are cold afterwards: 200 legs in
	// 20 rooms take a tenth less in one slot than in five. The last of five waits for four others: 0.6 ms where they have ten seats each and two
	// talk, 3 ms where all ten do. Twice as many would be late then.
	slotFill = 5
	// catchUpTicks is how many missed ticks a late room makes up back to back: a listener's jitter buffer of 60 ms rides over the
	// burst. Older ones are skipped, because late audio is worse than missing audio.
	catchUpTicks = 3
	// ownShare is the part of the time to the next slot, as a divisor, that the clock may spend on ticks, by what they took last; the rest goes
	// to workers. Half of it leaves the clock on time for the next slot.
	ownShare = 2
	// longestNap bounds the time that the clock sleeps in the kernel, and for how long it does without yielding. From who is in a system call for 10 ms,
	// or has a processor for as long, the runtime takes it away, and when all are idle it stops looking; to give it back wakes up its monitor, which then
	// looks around every 20 us for a while. That took an eighth of the time of 200 legs.
	longestNap = 8 * time.Millisecond
	// mixNiceness is that of the threads which tick, where it may be set: ten times the weight of the others, as other media servers take it.
	mixNiceness = -10
	// queueLength bounds the rooms that wait for a worker. Each room waits at most once, and the clock blocks rather than drops.
	queueLength = 1024
	// crewSeats is from how many seats on a room lets other workers help: a tick of it takes a quarter of a millisecond, and to call
	// somebody takes 50 us.
	crewSeats = 64
	// procsPerCore is what Procs recommends; see there.
	procsPerCore = 2
	// lateTick is the lateness from which a tick counts as late in PoolStats: a quarter of the interval.
	lateTick = 5 * time.Millisecond
)

// slotOrder is the order in which slots are taken into use: evenly spread over the tick, so that from four on the clock need not sleep for longer
// than longestNap.
var slotOrder = [slotsPerTick]int{0, 4, 2, 6, 1, 5, 3, 7}

// What counts as speech. Levels are mean squares of int16 samples, relative to full scale 32768.
const (
	// speakOn is the level from which a seat speaks, -55 dBFS: above the idle noise of G.711 (-72) and of a decent handset,
	// below a quiet voice (-45).
	speakOn = fullScale * 3.16e-6
	// speakOff is the level below which a seat begins to fall silent, -60 dBFS: 5 dB of hysteresis.
	speakOff = fullScale * 1e-6
	// speakUnvoiced replaces speakOn when the sender's codec says that the frame holds no voice, -45 dBFS: music and tones get
	// through, background noise does not.
	speakUnvoiced = fullScale * 3.16e-5
	// fullScale is the mean square of a full-scale square wave.
	fullScale = 32768.0 * 32768.0
	// speakHang is how many ticks a seat goes on speaking after its level fell: 400 ms bridges the stops inside words and the pauses
	// between them.
	speakHang = 20
	// envelopeDecay is the fall of the level that ranks speakers, per tick: a time constant of 300 ms, a syllable or two.
	envelopeDecay = 0.935
	// decodeHang is how many ticks a quiet seat's frames are still decoded, so that its decoder settles in silence: 500 ms, the
	// codec's own high-pass has faded by then.
	decodeHang = 25
	// probeEvery is how often, in ticks, a seat whose sender denies any voice is decoded all the same: half a second is soon
	// enough for a tone that the sender's voice detector does not know.
	probeEvery = 25
	// warmPackets is how many skipped packets are kept to warm the decoder with when the seat starts to be heard, this tick's among them: what the prediction of
	// SILK reaches back, and what brings a CELT decoder to where it would be: with three before it the worst twentieth of frames differ by 17 dB less than they
	// have, with five by 74 dB less.
	warmPackets = 6
	// warmOctets bounds one kept packet: none of one frame is longer.
	warmOctets = maxPacket
	// lateEntries is how many seats that were not decoded come into the mix in one tick: each has warmPackets decoded one after another, by the room's worker
	// alone: 32 at once took it 12 to 17 ms, their decoders made. More begin to speak within 20 ms hardly ever, but a step of shedding that is taken back lets many in.
	lateEntries = 4
)

// Who is in the mix.
const (
	// DefaultLoudest is how many seats are mixed when RoomConfig.Loudest is 0: more than six at once nobody understands.
	DefaultLoudest = 6
	// maxLoudest bounds RoomConfig.Loudest, and with it the buses of a room.
	maxLoudest = 32
	// displaceRatio is how much louder (mean square) a waiting seat must be than the quietest in the mix to take its place: 6 dB.
	displaceRatio = 4.0
	// minimumStay is for how many ticks a seat in the mix cannot be displaced: 500 ms, a short sentence is not chopped.
	minimumStay = 25
	// minusHang is how many ticks a seat that left the mix keeps its own encoder. Both encoders hear the same in
	// that time and their states converge, so that the change is not heard: 200 ms.
	minusHang = 10
)

// Gain, as the number that int16 samples are multiplied with.
const (
	// unity is a gain of 0 dB in the fixed point of gains (12 fraction bits).
	unity = 1 << 12
	// minGainDB and maxGainDB bound a seat's gain: below -60 dB is what mute is for; +20 dB of a full-scale sample still
	// fits an int32 before the shift.
	minGainDB, maxGainDB = -60.0, 20.0
)

// Announcements.
const (
	// maxClips bounds the clips that wait to be played to a seat or a room, the one that plays included: a greeting of a few sentences.
	maxClips = 8
	// maxClipFrames bounds one clip: 60 s, of which the samples at all mix rates take 9 MB.
	maxClipFrames = 3000
	// notePeak is the peak of a tone: -18 dBFS, as loud as a voice and no louder.
	notePeak = 4125
)

// seamLength is how long what one port says goes over into what another says when a seat moves: long enough for what a decoder begins
// with 3 ms late not to click, short enough that nobody hears both.
const seamLength = 10 * time.Millisecond

// Buses and encoders.
const (
	// primeFrames is how many frames of the bus that a listener heard before are put through a new encoder: the overlap and the
	// energy prediction of CELT reach back less than 60 ms.
	primeFrames = 3
	// pruneEvery is how often, in ticks, encoders that nobody needs are let go: each holds about 40 KiB; 10 s.
	pruneEvery = 500
	// rateHold is for how many ticks a room keeps a mix rate that nobody needs any more: 10 s, so that a member who comes and goes
	// does not make the codecs of the others start afresh.
	rateHold = 500
	// maxRate is the highest mix rate, in Hz, and maxSamples the samples of one frame at that rate.
	maxRate    = 48000
	maxSamples = maxRate / 50
	// maxPacket bounds one encoded frame, in octets: L16 at 16 kHz takes 640, an Opus frame at most 1275 (RFC 6716 section 3.2.1).
	maxPacket = 1280
)

// The limiter of a bus.
const (
	// limiterBlocks is into how many blocks a frame is divided for gain: 2.5 ms each, fast enough for an onset, too slow to distort.
	limiterBlocks = 8
	// limiterCeiling is the level that the limiter aims at when the sum is above full scale, just below it.
	limiterCeiling = 32600
	// limiterRelease is how much of the missing gain comes back per block: a time constant of 200 ms does not pump.
	limiterRelease = 1.0 / 80
)

// The budget of a tick.
const (
	// tickBudget is the share of the workers' time that ticks may take before no more calls are let in: beyond it a tick that takes
	// longer than usual makes those after it late.
	tickBudget = 0.85
	// assumedCost is what a leg is supposed to take of a worker's time per tick before any was measured, in ns: twice what one with
	// Opus takes in a room of ten.
	assumedCost = 50_000
	// costWindows is of how many seconds the median is what a leg costs: a pause of the machine does not turn calls away, and a room
	// that fills, in which a leg costs less and less, is not held to what the first ones cost.
	costWindows = 3
)

// Shedding of work when ticks are late.
const (
	// shedWindow is how often the clock judges the lateness, in ticks: once a second is soon enough and steady. Without rooms it wakes up no oftener.
	shedWindow = 50
	// shedShare is the share of late ticks in a window from which work is shed.
	shedShare = 0.05
	// shedLoad is the share of the workers' time that ticks must take for their lateness to be our own doing: well above what the
	// machine's pauses within ticks add up to, well below the point from which a worker cannot keep up.
	shedLoad = 0.5
	// shedTolerance is the share of late ticks that passes for calm: a pause of the machine now and then is none of our doing.
	shedTolerance = 0.002
	// shedCalm is after how many windows of calm one step of shedding is taken back: 10 s.
	shedCalm = 10
	// shedLoudest is how many seats are mixed at the second step of shedding; one fewer at each further step, down to one.
	shedLoudest = 3
	// shedSteps is the last step: cheaper encoding, then three, two, one seat.
	shedSteps = shedLoudest + 1
)

// Sending on what a sole speaker sent.
const (
	// forwardAfter is for how many ticks a voice must have been alone on a bus before its packets are sent on in the midst of it: 200 ms,
	// by then our encoder and the decoders that follow it have forgotten who spoke before.
	forwardAfter = 10
	// forwardPatience is after how many ticks that is done without waiting for a lull any more, 2 s: tones and music have none.
	forwardPatience = 100
	// lullTicks is how long a lull must last: the energy of a band is coded as a difference to the frame before, and what is left of a
	// louder one would sound on.
	lullTicks = 3
	// lullRatio is how much fainter (mean square) than the envelope of the voice a frame must be for a lull: 20 dB, a stop between two
	// syllables. There it is not heard that 2.5 ms are left out.
	lullRatio = 0.01
)

// spareBuses is how many unused minus buses, with their encoders, a room keeps for the next speakers.
const spareBuses = 4

// maxSilences bounds the formats whose encoding of silence is kept: peers choose bit rates, so there may be many.
const maxSilences = 256
