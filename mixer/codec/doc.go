// Package codec turns encoded 20 ms frames into samples and samples into encoded 20 ms frames.
//
// What it is: Opus (RFC 6716, by libopus), PCMU and PCMA (ITU-T G.711), L16 (RFC 3551 section 4.5.11), each behind one
// Decoder and one Encoder that speak mono PCM16 at the mix rate of a room (8, 16 or 48 kHz). Lost frames are concealed
// here, resampling happens here, and silence has a cached encoding of the same length as speech, so that packet lengths
// tell nothing (RFC 6562).
//
// Energies reads the level of CELT frames without decoding them.
//
// What it is not: it knows no RTP, no jitter, no clock and no mixing. It does not choose formats.
//
// Goroutines: none. A Decoder or an Encoder belongs to one caller at a time; different ones share nothing but read-only
// tables. In steady state neither allocates. A call into libopus holds its thread for up to about 100 us.
//
// Ownership: Frame.Payload belongs to whoever made the Frame and is only read during Decode; pcm and dst belong to the
// caller. Nothing is kept of either after the call.
//
// This is the only package that imports hraban/opus. That binding looks at the capacity of the slices it is given, not
// at their length, so every slice handed to it is a full slice expression.
package codec
