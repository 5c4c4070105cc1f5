// Package mikey is Multimedia Internet KEYing: the wire format of RFC 3830 and the exchanges that make SRTP keys out
// of it, by pre-shared key, public key and signed Diffie-Hellman (RFC 3830), by Diffie-Hellman under a MAC (DHHMAC, RFC
// 4650) and by public key in reverse (RSA-R, RFC 4738), for initiator and responder.
//
// It parses every payload of RFC 3830, the GENERIC-ID map and the SHA-256 code points of RFC 6043, and the payloads
// that RFC 4650 and RFC 4738 arrange anew, strictly: an unknown payload, an octet too many or too few is an error, and a
// message that parses marshals to the same octets. Each exchange is split in two, so that nobody pays for a
// Diffie-Hellman operation or an RSA decryption before a MAC or a signature has held:
//
//	initiator: InitiateX → Message() … Parse(R) → Authenticate → Complete → Crypto
//	responder: Parse(I) → AuthenticateX → Answer → Crypto and R
//
// with X one of PSK, PKE, DH, DHHMAC and RSAR. An envelope whose padding does not hold opens with a random key, so that its
// MAC fails as with any other wrong key (implicit rejection).
//
// An exchange hands out, beside the keys, the state of its crypto session bundle (CSB) that updates continue (RFC 3830 section
// 4.5): PSK, DH and DHHMAC messages without RAND, with a new key or without (a refresh: it authenticates, and the keys in use
// stay), begun by either side. Bundles of PKE and RSA-R are updated by PSK messages under their envelope key, where that may be
// cached. CS IDs keep their first meaning, the first RAND stays in every label, and of what protects a message only T varies: the
// states of one bundle share a clock that lets no T be used twice, nor an old one pass.
//
// Error messages are read with whatever authenticates them (Initiation.Refused); ours are not authenticated. WriteVectors makes
// test vectors of everything above from published keys.
//
// What it is not: it knows no policy, no time of day, no replays beyond the order within one bundle, no certificate authority and
// no SIP. Whether a time stamp is fresh, a certificate chain is trusted, an identity may call, or a suite is wanted, is decided
// by package keying, which gets the facts from the accessors of Message. NULL MACs, NULL encryption and the short DH groups are
// refused here always, whatever a policy might say.
//
// Goroutines: none are started. A Message is immutable after Parse and may be read by any goroutine, as may a CSB; an
// Initiation, a Response and a Crypto belong to one goroutine at a time. Whoever holds one of these wipes it.
//
// RFCs: 3830 (MIKEY), 4563 (key ID extension), 4567 (SDP IDs extension), 4650 (DHHMAC), 4738 (RSA-R; calls between two, no
// groups), 6043 (SHA-256 PRF and MAC, GENERIC-ID map), 3526 (MODP groups), 7714 (AEAD policy parameters), 3711 (what the
// keys are for).
package mikey
