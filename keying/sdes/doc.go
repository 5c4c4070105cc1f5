// Package sdes reads and writes the a=crypto attribute of RFC 4568: tag, suite, and one SRTP master key with its salt,
// lifetime and master key identifier. It is the wire format only; package keying decides when a key may travel in the clear
// of a description. It imports nothing of ours and starts no goroutine. RFCs: 4568, 6188 and 7714 (names of the suites).
package sdes
