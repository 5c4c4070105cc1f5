package loadtest

import (
	"fmt"

	"github.com/conclave/conclave/loadtest/sound"
	"github.com/conclave/conclave/mixer/codec"
)

// level is how loud a talker of the swarm is.
type level uint8

const (
	silent level = iota
	low          // beside those whose turn it is, in a chorus
	loud
	levels
)

// amplitude is a level's share of a talker's full amplitude.
var amplitude = [levels]float64{low: LowShare, loud: 1}

// reel is all that a caller of the swarm ever says, encoded before it is said: hundreds of encoders in real time would take more
// processor time than the server. It is cut into strips of a second, after which the tones of a talker repeat exactly, so that any
// strip joins any other that begins at the level at which it ends. Codecs remember: each strip was encoded behind such a one.
type reel struct {
	silence []byte
	strips  [levels][levels][][]byte // by the level before and the level throughout
	mark    [][]byte                 // loud, beginning with a mark
}

// silentReel is the reel of a caller that never talks.
func silentReel(f codec.Format) *reel { return &reel{silence: codec.Silence(f)} }

// newReel encodes what talker n says in format f; in a chorus he is never silent.
func newReel(n int, f codec.Format, chorus bool) (*reel, error) {
	enc, err := codec.NewEncoder(f, f.NeededRate())
	if err != nil {
		return nil, fmt.Errorf("loadtest: %w", err)
	}
	c := cutter{enc: enc, talker: sound.NewTalker(n, f.NeededRate()), pcm: make([]int16, f.NeededRate()/ticksPerSecond), octets: f.FrameSize()}
	score := []level{loud, loud, silent}
	if chorus {
		score = []level{low, low, loud, loud, low}
	}
	r, from := silentReel(f), silent
	for _, to := range score {
		if r.strips[from][to], err = c.strip(to); err != nil {
			return nil, err
		}
		if from == loud && to == loud {
			c.talker.Mark()
			if r.mark, err = c.strip(loud); err != nil {
				return nil, err
			}
		}
		from = to
	}
	return r, nil
}

// FormatOf is the format of a call with a codec, where neither side wishes anything else.
func FormatOf(name string) (codec.Format, error) {
	id, err := codec.Parse(name)
	f := codec.Format{Codec: id, Rate: 8000}
	switch id {
	case codec.Opus:
		f.Rate, f.Bitrate = 48000, codec.DefaultBitrate
	case codec.L16:
		f.Rate = 16000
	}
	return f, err
}

// cutter encodes one strip after the other.
type cutter struct {
	enc    *codec.Encoder
	talker *sound.Talker
	pcm    []int16
	octets int // of a frame
}

// strip encodes the next second at a level.
func (c *cutter) strip(at level) ([][]byte, error) {
	c.talker.SetLevel(amplitude[at])
	all, frames := make([]byte, ticksPerSecond*c.octets), make([][]byte, ticksPerSecond)
	for i := range frames {
		frames[i] = all[i*c.octets : (i+1)*c.octets : (i+1)*c.octets]
		c.talker.Frame(c.pcm)
		if _, err := c.enc.Encode(c.pcm, frames[i]); err != nil {
			return nil, fmt.Errorf("loadtest: %w", err)
		}
	}
	return frames, nil
}

// deck plays a reel, frame by frame.
type deck struct {
	reel  *reel
	level level
	strip [][]byte // what is left of the strip that plays
}

// next is the next frame at a level; mark, where there is one, takes the place of what would be said.
func (d *deck) next(at level, mark bool) []byte {
	switch {
	case mark:
		d.strip = d.reel.mark
	case at != d.level:
		d.strip = d.reel.strips[d.level][at]
	case len(d.strip) == 0:
		d.strip = d.reel.strips[at][at]
	}
	d.level = at
	if len(d.strip) == 0 { // of silence there is one frame
		return d.reel.silence
	}
	frame := d.strip[0]
	d.strip = d.strip[1:]
	return frame
}
