// Package media is the SRTP stream of one leg: its sockets, SRTP contexts, jitter buffer, RTP header state and RTCP.
//
// It is not a codec and not a mixer: it knows payloads and how long they last, never samples. It does not negotiate: SDP gives
// it Params, key management gives it keying.Keys. It is the only importer of pion/srtp. It needs Linux (recvmmsg, kernel
// receive timestamps).
//
// A Stream satisfies mixer.Port. Every 20 ms the mixer's worker calls Next, which drains the sockets without blocking, and
// Send, which writes one packet. The order of work on a received packet is fixed, cheap first: datagram shape, SSRC, replay
// window, authentication, and only then anything that changes state: liveness, the peer's address, the jitter buffer. A packet that does not
// authenticate is counted and has no other effect.
//
// Goroutines: none. Next, Send and Format belong to one worker at a time, and with them everything that is not an atomic or a
// mailbox. Configure, SetKeys, Heard, Snapshot, LocalAddr and SSRC may be called by any goroutine; what the first two post
// takes effect at the next tick. Close is called when no worker touches the stream any more.
//
// Ownership of keys: SetKeys copies what it needs into SRTP contexts and leaves the given Keys to the caller, who wipes them.
// The expanded keys inside a context cannot be overwritten (the library has no means), only released: Close drops them.
//
// RFCs: 3550 (RTP, RTCP), 3551 (G.711, L16 payloads), 3711 (SRTP), 4733 (telephone-event, tolerated), 5761 (RTP and RTCP on one
// port), 6188 and 7714 (SRTP suites), 6716 and 7587 (Opus packets and payloads), 7983 (what the first octet tells).
package media
