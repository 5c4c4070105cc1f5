package codec

const (
	// framesPerSecond: a frame is a tick, 20 ms.
	framesPerSecond = 50

	// DefaultBitrate is Opus in bit/s where the answer binds it to nothing lower: 80 octets a frame; CELT is transparent
	// enough for speech from here on.
	DefaultBitrate = 32000
	// MinBitrate is the lowest bitrate of Opus in bit/s (RFC 6716 section 2.1.1).
	MinBitrate = 6000
	// MaxBitrate is where libopus caps a mono stream; above it packets would be shorter than asked.
	MaxBitrate = 300000
	// MaxFrameSize is the octets of the longest encoded 20 ms frame: L16 at 16 kHz has 640, Opus at most 1275.
	MaxFrameSize = 1275

	// maxOpus48k is the longest duration of an Opus packet, 120 ms, in samples at 48 kHz (RFC 6716 section 3.4, R5).
	maxOpus48k = 5760
	// maxWaveMs bounds one payload of G.711 or L16: six frames, the same 120 ms.
	maxWaveMs = 120

	// onsetEffort, plainEffort and thriftEffort are complexities of the Opus encoder, 0 to 10, for frames with an onset and all of SILK, for
	// the other frames of CELT (see onset), and for SILK while load is shed. Beyond 6 CPU doubles for gains that a conference does not hear.
	onsetEffort, plainEffort, thriftEffort = 5, 0, 1
	// onsetBlocks is into how many blocks a frame is divided, 2.5 ms each, and onsetMemory of how many the energy is remembered.
	onsetBlocks, onsetMemory = 8, 4
	// onsetRatio is how much more energy than the mean of those blocks an onset has: 11 dB. From 8 to 32 the figures hardly change.
	onsetRatio = 12
	// onsetFloor is the energy per sample of faint noise that nothing stands out from.
	onsetFloor = 4
	// lossPercent is the loss that ModeVoIP prepares for: below 10 libopus spends hardly any bits on FEC.
	lossPercent = 10

	// settleFrames is how many frames of pure digital silence in a row bring the state of a CELT encoder or decoder to
	// rest: the band energies have three frames of memory, the overlap and the postfilter two. The rest is margin. From
	// then on libopus is not called for further silence.
	settleFrames = 6

	// concealMs is how long the concealment of G.711 and L16 sounds before it is silent: past 60 ms the repeated pitch
	// turns into a buzz (G.711 Appendix I stops there too).
	concealMs = 60
	// steadyMs is how long the repetition keeps its level before it begins to fade (G.711 Appendix I).
	steadyMs = 10
	// joinMs is the length of the cross-fades out of the signal and back into it.
	joinMs = 4
	// skipJoinMs is the length of the cross-fade from a packet that is left out into the one after it: about a pitch period.
	skipJoinMs = 5
	// minPitchMs10 and maxPitchMs bound the pitch period that is repeated: 400 Hz down to 66 Hz.
	minPitchMs10 = 25
	maxPitchMs   = 15
)
