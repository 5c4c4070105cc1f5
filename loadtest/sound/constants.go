package sound

import "time"

const (
	// lowTones and highTones are prime, so that the pairs of neighbours share no tone (Chinese remainder).
	lowTones, highTones = 19, 29
	// Tones is the number of tones in the grid.
	Tones = lowTones + highTones
	// Talkers is how many talkers can be told apart.
	Talkers = lowTones * highTones

	// firstHz and stepHz span the grid over 300 to 3308 Hz, inside what G.711 carries. The step keeps neighbours off the
	// 50 Hz side lines that a codec with 20 ms frames makes of a tone: 64, 128, 192 and 256 are all 6 Hz or more beside one.
	firstHz, stepHz = 300, 64

	// Amplitude is the peak of each tone of a talker in PCM units: twelve tones of six talkers stay below full scale, so
	// that no limiter need bite.
	Amplitude = 2300
	// rampTime is the fade at the start and end of a talk spurt: short for the ear of a mixer, long enough not to splatter
	// over the grid.
	rampTime = 5 * time.Millisecond

	// MarkTime is the length of a mark: two ticks, so that a mixer that swallows the first still lets half of it through.
	MarkTime = 40 * time.Millisecond
	// markFrom and markTo in Hz are the ends of its sweep. The bandwidth gives a resolution of a third of a millisecond and,
	// times the length, 20 dB over the tones of other talkers.
	markFrom, markTo = 400, 3300
	// markAmplitude is its peak in PCM units.
	markAmplitude = 6500
	// markScore is the least normalised correlation that counts as a mark. Tones and noise alone reach about 0.2, half a
	// mark among five talkers about 0.5.
	markScore = 0.33

	// Window is what an Ear needs to hear: 400 ms give it filters of 5 Hz, ten times narrower than the grid.
	Window = 400 * time.Millisecond
	// earRate in Hz is the rate at which ears and stopwatches work.
	earRate = 8000
	// presentDB is how far below its nominal level a tone may be and still count as heard: codecs and limiters take some.
	presentDB = -9
	// foreignDB is from where on a tone that nobody explains counts as somebody. Six talkers through Opus twice scatter up
	// to -22 dB at 32 kbit/s and -19 dB at 24; a whole leaked talker is at 0, one at a quarter of his level at -12 dB.
	foreignDB = -14

	// spreadStep is how many tones apart those of spread voices lie, spreadLow and spreadHigh how many low and high ones each of its
	// classes has. Five low tones and five high ones at most are heard at a time, so that twelve would do.
	spreadStep, spreadLow, spreadHigh = 3, 6, 9
	// SpreadVoices is how many spread voices there are in a class, SpreadClasses how many classes.
	SpreadVoices, SpreadClasses = spreadLow * spreadHigh, spreadStep
	// envelopeStep in samples is how often an Envelope is looked at: every half millisecond.
	envelopeStep = earRate / 2000
	// half, twice and there are the levels between which a talker is gone, doubled, or there at all: of his median level, of that again, and of
	// what he speaks at.
	half, twice, there = 0.5, 1.5, 0.25

	// FloorDB is the level of a critical band in dB below full scale that counts as silence when spectra are compared: 40 dB
	// below speech at the level of a telephone call, where its own reverberation and the noise of codecs lie.
	FloorDB = -60

	// maxWAV bounds a WAV file that is read: ten minutes at 48 kHz.
	maxWAV = 10 * 60 * 48000
	// maxChunk bounds the octets of a chunk of no interest that is skipped.
	maxChunk = 1 << 20
)
