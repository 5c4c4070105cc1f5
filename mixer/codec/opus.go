package codec

import (
	"fmt"

	"github.com/hraban/opus"
)

// opusSource decodes Opus at the mix rate, which libopus does natively.
type opusSource struct {
	decoder *opus.Decoder
	rate    int
	calm    int // frames of pure silence in a row that decoded to zeros
}

func newOpusSource(rate int) (*opusSource, error) {
	decoder, err := opus.NewDecoder(rate, 1)
	if err != nil {
		return nil, fmt.Errorf("%w: decoder: %w", ErrLibrary, err)
	}
	return &opusSource{decoder: decoder, rate: rate}, nil
}

func (s *opusSource) duration(payload []byte) (int, error) {
	n, err := OpusDuration(payload)
	return n * (s.rate / 1000) / 48, err
}

// decode skips libopus for pure silence once both the output and the decoder's memory are at rest: the result is the same
// and a silent talker costs nothing.
func (s *opusSource) decode(payload []byte, pcm []int16) error {
	quiet := celtSilence(payload)
	if quiet && s.calm >= settleFrames {
		clear(pcm)
		return nil
	}
	n, err := s.decoder.Decode(payload, pcm[:len(pcm):len(pcm)])
	switch {
	case err != nil:
		s.calm = 0
		return fmt.Errorf("%w: %w", ErrPayload, err)
	case n != len(pcm):
		s.calm = 0
		clear(pcm[n:])
		return fmt.Errorf("%w: %d samples, not %d", ErrPayload, n, len(pcm))
	case quiet && zero(pcm):
		s.calm++
	default:
		s.calm = 0
	}
	return nil
}

func (s *opusSource) redundancy(next []byte) int {
	if _, err := OpusDuration(next); err != nil || !Redundant(next) {
		return 0
	}
	return opusFrame(next[0]) * (s.rate / 1000) / 48 // the copy is of one frame, however many the packet has
}

func (s *opusSource) recover(next []byte, pcm []int16) error {
	s.calm = 0
	if err := s.decoder.DecodeFEC(next, pcm[:len(pcm):len(pcm)]); err != nil {
		return fmt.Errorf("%w: %w", ErrPayload, err)
	}
	return nil
}

func (s *opusSource) conceal(pcm []int16) {
	s.calm = 0
	if err := s.decoder.DecodePLC(pcm[:len(pcm):len(pcm)]); err != nil {
		clear(pcm)
	}
}

// skip does nothing: the frames of Opus overlap, which joins any two.
func (s *opusSource) skip() {}

// rest does nothing: the decoder's own memory fades over the first frame of the next talk spurt.
func (s *opusSource) rest() {}

// reset makes a new decoder: the binding has no reset. libopus cannot refuse a rate that it took before; if it did, the
// old decoder would go on, which is merely a seam.
func (s *opusSource) reset() {
	s.calm = 0
	if decoder, err := opus.NewDecoder(s.rate, 1); err == nil {
		s.decoder = decoder
	}
}

// zero reports whether pcm is digital silence. Speech is told in the first samples.
func zero(pcm []int16) bool {
	for _, v := range pcm {
		if v != 0 {
			return false
		}
	}
	return true
}

// opusSink encodes from the mix rate, which libopus does natively.
type opusSink struct {
	encoder *opus.Encoder
	frame   int // octets of every packet
	effort  int // complexity at present
	celt    bool
	thrift  bool // spare the analysis of onsets, whatever that costs
	always  bool // look for them in every frame; for comparison
	onset   onset
}

func newOpusSink(f Format, rate int) (*opusSink, error) {
	application := opus.AppRestrictedLowdelay
	if f.Mode == ModeVoIP {
		application = opus.AppVoIP
	}
	encoder, err := opus.NewEncoder(rate, 1, application)
	if err != nil {
		return nil, fmt.Errorf("%w: encoder: %w", ErrLibrary, err)
	}
	set := func(e error) {
		if err == nil {
			err = e
		}
	}
	set(encoder.SetVBR(false)) // packet lengths must not tell what is said (RFC 6562)
	set(encoder.SetDTX(false)) // DTX would override it
	set(encoder.SetBitrate(f.bitrate()))
	set(encoder.SetComplexity(onsetEffort))
	if f.Mode == ModeVoIP {
		set(encoder.SetInBandFEC(true))
		set(encoder.SetPacketLossPerc(lossPercent))
	}
	if err != nil {
		return nil, fmt.Errorf("%w: encoder: %w", ErrLibrary, err)
	}
	return &opusSink{encoder: encoder, frame: f.FrameSize(), effort: onsetEffort, celt: f.Mode == ModeCELT}, nil
}

func (s *opusSink) encode(pcm []int16, dst []byte) error {
	s.attend(pcm)
	n, err := s.encoder.Encode(pcm, dst[:s.frame:s.frame])
	if err != nil {
		return fmt.Errorf("%w: encode: %w", ErrLibrary, err)
	}
	if n != s.frame {
		return fmt.Errorf("%w: %d octets, not %d", ErrLibrary, n, s.frame)
	}
	return nil
}

// attend has the encoder look at a frame as closely as it needs. Settings within bounds cannot fail.
func (s *opusSink) attend(pcm []int16) {
	effort := onsetEffort
	switch {
	case s.celt && !s.onset.in(pcm) && !s.always, s.celt && s.thrift:
		effort = plainEffort
	case s.thrift:
		effort = thriftEffort
	}
	if effort != s.effort {
		s.effort = effort
		_ = s.encoder.SetComplexity(effort)
	}
}

// reset cannot fail: OPUS_RESET_STATE has no error of its own.
func (s *opusSink) reset() {
	s.onset = onset{}
	_ = s.encoder.Reset()
}
