package mixer

import (
	"testing"

	"github.com/conclave/conclave/mixer/codec"
)

// turning is a port whose format changes inside Next, as that of a stream does when a re-INVITE changed the codec.
type turning struct {
	fakePort
	at   Tick
	to   codec.Format
	wide func(Tick) codec.Frame
	sent []int // octets of every packet
}

func (*turning) Ahead() {}

func (p *turning) Next(t Tick) codec.Frame {
	if t >= p.at {
		p.format, p.next = p.to, p.wide
	}
	return p.fakePort.Next(t)
}

func (p *turning) Send(t Tick, k codec.Packet) {
	p.sent = append(p.sent, len(k.Payload))
	p.fakePort.Send(t, k)
}

// TestCodecChangesBetweenTwoFrames: the first frame of a new codec is decoded by it, and the first packet under the new payload
// type is encoded by it. Anything else is a burst of noise on one side or the other.
func TestCodecChangesBetweenTwoFrames(t *testing.T) {
	r := newTable(t, RoomConfig{Mixing: true})
	_, narrow := voice(1, 3000)
	quiet := make([]byte, pcmu.FrameSize())
	for i := range quiet {
		quiet[i] = 0xff // what PCMU has for zero, and L16 for almost nothing
	}
	p := &turning{fakePort: fakePort{format: l16, next: narrow}, at: 5, to: pcmu, wide: always(quiet)}
	s := r.Join(SeatConfig{})
	s.Attach(p)
	listener := &fakePort{format: l16}
	r.sit(listener)
	r.run(5)
	if n := r.pool.Stats().Spoilt; n != 0 {
		t.Fatalf("%d frames spoilt before the change", n)
	}
	r.run(1)
	if n := r.pool.Stats().Spoilt; n != 0 {
		t.Errorf("%d frames spoilt by the change", n)
	}
	for i, v := range listener.samples() {
		if v != 0 {
			t.Fatalf("sample %d of the silence after the change is %d", i, v)
		}
	}
	if n := p.sent[5]; n != pcmu.FrameSize() {
		t.Errorf("%d octets sent under the new format, want %d", n, pcmu.FrameSize())
	}
}

// A leg whose peer reports loss is sent another mode of the same codec: what it sends itself is decoded on as if nothing had happened.
func TestModeChangesWithoutASeamInWhatIsHeard(t *testing.T) {
	song := recorded(t, opusCELT, 0)
	run := func(to codec.Format) [][]int16 {
		r := newTable(t, RoomConfig{Mixing: true})
		r.Join(SeatConfig{GainDB: -1}).Attach(&turning{fakePort: fakePort{format: opusCELT, next: song}, at: 30, to: to, wide: song})
		ear := newOpusEar(t)
		r.Join(SeatConfig{}).Attach(ear)
		r.run(60)
		return ear.heard
	}
	want, got := run(opusCELT), run(opusVoIP)
	for k := range want {
		for i := range want[k] {
			if want[k][i] != got[k][i] {
				t.Fatalf("tick %d sample %d is %d, and %d where the mode stayed", k, i, got[k][i], want[k][i])
			}
		}
	}
}
