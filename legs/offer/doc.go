// Package offer reads and writes the session descriptions of one leg: SDP offer and answer, the codecs that both sides
// have, directions (hold and resume), and what carries key management: a=key-mgmt (MIKEY), a=crypto (SDES), and a=fingerprint,
// a=setup and a=tls-id (DTLS-SRTP).
//
// It is pure: bytes and values in, bytes and values out. It opens no socket, resolves no name, keeps no state but the
// version counter that the caller owns (Session), and starts no goroutine. It looks neither inside a MIKEY message nor inside
// an a=crypto line (package keying does), and it does not decide who may call (package gate does).
//
// Everything that comes from a peer is bounded before it is parsed (limits.go). A description that cannot be used is a
// value, a sentinel of errors.go, and Warning gives its code for a 488. Answers are always made freshly from the offer at
// hand, never from an earlier body. No error holds text of the description, because descriptions hold keys.
//
// RFC 8866 (SDP), 3264 (offer/answer), 3551 (static payload types), 3605 (a=rtcp), 4145 (setup), 4567 (key-mgmt), 4568
// (crypto, kept raw), 4733 (telephone-event), 5761 (rtcp-mux), 5763 and 5764 (DTLS-SRTP), 7587 (Opus), 8122 (fingerprint),
// 8842 (tls-id).
package offer
