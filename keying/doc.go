// Package keying agrees on the SRTP keys of one leg and guards them.
//
// It decides what may be agreed (Policy), with whom (Directory, certificates of an Authority, Profile), how often (Replay,
// Guard) and at what cost (Pool), on top of the wire formats and exchanges of keying/mikey, keying/sdes and keying/dtls, by one
// interface for every method. Its result is an Agreement: two SRTP master keys with their salts, one for each direction, what is
// worth telling about them, and what to go on with (Running): to know a re-offer that changes nothing, to renew the keys, and, where the
// policy says so, to hand the TGK to another device of the same account (Call.Handover). Of
// DTLS-SRTP it is a Handshake, which makes the keys later.
//
// It is not a network program: it knows neither SIP nor audio, and takes and gives the Attributes of session descriptions. The
// one socket that it reads is the path that its caller hands to Handshake.Run.
//
// Order of work on a received offer: Verify (the policy chooses the method; of MIKEY: parse, allow-list, bundle of an update,
// identities, SDP-ID list, suite and group, timestamp, replay look-up, then MAC or signature, then the addresses that an update
// binds; no Diffie-Hellman, no RSA decryption and no change of state), then Respond (the policy once more, commit to the replay
// cache, Diffie-Hellman and RSA private key operations in the Pool, uniqueness guard, answer). Nothing that costs modular arithmetic
// of the responder runs before authentication, but for the check of the signature itself.
//
// Direction rule: an offer's initiator owns crypto session 1, its responder crypto session 2, and that stays through all updates,
// whoever asks for them; two crypto sessions mean two TEKs, so that the two directions of a leg never share a key stream (RFC 3830
// section 6.1, RFC 4567 section 7.1).
//
// Goroutines: none of its own but those of a handshake until its Close, and one for each
// thread of the Pool, which ends soon after its work. Keyer, Pool, Replay, Guard, Authority, Running and
// Handshake.Close may be used from any goroutine; an Initiation, a Verified and an Agreement belong to the leg that made them.
// Whoever receives an Agreement owns its keys and wipes them, and its Running when nobody goes on from it.
//
// RFCs: 3830 (MIKEY), 4650 (DHHMAC), 4738 (RSA-R), 4567 (key-mgmt in SDP and the bid-down list), 4568 (SDES), 5763 and 5764
// (DTLS-SRTP), 8122 and 8842 (its descriptions), 3711, 6188 and 7714 (SRTP suites), 3526 (MODP groups), 5280 and 5922 (certificates and
// SIP identities in them).
package keying
