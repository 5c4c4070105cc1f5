package loadtest

import (
	"fmt"
	"time"

	"github.com/conclave/conclave/mixer/codec"
)

// speaker says in samples what a live mouth encodes.
type speaker interface {
	begin(rate int) error
	speak(at time.Time, pcm []int16)
}

// listener hears as samples what a live ear decodes.
type listener interface {
	begin(rate int) error
	listen(at time.Time, pcm []int16)
}

// live is a mouth and an ear for people: it encodes and decodes while the call goes on. The swarm does neither (reel, tape).
type live struct {
	speaker  speaker
	listener listener
	earRate  int // Hz at which the listener listens: 8000, 16000 or 48000; 0: the codec's own

	enc     *codec.Encoder
	dec     *codec.Decoder
	in, out []int16
	packet  []byte
	broken  error // what a codec refused last; read after the call
}

// begin makes the codecs of a call.
func (v *live) begin(f codec.Format) (mouth, ear, error) { return v, v, v.open(f) }

func (v *live) open(f codec.Format) (err error) {
	rate, earRate := f.NeededRate(), v.earRate
	if earRate == 0 {
		earRate = rate
	}
	if v.enc, err = codec.NewEncoder(f, rate); err != nil {
		return fmt.Errorf("loadtest: %w", err)
	}
	if v.dec, err = codec.NewDecoder(f, earRate); err != nil {
		return fmt.Errorf("loadtest: %w", err)
	}
	v.in, v.out, v.packet = make([]int16, earRate/ticksPerSecond), make([]int16, rate/ticksPerSecond), make([]byte, f.FrameSize())
	if err = v.speaker.begin(rate); err != nil {
		return err
	}
	return v.listener.begin(earRate)
}

// say implements mouth.
func (v *live) say(at time.Time) []byte {
	v.speaker.speak(at, v.out)
	n, err := v.enc.Encode(v.out, v.packet)
	if err != nil {
		v.broken = err
	}
	return v.packet[:n]
}

// said implements mouth.
func (v *live) said(time.Time) {}

// hear implements ear.
func (v *live) hear(at, _ time.Time, f codec.Frame) {
	if err := v.dec.Decode(f, v.in); err != nil {
		v.broken = err
	}
	v.listener.listen(at, v.in)
}
