package loadtest

import (
	"time"

	"github.com/conclave/conclave/mixer/codec"
)

// tape keeps what a caller is sent in a window, encoded as it came, to be decoded once the measurement is over: callers shall not
// take the processor from the server that they measure. It begins some frames before the window, which bring a decoder to
// where it would be had it heard the whole call.
type tape struct {
	format   codec.Format
	lead     int           // frames before the window
	length   int           // frames of the window, those before it not counted
	from, to time.Duration // of the window, since the stage's start; it is longer than its frames where the clock was held up
	slot     int64
	sent     time.Duration // when the mark of the slot left, as far as that was known when the tape was full
	marked   bool          // it did
	frames   []taped
	octets   []byte
	judge    func(*analyst, *tape) // what becomes of it when it is full; nil: whoever ordered it knows
}

// taped is a frame on the tape.
type taped struct {
	kind    codec.Kind
	skipped bool
	octets  int           // of the payload, or of the packet after a lost one
	arrived time.Duration // of the packet, since the stage's start; 0 when there was none
}

func newTape(f codec.Format, slot int64, length int) *tape {
	frames := leadTicks + length
	return &tape{format: f, slot: slot, lead: leadTicks, length: length, frames: make([]taped, 0, frames), octets: make([]byte, 0, frames*f.FrameSize())}
}

// add keeps the frame of a tick and says whether the tape is full.
func (t *tape) add(now, arrived time.Duration, f codec.Frame) (full bool) {
	payload := f.Payload
	if f.Kind == codec.Lost {
		payload = f.Next
	}
	if len(t.frames) == t.lead {
		t.from = now
	}
	t.to = now + tickLength
	t.frames = append(t.frames, taped{kind: f.Kind, skipped: f.Skipped, octets: len(payload), arrived: arrived})
	t.octets = append(t.octets, payload...)
	return t.full()
}

func (t *tape) full() bool { return len(t.frames) == t.lead+t.length }

// size is what the tape takes in memory.
func (t *tape) size() int { return cap(t.octets) + cap(t.frames)*tapedSize }

// play decodes the tape and gives the samples of the window to hear, until that has enough.
func (t *tape) play(pcm []int16, hear func(pcm []int16) (enough bool)) error {
	dec, err := codec.NewDecoder(t.format, len(pcm)*ticksPerSecond)
	if err != nil {
		return err
	}
	octets := t.octets
	for i, f := range t.frames {
		payload := octets[:f.octets:f.octets]
		octets = octets[f.octets:]
		frame := codec.Frame{Kind: f.kind, Payload: payload, Skipped: f.skipped}
		if f.kind == codec.Lost {
			frame = codec.Frame{Kind: codec.Lost, Next: payload}
		}
		_ = dec.Decode(frame, pcm) // what cannot be decoded is concealed: the ear judges by what it hears
		if i >= t.lead && hear(pcm) {
			break
		}
	}
	return nil
}

// arrivedAt is when the packet came that played so long after the window began; false when there was none.
func (t *tape) arrivedAt(after time.Duration) (time.Duration, bool) {
	i := t.lead + int(after/tickLength)
	if i < 0 || i >= len(t.frames) || t.frames[i].arrived == 0 {
		return 0, false
	}
	return t.frames[i].arrived, true
}
