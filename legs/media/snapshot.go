package media

import (
	"net/netip"
	"time"
)

// Snapshot is the state of a stream for people and metrics. Counters start at zero with the stream and never fall.
type Snapshot struct {
	PacketsSent, OctetsSent         uint64 // RTP packets and their payload octets
	PacketsReceived, OctetsReceived uint64 // authenticated, fresh RTP packets and their payload octets
	Lost                            uint64 // packets that the sequence numbers say were sent and never came (RFC 3550 A.3)
	Late                            uint64 // came after their time to play
	Duplicate                       uint64 // a second packet for the same media time
	Discarded                       uint64 // came in time, thrown away to shorten the delay, or for want of room
	Concealed                       uint64 // ticks answered with codec.Lost
	Events                          uint64 // telephone-event packets
	KeysDropped                     uint64 // keys pressed that nobody took in time
	OtherPT                         uint64 // authenticated packets of a payload type that was not negotiated
	AuthFailed                      uint64 // RTP or RTCP whose tag did not verify, or with an unknown MKI
	Replayed                        uint64 // RTP or RTCP seen before, or older than the replay window
	ForeignSSRC                     uint64 // packets of an SSRC that is not the peer's
	Malformed                       uint64 // datagrams that are no RTP or RTCP, or whose inside is broken; DTLS records for which there was no path or no room
	Unkeyed                         uint64 // arrived before there were keys
	SendErrors                      uint64 // packets that the socket, the SRTP context or the ledger refused
	AddressChanges                  uint64 // times the peer's address was learned from its packets
	AddressRefused                  uint64 // changes refused by the rate limit
	RTCPSent, RTCPReceived          uint64 // compound packets
	KeyPackets                      uint64 // RTP packets under the running keys, those of the busier direction
	Rekeys                          uint64 // times that sending went over to newer keys
	UnderOld                        uint64 // RTP packets that came under older keys than those we send under

	JitterMS     float64        // interarrival jitter (RFC 3550 A.8)
	BufferMS     float64        // delay that the jitter buffer adds over the fastest packet
	RTTMS        float64        // round trip by RTCP; 0: not known
	LossPct      float64        // of what the peer sent, over the last report interval
	RemoteLoss   float64        // of what we sent, in per cent, as the peer reports
	RemoteJitter float64        // ms, as the peer reports
	MOS          float64        // estimate 1..4.5 of what we hear, after the E-model (ITU-T G.107), narrowband scale
	LastHeard    time.Time      // arrival of the last authenticated, fresh RTP or RTCP packet; zero: none yet
	Remote       netip.AddrPort // where RTP goes now
	PeerSSRC     uint32         // 0: not known yet
	FEC          bool           // what we send is to carry in-band FEC, since the peer loses packets and makes use of it
	Bye          bool           // the peer sent an RTCP BYE for its SSRC
}
