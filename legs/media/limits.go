package media

import "time"

// Everything here that counts time in ticks assumes the mixer's tick of 20 ms.
const (
	ticksPerSecond = 50
	tickMS         = 1000 / ticksPerSecond
)

// Clocks and codecs.
const (
	opusClock   = 48000 // Hz, whatever the encoder does (RFC 7587 section 4.1)
	narrowClock = 8000  // Hz
	wideClock   = 16000 // Hz
)

// Packets.
const (
	maxPT         = 127
	maxPort       = 65535
	rtpHeader     = 12          // octets, fixed part (RFC 3550 section 5.1)
	rtcpHeader    = 8           // octets, with the SSRC of the sender
	maxDatagram   = 2048        // octets: above any RTP packet on a 1500 octet path, with room for a decryption in place
	maxPayload    = 1920        // octets sent in one packet: 60 ms of L16 at 16 kHz; fits maxDatagram with header, tag and MKI
	mostTrailer   = 16 + maxMKI // octets: the tag of GCM is the longest
	maxMKI        = 32          // octets; most use 1 to 4, the example of RFC 4568 section 4 has 32
	maxCNAME      = 255         // octets (RFC 3550 section 6.5: the length is one octet)
	maxPacketTime = 120         // ms: the longest Opus packet (RFC 6716 section 3.2.5), and for the others a bound
)

// Sockets.
const (
	batch         = 8   // datagrams per recvmmsg: measured gain ends there, and 8 buffers are 16 KiB per worker
	steadyTicks   = 50  // 1 s of one packet a tick: from then on it is not asked whether more came
	steadyLook    = 8   // but every eighth tick: a sender whose clock is faster than ours has one more to give now and then
	drainBudget   = 128 // datagrams of one socket in one tick: 6400 a second; what a flood sends beyond that is left to the kernel to drop
	rtcpStray     = 250 // ticks (5 s) between looks at the RTCP socket when RTCP comes on the RTP socket: only strays come there
	rtcpPollTicks = 10  // the separate RTCP socket is looked at every 200 ms: its packets carry kernel timestamps, so nothing is lost in accuracy
	receiveBuffer = 256 << 10
	dscpEF        = 0xb8            // TOS octet of expedited forwarding (RFC 3246), what voice is marked with
	anyPortTries  = 64              // random pairs tried before giving up: a busy neighbour port is chance, 64 of them are exhaustion
	leftTicks     = 100             // 2 s after the stream moved to other sockets, what was sent to the old ones has come, and the peer knows
	maxLeft       = 3               // sockets left and still heard, in all; who moves on faster than that loses what is under way to the oldest
	portRest      = 5 * time.Second // packets still under way to an ended call drain before a new call gets its port
)

// Authentication and addresses.
const (
	replayWindow   = 256 // packets: 5 s at 20 ms, above the 128 that reordering needs; RFC 3711 section 3.3.2 asks for 64
	trialsSignal   = 32  // packets per tick of the signalled address that may be tried while the peer's SSRC is not known
	trialsStranger = 4   // the same for any other source, so that a spray costs 4 failed authentications a tick
	moveBurst      = 3   // address changes in a row: handover between networks goes to and fro
	moveRefill     = 100 // ticks (2 s) until another change is allowed
)

// Rekeying. Ticks are counted here as calls of Next, each of which takes what has arrived.
const (
	maxGenerations = 8       // keys that decrypt side by side: the running ones, and those of rekeys in a row that a late machine finds still under way
	overlapTicks   = 100     // 2 s after the first packet under newer keys, those under the older ones are no longer under way
	overlapLongest = 1600    // 32 s, that is 64*T1 of SIP: by then the peer has the newer keys, or the call has ended
	ledgerSpans    = 1 << 17 // keys of which the indexes used are known, ended streams included: a minute of set-ups at 2,000 a second; 27 MB when full
	rememberedKeys = 16      // prints of keys given before; more than can be alive
)

// Records of DTLS.
const (
	pathRecords  = 16 // datagrams that wait for the reader: several flights of a handshake, 32 KiB while it lasts
	pathReserved = 8  // of them for the peer's address, so that a flood from elsewhere does not crowd it out
	dtlsHeader   = 13 // octets of a record (RFC 6347 section 4.1)
)

// Jitter buffer. Delays are counted in ticks: what matters is at which tick a packet was there to be played.
const (
	bufferPackets  = 64                  // slots: 1.3 s at 20 ms, 640 ms at 10 ms
	window         = 256                 // packets whose arrival decides the delay: 5 s at 20 ms
	latePerWindow  = 100                 // one packet in so many may come too late: concealing 1 % costs less than 20 ms more delay
	retargetEvery  = 32                  // packets between looks at the window when nothing is late
	maxDepthTicks  = 15                  // 300 ms above the fastest packet: more delay makes talking impossible (G.114)
	shrinkPatience = 100                 // ticks (2 s) of surplus before a frame of speech is dropped for it; at once in silence
	shrinkHurry    = 25                  // ticks (0.5 s) of patience when the surplus is two ticks or more
	drainPatience  = 11                  // the same while a hold-up is drained: 280 ms of it are gone within 3 s though nobody pauses
	burstTicks     = 3                   // ticks of audio that come too late at once were held up; fewer are jitter
	burstSpared    = 2                   // of them, not played: that much concealment is believed, and need not be drained
	concealTicks   = 5                   // 100 ms of concealment: longer is guesswork; after it silence, into which the decoder fades
	flapTicks      = 30 * ticksPerSecond // a delay that is needed again so soon after it was shortened should have been kept
	flapHold       = 5 * ticksPerSecond  // so the next surplus must last as long, and twice as long each time that it happens again
	flapLongest    = 20 * ticksPerSecond // at most: delay is kept for some late packets, but not for ever
	copyWorth      = 200                 // ticks of waiting that one copy is worth: below 0.5 % of frames 20 ms are too dear
	copyWanted     = 250                 // ticks: one copy is chance, two within 3 s are not
	copyLongest    = 30 * ticksPerSecond // after a long time of loss the next one is awaited so long
	misfitPackets  = 3                   // packets in a row far from the play-out position that mean the sender restarted its timestamps
	lastBeforeDTX  = 2                   // octets: an Opus packet this short says that none will follow for a while (RFC 7587 section 3.1.3, libopus)
)

// Keys that the peer presses (RFC 4733).
const (
	eventOctets    = 4         // of a payload
	longestEvent   = 1<<16 - 1 // in timestamp units, of one event; a longer one goes on as another
	eventMemory    = 5         // s: a packet that is older than the newest event by less is late, by more it is of a sender that began anew
	maxKeysWaiting = 16        // more than anybody types while the leg is busy
)

// Losses that the peer reports, and what we do about them. Fractions are in 1/256, as in the report.
const (
	lossBegin     = 5                   // 2 %: from there on single gaps are heard in every sentence, and SILK with FEC is worth several times the work
	lossReports   = 2                   // reports in a row: one covers some 250 packets, too few to tell 2 % from chance
	lossEnd       = 1                   // 0.4 %, the least that a report can tell from none
	lossCalm      = 30 * ticksPerSecond // without more than that, until FEC ends: some six reports, so that it does not go to and fro
	lossReportGap = 1 * ticksPerSecond  // reports that follow sooner are passed over: RFC 3550 has them 2.5 s apart at least, RFC 4585 sooner
)

// RTCP.
const (
	rtcpInterval = 5 * ticksPerSecond // RFC 3550 section 6.2: minimum 5 s, deterministic part
	rtcpFirst    = ticksPerSecond     // first report after about 1 s, for an early round trip
	maxRTT       = 30 * time.Second   // above that it is a lie or an old report
)
