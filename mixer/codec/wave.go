package codec

import "encoding/binary"

// waveSource decodes G.711 and L16 at their own rate, conceals there, and resamples to the mix rate.
type waveSource struct {
	format  Format
	rate    int // of the mix
	conc    *concealer
	natural []int16    // samples at the codec's rate
	up      *resampler // nil when the rates are equal
}

func newWaveSource(f Format, rate int) *waveSource {
	most := f.Rate / 1000 * maxWaveMs
	return &waveSource{
		format:  f,
		rate:    rate,
		conc:    newConcealer(f.Rate),
		natural: make([]int16, most),
		up:      newResampler(f.Rate, rate, most),
	}
}

// duration takes whole milliseconds up to maxWaveMs, so that every rate gets whole samples.
func (s *waveSource) duration(payload []byte) (int, error) {
	ms := s.format.Rate / 1000 * s.format.octets()
	if len(payload) == 0 || len(payload)%ms != 0 || len(payload)/ms > maxWaveMs {
		return 0, ErrPayload
	}
	return len(payload) / ms * (s.rate / 1000), nil
}

func (s *waveSource) decode(payload []byte, pcm []int16) error {
	natural := s.natural[:len(payload)/s.format.octets()]
	switch s.format.Codec {
	case PCMU:
		decodeG711(&muDecode, payload, natural)
	case PCMA:
		decodeG711(&aDecode, payload, natural)
	default:
		for i := range natural {
			natural[i] = int16(binary.BigEndian.Uint16(payload[2*i:]))
		}
	}
	s.conc.good(natural)
	s.play(natural, pcm)
	return nil
}

func (s *waveSource) redundancy([]byte) int { return 0 }

func (s *waveSource) recover(_ []byte, pcm []int16) error {
	s.conceal(pcm)
	return nil
}

func (s *waveSource) conceal(pcm []int16) {
	natural := s.natural[:len(pcm)/(s.rate/1000)*(s.format.Rate/1000)]
	s.conc.conceal(natural)
	s.play(natural, pcm)
}

func (s *waveSource) skip() { s.conc.skip() }

func (s *waveSource) rest() {
	s.conc.reset()
	if s.up != nil {
		s.up.reset()
	}
}

func (s *waveSource) reset() { s.rest() }

func (s *waveSource) play(natural, pcm []int16) {
	if s.up == nil {
		copy(pcm, natural)
		return
	}
	s.up.process(natural, pcm)
}

// waveSink resamples from the mix rate and encodes to G.711 or L16.
type waveSink struct {
	format  Format
	natural []int16
	down    *resampler // nil when the rates are equal
}

func newWaveSink(f Format, rate int) *waveSink {
	return &waveSink{
		format:  f,
		natural: make([]int16, f.samples()),
		down:    newResampler(rate, f.Rate, rate/framesPerSecond),
	}
}

func (s *waveSink) encode(pcm []int16, dst []byte) error {
	if s.down != nil {
		s.down.process(pcm, s.natural)
		pcm = s.natural
	}
	switch s.format.Codec {
	case PCMU:
		encodeMu(pcm, dst)
	case PCMA:
		encodeA(pcm, dst)
	default:
		for i, v := range pcm {
			binary.BigEndian.PutUint16(dst[2*i:], uint16(v))
		}
	}
	return nil
}

func (s *waveSink) reset() {
	if s.down != nil {
		s.down.reset()
	}
}
