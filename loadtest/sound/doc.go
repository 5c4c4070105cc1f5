// Package sound is the mouth and the ears of the callers of a load test.
//
// What it is: WAV files; a Talker that speaks in a pair of tones no other talker of the run has, and can mark a moment;
// an Ear that tells from a short window of samples whose tones are in it; a Stopwatch that finds the marked moment; an Envelope that sees gaps of
// milliseconds in what one talker of several says; and
// the comparisons for recordings (Correlate, SegmentalSNR, LogSpectralDistance, Click, Seam, LevelDB). All of it works on mono PCM16 at 8, 16 or 48 kHz and
// is made to survive G.711 and Opus at 32 kbit/s.
//
// What it is not: it knows no codec, no network, no clock and no verdict. Which talkers a caller ought to hear, the swarm
// knows. The ears trust nothing: they hear tones, not packets.
//
// Why two tones: there are 19 low and 29 high ones, both primes, and talker n has low tone n mod 19 and high tone n mod 29.
// So 551 talkers differ, and in any room of up to 19 neighbours (or every k-th talker) no tone is shared: a missing talker
// is missed, and a foreign one betrays himself by a tone that nobody in the room explains.
//
// Goroutines: none. A value belongs to one caller at a time. Talker.Frame, Ear.Listen and Stopwatch.Listen allocate
// nothing; the reckoning at the end of a window takes a fraction of a millisecond.
//
// Formats: RIFF WAVE as in the Multimedia Programming Interface 1.0.
package sound
