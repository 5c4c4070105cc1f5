package floor

import (
	"fmt"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs/media"
	"github.com/conclave/conclave/loadtest/sound"
	"github.com/conclave/conclave/mixer/codec"
)

// cipherTime is what it takes to open a packet and to protect one.
func cipherTime(suite keying.Suite) (us float64, err error) {
	c, err := media.NewCipher(suite)
	if err != nil {
		return 0, fmt.Errorf("floor: %w", err)
	}
	payload := make([]byte, payloadOctets)
	return least(ciphered, func(s *stopwatch) error {
		s.start()
		defer s.stop()
		for range ciphered {
			if err := throughCipher(c, payload); err != nil {
				return err
			}
		}
		return nil
	})
}

// throughCipher protects a packet and opens it.
func throughCipher(c *media.Cipher, payload []byte) error {
	packet, err := c.Protect(payload)
	if err == nil {
		err = c.Unprotect(packet)
	}
	if err != nil {
		return fmt.Errorf("floor: %w", err)
	}
	return nil
}

// Coding is a codec at the rate of a room.
type Coding struct {
	Format codec.Format
	Rate   int // of the mix, Hz
}

// cost is the time in microseconds of one frame.
type cost struct{ encode, decode float64 }

// codingTime is what it takes to encode a frame of what is said, and to decode it.
func codingTime(c Coding, said [][]int16) (t cost, err error) {
	enc, err := codec.NewEncoder(c.Format, c.Rate)
	if err != nil {
		return t, fmt.Errorf("floor: %w", err)
	}
	dec, err := codec.NewDecoder(c.Format, c.Rate)
	if err != nil {
		return t, fmt.Errorf("floor: %w", err)
	}
	frames := make([][]byte, len(said))
	for i := range frames {
		frames[i] = make([]byte, codec.MaxFrameSize)
	}
	t.encode, err = least(len(frames), func(s *stopwatch) error {
		s.start()
		defer s.stop()
		for i := range frames {
			n, err := enc.Encode(said[i], frames[i][:cap(frames[i])])
			if err != nil {
				return fmt.Errorf("floor: %w", err)
			}
			frames[i] = frames[i][:n]
		}
		return nil
	})
	if err != nil {
		return t, err
	}
	pcm := make([]int16, c.Rate/framesPerSecond)
	t.decode, err = least(len(frames), func(s *stopwatch) error {
		s.start()
		defer s.stop()
		for _, f := range frames {
			if err := dec.Decode(codec.Frame{Kind: codec.Voice, Payload: f}, pcm); err != nil {
				return fmt.Errorf("floor: %w", err)
			}
		}
		return nil
	})
	return t, err
}

// tones are a second of two talkers of the swarm at once, in frames.
func tones(rate int) [][]int16 {
	a, b := sound.NewTalker(talkerA, rate), sound.NewTalker(talkerB, rate)
	a.SetTalking(true)
	b.SetTalking(true)
	frames, one := make([][]int16, framesPerSecond), make([]int16, rate/framesPerSecond)
	for i := range frames {
		frames[i] = make([]int16, len(one))
		a.Frame(frames[i])
		b.Frame(one)
		for k, v := range one {
			frames[i][k] += v
		}
	}
	return frames
}

// voiceTime is what one voice in the mix takes: added to the sum, and taken from it for its own listener, within the range of int16.
func voiceTime(pcm []int16) (us float64, err error) {
	own, sum := make([]int16, len(pcm)), make([]int32, len(pcm))
	return least(mixed, func(s *stopwatch) error {
		s.start()
		defer s.stop()
		for range mixed {
			mixVoice(pcm, own, sum)
		}
		return nil
	})
}

// mixVoice adds a voice to the sum and takes it from there for its own listener.
func mixVoice(pcm, own []int16, sum []int32) {
	sum = sum[:len(pcm)]
	for i, v := range pcm {
		sum[i] += int32(v)
	}
	own = own[:len(sum)]
	for i, v := range sum {
		w := v - int32(pcm[i])
		own[i] = int16(max(-32768, min(32767, w)))
		sum[i] = w
	}
}
