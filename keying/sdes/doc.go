// Package sdes reads and writes the a=crypto attribute of RFC 4568: tag, suite, and one SRTP master key with its salt,
// lifetime and master key identifier. It is the wire format only; package keying decides when a key may travel in the clear
// of a description, and which suites are good enough. What would weaken a suite or is not in this house (a key derivation rate,
// unencrypted or unauthenticated streams, forward error correction, several keys) makes a line invalid, as RFC 4568 section
// 6.3.7 has it of parameters that are not understood. It imports nothing of ours and starts no goroutine. RFCs: 4568, 6188 and
// 7714 (names and lengths of the suites).
package sdes
