// Package loadtest is the callers: real SIP, MIKEY and SRTP, built on the same legs as the server, that talk and listen
// critically. One caller is `conclave call`, ten with recorded speech are `conclave demo`, hundreds by script are `conclave
// swarm`. Every caller of the swarm checks by spectrum that it hears each talker of its room, not itself, and nobody of
// another room; what it measures goes into a Report. What it says was encoded before the calls (reel), and what it hears is kept
// as it came and decoded when the measurement is over (tape), so that hundreds of callers leave the machine to the server. A caller
// has an account, whose bundle holds all that it needs, or comes by a trunk, and then has nothing but a name.
//
// Nobody calls callers, but for those that have a Device: that registers, takes the calls of its own server, calls in the place of another
// device (Replaces) and obeys a REFER that asks it to. Whatever comes from elsewhere is refused. What the server offers, in a call of its
// own or an update of the keys in one that stands, is verified (legs.Readmission): a caller trusts the server as little as it is trusted.
//
// In the scripts move and roam a call goes over to another device or another address while its caller talks. A witness of each move has
// listeners tape it, and finds in the envelope of the mover's voice (sound.Envelope) what was missing, what was twice there, and
// what ought not to be there: a muted mover, or his own voice in the ears of either of his devices.
//
// It is not a mixer and not a codec; sound (loadtest/sound) has the ears and the WAV files, speech (loadtest/speech) the
// recordings.
//
// Goroutines: the Clock's workers, one per processor, each of which ticks its callers every 20 ms on an absolute
// schedule and is the only one that touches their streams, reels and tapes; the analysts of the swarm's stage, one per processor,
// which have the decoders and ears; one goroutine a caller that runs its script (call, hang up); one a registered device, and one
// for each call that it is being brought to; the legs' own. A caller's
// results are read after the clock let go of it.
//
// RFCs: those of legs; 3261 section 10 (REGISTER), 3515 and 4488 (REFER), 3891 (Replaces); 7587 (Opus in RTP) for what is played.
package loadtest
