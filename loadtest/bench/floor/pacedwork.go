package floor

import (
	"fmt"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs/media"
	"github.com/conclave/conclave/mixer/codec"
)

// cipher has every leg open a packet and protect one, under keys of its own.
func (p *pacer) cipher(suite keying.Suite) (*work, error) {
	ciphers := make([]*media.Cipher, sockets)
	for i := range ciphers {
		var err error
		if ciphers[i], err = media.NewCipher(suite); err != nil {
			return nil, fmt.Errorf("floor: %w", err)
		}
	}
	payload := make([]byte, payloadOctets)
	return p.add(slotLegs, func(_, slot int, s *stopwatch) error {
		s.start()
		defer s.stop()
		for _, c := range ciphers[slot*slotLegs : (slot+1)*slotLegs] {
			if err := throughCipher(c, payload); err != nil {
				return err
			}
		}
		return nil
	}), nil
}

// voice has the talkers of every slot mixed. What they say was decoded a moment before, and is at hand; the sums are the room's own.
func (p *pacer) voice(said [][]int16) *work {
	n := len(said[0])
	pcm, sums, own := frames(slotCoders, n), make([][]int32, slots), frames(slots*slotCoders, n)
	for i := range sums {
		sums[i] = make([]int32, n)
	}
	return p.add(slotCoders, func(tick, slot int, s *stopwatch) error {
		for i := range pcm {
			copy(pcm[i], said[(tick+i)%len(said)])
		}
		s.start()
		defer s.stop()
		for i := range pcm {
			mixVoice(pcm[i], own[slot*slotCoders+i], sums[slot])
		}
		return nil
	})
}

// coding has the encoders of every slot encode a frame each, and the decoders decode one, each in its own stream. What is encoded was mixed
// a moment before, and what is decoded was received, so that both are at hand; the codec is as its last frame has left it.
func (p *pacer) coding(c Coding, said [][]int16) (w [2]*work, err error) {
	encoders, decoders := make([]*codec.Encoder, slots*slotCoders), make([]*codec.Decoder, slots*slotCoders)
	for i := range encoders {
		if encoders[i], err = codec.NewEncoder(c.Format, c.Rate); err != nil {
			return w, fmt.Errorf("floor: %w", err)
		}
		if decoders[i], err = codec.NewDecoder(c.Format, c.Rate); err != nil {
			return w, fmt.Errorf("floor: %w", err)
		}
	}
	packets, err := encoded(c, said)
	if err != nil {
		return w, err
	}
	pcm, out := frames(slotCoders, c.Rate/framesPerSecond), make([]byte, codec.MaxFrameSize)
	w[0] = p.add(slotCoders, func(tick, slot int, s *stopwatch) error {
		for i := range pcm {
			copy(pcm[i], said[tick%len(said)])
		}
		s.start()
		defer s.stop()
		for i, enc := range encoders[slot*slotCoders : (slot+1)*slotCoders] {
			if _, err := enc.Encode(pcm[i], out); err != nil {
				return fmt.Errorf("floor: %w", err)
			}
		}
		return nil
	})
	payload := make([]byte, 0, codec.MaxFrameSize)
	w[1] = p.add(slotCoders, func(tick, slot int, s *stopwatch) error {
		payload = append(payload[:0], packets[tick%len(packets)]...)
		s.start()
		defer s.stop()
		for i, dec := range decoders[slot*slotCoders : (slot+1)*slotCoders] {
			if err := dec.Decode(codec.Frame{Kind: codec.Voice, Payload: payload}, pcm[i]); err != nil {
				return fmt.Errorf("floor: %w", err)
			}
		}
		return nil
	})
	return w, nil
}

// encoded are frames as a codec encodes them.
func encoded(c Coding, said [][]int16) ([][]byte, error) {
	enc, err := codec.NewEncoder(c.Format, c.Rate)
	if err != nil {
		return nil, fmt.Errorf("floor: %w", err)
	}
	list := make([][]byte, len(said))
	for i := range list {
		list[i] = make([]byte, codec.MaxFrameSize)
		n, err := enc.Encode(said[i], list[i])
		if err != nil {
			return nil, fmt.Errorf("floor: %w", err)
		}
		list[i] = list[i][:n]
	}
	return list, nil
}

// frames are n frames of so many samples.
func frames(n, samples int) [][]int16 {
	list := make([][]int16, n)
	for i := range list {
		list[i] = make([]int16, samples)
	}
	return list
}
