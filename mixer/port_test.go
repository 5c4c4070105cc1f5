package mixer

import (
	"encoding/binary"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"github.com/conclave/conclave/mixer/codec"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	l16      = codec.Format{Codec: codec.L16, Rate: 8000}
	l16wide  = codec.Format{Codec: codec.L16, Rate: 16000}
	pcmu     = codec.Format{Codec: codec.PCMU, Rate: 8000}
	opusCELT = codec.Format{Codec: codec.Opus, Rate: 48000, Bitrate: 32000}
)

// fakePort is a leg that says what the test puts into next and keeps what it is sent. It allocates nothing per tick.
type fakePort struct {
	format  codec.Format
	next    func(t Tick) codec.Frame
	nexts   int
	sends   int
	silent  int
	heard   [codec.MaxFrameSize]byte
	heardN  int
	first   *byte // of the payload sent last, to tell a shared encoding
	lastOne codec.Packet
}

func (*fakePort) Ahead() {}

func (p *fakePort) Next(t Tick) codec.Frame {
	p.nexts++
	if p.next == nil {
		return codec.Frame{}
	}
	return p.next(t)
}

func (p *fakePort) Send(_ Tick, k codec.Packet) {
	p.sends++
	if k.Silent {
		p.silent++
	}
	p.heardN = copy(p.heard[:], k.Payload)
	p.first, p.lastOne = &k.Payload[0], codec.Packet{Silent: k.Silent}
}

func (p *fakePort) Format() codec.Format { return p.format }

// samples is what an L16 port was sent last.
func (p *fakePort) samples() []int16 {
	out := make([]int16, p.heardN/2)
	for i := range out {
		out[i] = int16(binary.BigEndian.Uint16(p.heard[2*i:]))
	}
	return out
}

// l16Payload encodes samples as RFC 3551 section 4.5.11 has it.
func l16Payload(pcm []int16) []byte {
	b := make([]byte, 0, 2*len(pcm))
	for _, v := range pcm {
		b = binary.BigEndian.AppendUint16(b, uint16(v))
	}
	return b
}

// voice is a source that says the same 20 ms of noise-like samples in every tick, between -peak and peak.
func voice(seed uint32, peak int) (pcm []int16, next func(Tick) codec.Frame) {
	return voiceAt(160, seed, peak)
}

func voiceAt(samples int, seed uint32, peak int) ([]int16, func(Tick) codec.Frame) {
	pcm := make([]int16, samples)
	for i := range pcm {
		seed = seed*1664525 + 1013904223
		pcm[i] = int16(int(seed>>16)%(2*peak+1) - peak)
	}
	return pcm, always(l16Payload(pcm))
}

func always(payload []byte) func(Tick) codec.Frame {
	return func(Tick) codec.Frame { return codec.Frame{Kind: codec.Voice, Payload: payload} }
}

// table is a room that is stepped by hand, with its clock.
type table struct {
	*Room
	t    *testing.T
	tick Tick
}

func newTable(t *testing.T, c RoomConfig) *table {
	t.Helper()
	return &table{Room: NewPool(Config{Workers: 1}).NewRoom("room", c), t: t}
}

// sit joins a seat with one port.
func (r *table) sit(p *fakePort) *Seat {
	s := r.Join(SeatConfig{})
	s.Attach(p)
	return s
}

// steps runs ticks.
func (r *table) run(n int) {
	r.t.Helper()
	for range n {
		if !r.step(r.tick) {
			r.t.Fatal("room ended")
		}
		r.tick++
	}
}

// talkers joins L16 seats that all speak at the given peak.
func (r *table) talkers(n, peak int) (seats []*Seat, ports []*fakePort, pcm [][]int16) {
	for i := range n {
		samples, next := voice(uint32(i+1), peak)
		p := &fakePort{format: l16, next: next}
		seats, ports, pcm = append(seats, r.sit(p)), append(ports, p), append(pcm, samples)
	}
	return seats, ports, pcm
}

func sumOf(pcm ...[]int16) []int16 {
	out := make([]int16, len(pcm[0]))
	for _, v := range pcm {
		for i := range out {
			out[i] += v[i]
		}
	}
	return out
}

// calledPort writes down what it is asked for.
type calledPort struct {
	fakePort
	calls *[]string
}

func (p *calledPort) Ahead() { *p.calls = append(*p.calls, "ahead") }

func (p *calledPort) Next(t Tick) codec.Frame {
	*p.calls = append(*p.calls, "next")
	return p.fakePort.Next(t)
}

// TestPortsAreToldAhead: in each tick every port once, before the first is received.
func TestPortsAreToldAhead(t *testing.T) {
	r := newTable(t, RoomConfig{Mixing: true})
	var calls []string
	for range 3 {
		p := &calledPort{fakePort: fakePort{format: pcmu}, calls: &calls}
		r.Join(SeatConfig{}).Attach(p)
	}
	r.run(2)
	once := []string{"ahead", "ahead", "ahead", "next", "next", "next"}
	if !slices.Equal(calls, append(once, once...)) {
		t.Errorf("called: %v", calls)
	}
}
