package media

import (
	"net/netip"
	"sync/atomic"
	"time"
)

// counters are written by the tick worker and read by anybody.
type counters struct {
	packetsSent, octetsSent              atomic.Uint64 // what every packet changes comes first
	packetsReceived, octetsReceived      atomic.Uint64
	lastHeard                            atomic.Int64 // ns since 1970
	lost                                 atomic.Int64 // may fall when late packets fill gaps
	jitterUS                             atomic.Int64 // microseconds, as those below
	concealed                            atomic.Uint64
	late, duplicate, discarded           atomic.Uint64
	events, keysDropped, otherPT         atomic.Uint64
	authFailed, replayed, foreignSSRC    atomic.Uint64
	malformed, unkeyed, sendErrors       atomic.Uint64
	addressChanges, addressRefused       atomic.Uint64
	rtcpSent, rtcpReceived               atomic.Uint64
	rekeys, underOld                     atomic.Uint64
	bufferUS, rttUS, remoteJitterUS      atomic.Int64
	lossPPM, remoteLossPPM, concealedPPM atomic.Int64 // parts per million
	peerSSRC, roc                        atomic.Uint32
	bye                                  atomic.Bool
	fec                                  atomic.Bool // we send with in-band FEC
	opus                                 atomic.Bool // what the MOS estimate is about
	remote                               atomic.Pointer[netip.AddrPort]
	base                                 atomic.Pointer[keyBase] // nil: no keys yet
}

// keyBase is how far the counters were when the running keys began to run; immutable once stored.
type keyBase struct{ sent, received, underOld uint64 }

// rebase begins to count under new keys. Tick worker only.
func (c *counters) rebase(b *keyBase) {
	b.sent = c.packetsSent.Load() + c.sendErrors.Load()
	b.received, b.underOld = c.packetsReceived.Load(), c.underOld.Load()
	c.base.Store(b)
}

// keyPackets counts what the running keys protected, in the busier direction. What the socket refused was encrypted before. The order
// of the reads keeps the differences from falling below zero.
func (c *counters) keyPackets() uint64 {
	b := c.base.Load()
	if b == nil {
		return 0
	}
	old := c.underOld.Load() - b.underOld
	received := c.packetsReceived.Load() - b.received - old
	sent := c.packetsSent.Load() + c.sendErrors.Load() - b.sent
	return max(sent, received)
}

// Snapshot returns the state of the stream. Any goroutine; the fields are read one by one, not at one instant.
func (s *Stream) Snapshot() Snapshot {
	c := &s.counters
	n := Snapshot{
		PacketsSent: c.packetsSent.Load(), OctetsSent: c.octetsSent.Load(),
		PacketsReceived: c.packetsReceived.Load(), OctetsReceived: c.octetsReceived.Load(),
		Lost: uint64(max(c.lost.Load(), 0)), Late: c.late.Load(), Duplicate: c.duplicate.Load(),
		Discarded: c.discarded.Load(), Concealed: c.concealed.Load(), Events: c.events.Load(), KeysDropped: c.keysDropped.Load(), OtherPT: c.otherPT.Load(),
		AuthFailed: c.authFailed.Load(), Replayed: c.replayed.Load(), ForeignSSRC: c.foreignSSRC.Load(),
		Malformed: c.malformed.Load(), Unkeyed: c.unkeyed.Load(), SendErrors: c.sendErrors.Load(),
		AddressChanges: c.addressChanges.Load(), AddressRefused: c.addressRefused.Load(),
		RTCPSent: c.rtcpSent.Load(), RTCPReceived: c.rtcpReceived.Load(),
		KeyPackets: c.keyPackets(), Rekeys: c.rekeys.Load(), UnderOld: c.underOld.Load(),
		JitterMS: milliseconds(&c.jitterUS), BufferMS: milliseconds(&c.bufferUS), RTTMS: milliseconds(&c.rttUS),
		RemoteJitter: milliseconds(&c.remoteJitterUS), LossPct: percent(&c.lossPPM), RemoteLoss: percent(&c.remoteLossPPM),
		PeerSSRC: c.peerSSRC.Load(), Bye: c.bye.Load(), FEC: c.fec.Load(),
	}
	if ns := c.lastHeard.Load(); ns != 0 {
		n.LastHeard = time.Unix(0, ns)
	}
	if to := c.remote.Load(); to != nil {
		n.Remote = *to
	}
	n.MOS = meanOpinion(n.RTTMS, n.BufferMS, percent(&c.concealedPPM), c.opus.Load())
	return n
}

func milliseconds(us *atomic.Int64) float64 { return float64(us.Load()) / 1000 }

func percent(ppm *atomic.Int64) float64 { return float64(ppm.Load()) / 10000 }

// meanOpinion is the E-model (ITU-T G.107) with its defaults, reduced to delay and loss: the round trip halved, our buffer, and what
// packets and codec add, against the loss robustness of a codec with concealment (G.113 appendix I gives Bpl 25.1 for G.711 with
// concealment; 20 is our reading for Opus without in-band FEC). An estimate for dashboards, not a measurement.
func meanOpinion(rttMS, bufferMS, lossPct float64, opus bool) float64 {
	const (
		base      = 93.2 // R with all defaults
		packetMS  = 2 * tickMS
		kneeMS    = 177.3
		slope     = 0.024
		kneeSlope = 0.11
		bplG711   = 25.1
		bplOpus   = 20.0
	)
	delay := rttMS/2 + bufferMS + packetMS
	impair := slope * delay
	if delay > kneeMS {
		impair += kneeSlope * (delay - kneeMS)
	}
	bpl := bplG711
	if opus {
		bpl = bplOpus
	}
	impair += 95 * lossPct / (lossPct + bpl)
	r := base - impair
	if r <= 0 {
		return 1
	}
	return 1 + 0.035*r + r*(r-60)*(100-r)*7e-6
}
