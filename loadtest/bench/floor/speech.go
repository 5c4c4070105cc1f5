package floor

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/conclave/conclave/loadtest/sound"
	"github.com/conclave/conclave/loadtest/speech"
	"github.com/conclave/conclave/mixer/codec"
)

// Codec is what a codec takes for a frame of people's speech, in microseconds.
type Codec struct {
	Name   string  `json:"name"`
	Encode float64 `json:"encode_us"`
	Decode float64 `json:"decode_us"`
}

// Speech measures the codecs on recorded speech: the tones of the swarm have no onsets, and encoders may take less for them.
func Speech(core int) (list []Codec, err error) {
	err = on(core, func() error {
		for _, c := range []struct {
			name   string
			format codec.Format
			rate   int
		}{
			{"Opus, CELT, 32 kbit/s", codec.Format{Codec: codec.Opus, Rate: 48000, Bitrate: codec.DefaultBitrate}, 48000},
			{"Opus, SILK and hybrid, 24 kbit/s", codec.Format{Codec: codec.Opus, Rate: 48000, Bitrate: 24000, Mode: codec.ModeVoIP}, 48000},
			{"PCMU", codec.Format{Codec: codec.PCMU, Rate: 8000}, 8000},
			{"PCMU in a room at 48 kHz", codec.Format{Codec: codec.PCMU, Rate: 8000}, 48000},
		} {
			said, err := recorded(c.rate)
			if err != nil {
				return err
			}
			t, err := codingTime(Coding{c.format, c.rate}, said)
			if err != nil {
				return err
			}
			list = append(list, Codec{c.name, t.encode, t.decode})
		}
		return nil
	})
	return list, err
}

// recorded are some seconds of speech at a rate, in frames.
func recorded(rate int) ([][]int16, error) {
	file, err := speech.WAV(0)
	if err != nil {
		return nil, fmt.Errorf("floor: %w", err)
	}
	pcm, from, err := sound.ReadWAV(bytes.NewReader(file))
	if err != nil {
		return nil, fmt.Errorf("floor: %w", err)
	}
	dec, err := codec.NewDecoder(codec.Format{Codec: codec.L16, Rate: from}, rate) // the filters of a call
	if err != nil {
		return nil, fmt.Errorf("floor: %w", err)
	}
	var frames [][]int16
	for n := from / framesPerSecond; len(pcm) >= n; pcm = pcm[n:] {
		payload, frame := make([]byte, 0, 2*n), make([]int16, rate/framesPerSecond)
		for _, v := range pcm[:n] {
			payload = binary.BigEndian.AppendUint16(payload, uint16(v))
		}
		if err := dec.Decode(codec.Frame{Kind: codec.Voice, Payload: payload}, frame); err != nil {
			return nil, fmt.Errorf("floor: %w", err)
		}
		frames = append(frames, frame)
	}
	return frames, nil
}
