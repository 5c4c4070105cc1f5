// Package media is the SRTP stream of one leg: its sockets, SRTP contexts, jitter buffer, RTP header state and RTCP.
//
// It is not a codec and not a mixer: it knows payloads and how long they last, never samples. It does not negotiate: SDP gives
// it Params, key management gives it keying.Keys. It is the only importer of pion/srtp. It needs Linux (recvmmsg, kernel
// receive timestamps).
//
// A Stream satisfies mixer.Port. Every 20 ms the mixer's worker calls Next, which drains the sockets without blocking, and
// Send, which writes one packet. The order of work on a received packet is fixed, cheap first: datagram shape, SSRC, replay
// window, authentication, and only then anything that changes state: liveness, the peer's address, the jitter buffer. A packet that
// does not authenticate is counted and has no other effect.
//
// Keys change while audio runs. Up to three generations of keys decrypt side by side, each with contexts and replay windows of its
// own. The MKI selects among them where packets carry one; otherwise a packet is tried under one after the other, into a spare
// buffer, beginning with the newest keys that the peer has used. We send under newer keys as soon as the peer is known to have
// them: with SetKeys at once, with ReadyKeys when SwitchKeys or a packet says so. Sequence numbers, roll-over counter and SRTCP
// index go on over a change (RFC 3711 sections 3.3.1 and 3.4). A peer that keeps its key (RFC 4568) keeps its contexts: only ours
// change then. Older keys end 2 s after the first packet under newer ones, at the
// latest 32 s after those came; whatever is then still under way fails as any forgery does.
//
// What the peer's reports say of loss decides how what we send is encoded: Format changes to SILK with in-band FEC and back, where the
// peer makes use of it. The play-out waits a tick for such copies in what it receives, where they are worth it.
//
// Path lends the RTP socket to DTLS: records are queued, unread, for whoever makes keys with them. Nothing but an entry in a bounded
// queue follows from one, and strangers have only half of it.
//
// A Ledger sees that of all streams of the process none sends two packets under one key, SSRC and index.
//
// Moves. The peer is followed to where its newest authentic packet came from, in the tick that finds it, and what it says goes on
// without a gap. The stream itself moves by Rebind, to another address or to the other family: it sends from the new sockets, and
// hears what is still under way to the old ones. Reach moves it to the family of a peer, so that a server takes both with one pair of
// sockets a stream.
//
// Goroutines: none, but for one that closes sockets a while after a move. Next, Send and Format belong to one worker at a time, and
// with them everything that is not an atomic or a mailbox. Configure, SetKeys, ReadyKeys, SwitchKeys, ROC, Path, Heard, Snapshot,
// Rebind, Reach, LocalAddr and SSRC may be called by any goroutine, and so may the methods of a path; what they post takes effect at
// the next tick. Close is called when no worker touches the stream any more; it ends the path before the sockets.
//
// Ownership of keys: SetKeys and ReadyKeys copy what they need into SRTP contexts and leave the given Keys to the caller, who wipes
// them. The expanded keys inside a context cannot be overwritten (the library has no means), only released: the end of a
// generation, and Close, drop them.
//
// RFCs: 3550 (RTP, RTCP), 3551 (G.711, L16 payloads), 3711 (SRTP), 4733 (telephone-event: the keys that are pressed), 5761 (RTP and RTCP on one
// port), 5764 (DTLS beside SRTP), 6188 and 7714 (SRTP suites), 6716 and 7587 (Opus packets and payloads), 7983 (what the first octet
// tells).
package media
