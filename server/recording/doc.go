// Package recording writes what a room hears to disk, sealed to public keys while it is written: Opus in Ogg in age. The server cannot read
// what it has written, nor can whoever takes its disk.
//
// It is not a mixer and encodes nothing: a [Recorder] is a port of the mixer (mixer.Port) that says nothing and is sent what any listener
// of its format is sent. It does not decide who may record, nor tells anybody that it does: that is the server's.
//
// Goroutines: one a recording, from [Shelf.Begin] until it has closed its files; [Shelf.Close] waits for all. The mixer's worker calls
// Next, Send and Format and never waits: what the disk cannot take in time is dropped from a bounded queue, counted, and silence
// takes its place, so that the recording keeps time. The methods of a Shelf are for any goroutine.
//
// Bounds: how long one recording is, how much all of them take, and how much of the disk stays free. One that reaches a bound ends as if it had
// been stopped, whole and readable, and says why; no other begins.
//
// Files: <id>.opus.age, and <id>.json with what is known about it, which holds no secret. A recording that a crash cut off has no end in
// the latter; what was sealed until then can be read.
//
// RFCs: 7845 (Opus in Ogg); age-encryption.org/v1.
package recording
