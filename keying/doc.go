// Package keying agrees on the SRTP keys of one leg and guards them.
//
// It decides what may be agreed (Policy), with whom (Directory, certificates of an Authority), how often (Replay,
// Guard) and at what cost (Pool), on top of the MIKEY wire format and exchanges of package keying/mikey. Its result is an
// Agreement: two SRTP master keys with their salts, one for each direction, and what is worth telling about them.
//
// It is not a network program: it knows neither SIP nor sockets nor audio. It takes and gives the octets of MIKEY messages.
//
// Order of work on a received offer: Verify (parse, allow-list, policy, identities, SDP-ID list, timestamp, replay look-up,
// then MAC or signature; no Diffie-Hellman, no RSA decryption and no change of state), then Respond (commit to the replay
// cache, Diffie-Hellman and RSA private key operations in the Pool, uniqueness guard, answer). Nothing that costs modular
// arithmetic of the responder runs before authentication, but for the check of the signature itself.
//
// Direction rule: an offer's initiator owns crypto session 1, its responder crypto session 2; two crypto sessions mean
// two TEKs, so that the two directions of a leg never share a key stream (RFC 3830 section 6.1, RFC 4567 section 7.1).
//
// Goroutines: none of its own. Keyer, Pool, Replay, Guard and Authority may be used from any goroutine; an Initiation, a
// Verified and an Agreement belong to the leg that made them. Whoever receives an Agreement owns its keys and wipes them.
//
// RFCs: 3830 (MIKEY), 4650 (DHHMAC), 4738 (RSA-R), 4567 (key-mgmt in SDP and the bid-down list), 3711, 6188 and 7714 (SRTP suites), 3526 (MODP groups), 5280
// and 5922 (certificates and SIP identities in them).
package keying
