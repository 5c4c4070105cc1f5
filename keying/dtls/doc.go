// Package dtls runs one DTLS-SRTP handshake (RFC 5764) over a packet path that its caller owns, checks the certificate
// fingerprint that the signalling promised (RFC 5763, RFC 8122), and gives the SRTP keys of both directions. It is the only importer of
// pion/dtls and imports nothing of ours: who may call, and what a key is worth, package keying decides.
package dtls
