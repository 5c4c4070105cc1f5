// Package interop judges what other people's programs made of our calls: it is the ears and the eyes of `make interop`.
//
// What it is: tests only. .ci/interop captures calls, ours and those of phones that nobody here wrote (baresip, and SIPp with the
// scenarios of sipp), has libsrtp (GStreamer's srtpdec) open the media, and runs TestCapture with a list of what to judge: recordings,
// the phones' too, against the speech that was played, SRTCP reports, the octets on the wire, which must look like nothing at all, and
// the secrets, of which no trace may be found. The other tests, which always run, show that each judge condemns what he should. testdata/gstmikey.c has GStreamer's
// MIKEY code judge key data; the tests of keying/mikey ask it.
//
// TestLadder draws the message diagrams of docs/moving.md from what .ci/ladder captured.
//
// What it is not: it captures nothing, starts nothing and uses none of our protocol code, only package sound.
//
// Goroutines: none. RFCs: 3550 (where RTP and RTCP keep their SSRC), 3711 section 3.1 and 3.4 (what stays in the clear).
package interop
