// Package legs is one participant's leg: the device that fills a seat right now. A leg is a state machine over one SIP
// dialog (legs/dialog), its offers and answers (legs/offer), one key agreement (keying) and one SRTP stream (legs/media).
// The server answers calls with it and the swarm's callers place calls with it: both ends of the product are this code.
//
// It is not a SIP stack, not an SDP parser and not a jitter buffer: those are the packages below it. It knows no rooms and no
// seats: whoever owns the leg is told of its life through Owner. It knows no method of keying either: MIKEY, SDES and
// DTLS-SRTP are attributes of a description to it, and an agreement that may have a handshake to run.
//
// A leg that answers goes Prepare -> Accept -> (ACK) Confirmed -> Ended; one that calls goes Call -> Confirmed -> Ended. A
// failure on the way unwinds in reverse: the port is returned and the keys are wiped, and the peer gets a Reject.
//
// # Changes of a call
//
// Hold, Rekey, Reinvite and aging go one way: they wait in a short queue, and one at a time a re-INVITE is made. Its offer is made
// once the dialog lets no other offer begin; 491 and an exchange of the peer's wait by timer and try again, a few times (RFC 3261
// section 14.1). Its answer is verified and adopted before the ACK goes out. A refused hold or refresh changes nothing; a
// rekey that is refused, spoiled or not answered ends the leg.
//
// The peer's offers are answered as they come, always afresh. New keys decrypt beside the old before the 200 leaves, and the stream
// sends under them once the peer is known to have them: by its ACK, by its first packet under them, or after a while where
// there is no ACK (UPDATE). A refused offer leaves everything as it was.
//
// # Moves and the life of a session
//
// A REFER of the peer is a Referral for the owner (refer.go), a REFER of ours is Leg.Refer. Roam takes this side to another address; a peer
// whose media moved without a word is asked to confirm it (follow.go), and nothing ends where he does not. A session timer runs where the
// peer asks for one (session.go).
//
// # Goroutines
//
// One a leg, from Accept or Call until Ended (run): it owns the dialog's inbox, the negotiation, the agreement and the timers, in
// one select. What waits for others runs in helpers, at most one of each kind, which hand their results back by the leg's mailbox
// and have ended before Owner.Ended is called: a change of ours on the wire, a DTLS handshake, an OPTIONS. The stream belongs to
// whoever ticks it; the leg only posts commands to it. Terms is an immutable snapshot for everybody else.
//
// A key of the peer's keypad comes as telephone-event in its stream, or in an INFO within the dialog, as some phones send it; what comes
// both ways is told once (info.go).
//
// RFCs: 3261, 3264 and 3311 (dialogs, offers, updates), 4567 (key management in SDP), 3830 (MIKEY), 4568 (SDES), 5763 and 5764
// (DTLS-SRTP), 3711 (SRTP), 3515 and 4488 (REFER), 4028 (session timers).
package legs
