// Package legs is one participant's leg: the device that fills a seat right now. A leg is a state machine over one SIP
// dialog (legs/dialog), its offers and answers (legs/offer), one key agreement (keying) and one SRTP stream (legs/media).
// The server answers calls with it and the swarm's callers place calls with it: both ends of the product are this code.
//
// It is not a SIP stack, not an SDP parser and not a jitter buffer: those are the packages below it. It knows no rooms and no
// seats: whoever owns the leg is told of its life through Owner.
//
// A leg that answers goes Prepare -> Accept -> (ACK) Confirmed -> Ended; one that calls goes Call -> Confirmed -> Ended. A
// failure on the way unwinds in reverse: the port is returned and the keys are wiped, and the peer gets a Reject.
//
// Goroutines: one a leg, from Accept or Call until Ended (run): it owns the dialog's inbox, the negotiation, the agreement
// and the timers, in one select. A re-INVITE of ours waits for its answer in a goroutine of its own and hands the
// result back by the leg's mailbox. The stream belongs to whoever ticks it; the leg only posts commands to it.
//
// RFCs: 3261 and 3264 (dialogs, offers), 4567 (key management in SDP), 3830 (MIKEY), 3711 (SRTP).
package legs
