// Package dtls runs one DTLS-SRTP handshake (RFC 5764) over a packet path that its caller owns, checks the certificate
// fingerprint that the signalling promised (RFC 5763, RFC 8122), and gives the SRTP keys of both directions. It is the only importer of
// pion/dtls and imports nothing of ours: who may call, and what a key is worth, package keying decides.
//
// DTLS 1.2 with an extended master secret (RFC 7627), ephemeral elliptic-curve Diffie-Hellman, AES-GCM, and certificates of both ends.
//
// # Strangers
//
// A handshake begins in plain text, and anybody may send datagrams to an open port. A server therefore hears only the hosts that
// the signalling named; it runs one attempt for each address and ClientHello beside the others, a bounded number of them, and the
// first that ends well wins. Who has not repeated a cookie makes way for others at once, who has and then dawdles after
// seconds. In plain text only handshake messages and ChangeCipherSpec are heard: no alert ends anything there. A failed attempt
// ends only itself: Shake ends with its context. What a stranger can do who forges the peer's very address and port, in the moment of
// the handshake, is what he can do to any DTLS: spoil an attempt with a handshake message of his own, which a peer that does not begin
// anew by itself never makes up for. He learns nothing.
//
// Goroutines: one reader of the path, from Shake to Association.Close, and pion's for each attempt; none is left after either.
package dtls
