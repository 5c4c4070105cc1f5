// Package mikey is Multimedia Internet KEYing: the wire format of RFC 3830 and the exchanges that make SRTP keys out
// of it, by pre-shared key and by signed Diffie-Hellman, for initiator and responder.
//
// It parses every payload of RFC 3830, the GENERIC-ID map and the SHA-256 code points of RFC 6043, and the payloads
// that RFC 4650 (DHHMAC) and RFC 4738 (RSA-R) arrange anew, strictly: an unknown payload, an octet too many or too few
// is an error, and a message that parses marshals to the same octets. Each exchange is split in two, so that nobody
// pays for a Diffie-Hellman operation before a MAC or a signature has held:
//
//	initiator: InitiatePSK or InitiateDH → Message() … Parse(R) → Authenticate → Complete → Crypto
//	responder: Parse(I) → AuthenticatePSK or AuthenticateDH → Answer → Crypto and R
//
// What it is not: it knows no policy, no clock, no replay cache, no certificate authority and no SIP. Whether a time
// stamp is fresh, a certificate chain is trusted, an identity may call, or a suite is wanted, is decided by package
// keying, which gets the facts from the accessors of Message. NULL MACs, NULL encryption and the short DH groups are
// refused here always, whatever a policy might say.
//
// Goroutines: none are started. A Message is immutable after Parse and may be read by any goroutine; an Initiation, a
// Response and a Crypto belong to one goroutine at a time. Whoever holds one of these wipes it.
//
// RFCs: 3830 (MIKEY), 4563 (key ID extension), 4567 (SDP IDs extension), 4650 and 4738 (parsing only), 6043 (SHA-256 PRF and
// MAC, GENERIC-ID map), 3526 (MODP groups), 7714 (AEAD policy parameters), 3711 (what the keys are for).
package mikey
