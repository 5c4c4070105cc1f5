package mixer

import (
	"math"
	"testing"

	"github.com/conclave/conclave/mixer/codec"
)

// opusEar decodes what it is sent, in every tick.
type opusEar struct {
	fakePort
	t       *testing.T
	decoder *codec.Decoder
	heard   [][]int16
}

func newOpusEar(t *testing.T) *opusEar {
	t.Helper()
	d, err := codec.NewDecoder(opusCELT, 48000)
	if err != nil {
		t.Fatal(err)
	}
	return &opusEar{fakePort: fakePort{format: opusCELT}, t: t, decoder: d}
}

func (e *opusEar) Send(_ Tick, p codec.Packet) {
	pcm := make([]int16, 960)
	if err := e.decoder.Decode(codec.Frame{Kind: codec.Voice, Payload: p.Payload}, pcm); err != nil {
		e.t.Fatal(err)
	}
	e.heard = append(e.heard, pcm)
}

// melody is a voiced sound at 16 kHz that changes slowly, one L16 payload per tick.
func melody(ticks int) [][]byte {
	out := make([][]byte, ticks)
	phase := 0.0
	for k := range out {
		pcm := make([]int16, 320)
		for i := range pcm {
			at := float64(k*320+i) / 16000
			phase += 2 * math.Pi * (160 + 40*math.Sin(5*at)) / 16000
			v := 0.0
			for h := 1; h <= 12; h++ {
				v += math.Sin(float64(h)*phase) / float64(h)
			}
			pcm[i] = int16(4000 * v * (0.6 + 0.4*math.Sin(9*at)))
		}
		out[k] = l16Payload(pcm)
	}
	return out
}

// signalToError is the ratio of a to a-b, in dB.
func signalToError(a, b []int16) float64 {
	var s, e float64
	for i := range a {
		d := float64(a[i]) - float64(b[i])
		s += float64(a[i]) * float64(a[i])
		e += d * d
	}
	return 10 * math.Log10((s+1)/(e+1))
}

// A listener who begins to speak changes to the encoder of his minus bus, and later back. What he hears of the other must be as if
// nothing had happened: it is compared with what a listener hears who is deaf to the change because nobody but the
// first speaker is ever on his bus.
func TestListenersDecoderHearsNoSeam(t *testing.T) {
	const ticks, begins, ends = 200, 60, 110
	song := melody(ticks)
	sing := func(k Tick) codec.Frame { return codec.Frame{Kind: codec.Voice, Payload: song[k]} }

	reference := newOpusEar(t)
	alone := newTable(t, RoomConfig{Mixing: true})
	alone.sit(&fakePort{format: l16wide, next: sing})
	alone.Join(SeatConfig{}).Attach(reference)
	alone.run(ticks)

	ear := newOpusEar(t)
	r := newTable(t, RoomConfig{Mixing: true})
	r.sit(&fakePort{format: l16wide, next: sing})
	listener := r.Join(SeatConfig{})
	listener.Attach(ear)
	own := &fakePort{format: l16wide}
	listener.Attach(own)
	_, speech := voiceAt(320, 4, 6000)
	own.next = func(k Tick) codec.Frame {
		if k < begins || k >= ends {
			return codec.Frame{}
		}
		return speech(k)
	}
	r.run(ticks)

	worst := math.Inf(1)
	for k := 10; k < ticks; k++ {
		worst = min(worst, signalToError(reference.heard[k], ear.heard[k]))
	}
	t.Logf("worst frame: %.1f dB", worst)
	if worst < 15 {
		t.Errorf("worst frame differs by %.1f dB from an unbroken stream, want more than 15", worst)
	}
	if listener.TalkTime() == 0 {
		t.Error("the listener never spoke: nothing was tested")
	}
}

// While two speak the first hears the second only; when he had heard silence before, nothing of his own voice may be in what
// his encoder is primed with.
func TestOwnVoiceIsNeverInTheMinusBus(t *testing.T) {
	song := melody(100)
	ear := newOpusEar(t)
	r := newTable(t, RoomConfig{Mixing: true})
	first := r.Join(SeatConfig{})
	first.Attach(ear)
	first.Attach(&fakePort{format: l16wide, next: func(k Tick) codec.Frame {
		return codec.Frame{Kind: codec.Voice, Payload: song[k]}
	}})
	quiet := make([]int16, 320)
	for i := range quiet {
		quiet[i] = int16(120 * (1 - 2*(i/2%2))) // a faint 4 kHz rattle, just speech
	}
	second := &fakePort{format: l16wide, next: func(k Tick) codec.Frame {
		if k < 50 {
			return codec.Frame{}
		}
		return codec.Frame{Kind: codec.Voice, Payload: l16Payload(quiet)}
	}}
	r.sit(second)
	r.run(100)
	for k, pcm := range ear.heard {
		for i, v := range pcm {
			if v > 600 || v < -600 {
				t.Fatalf("tick %d sample %d = %d: louder than anything but his own voice", k, i, v)
			}
		}
		if k < 50 && meanSquare(pcm) > 0 {
			t.Fatalf("tick %d: sole speaker heard something", k)
		}
	}
	if meanSquare(ear.heard[99]) == 0 {
		t.Error("the first never heard the second")
	}
}

// After speech the bus falls silent: the encoder is brought to rest, then the cached silence is sent, and the next onset finds
// encoder and decoder in step.
func TestSilenceBetweenSpeechLeavesDecoderInStep(t *testing.T) {
	song := melody(400)
	gap := func(k Tick) bool { return k >= 50 && k < 200 }
	next := func(k Tick) codec.Frame {
		if gap(k) {
			return codec.Frame{}
		}
		return codec.Frame{Kind: codec.Voice, Payload: song[k]}
	}
	ear := newOpusEar(t)
	r := newTable(t, RoomConfig{Mixing: true})
	r.sit(&fakePort{format: l16wide, next: next})
	r.Join(SeatConfig{}).Attach(ear)
	encodesAt := func() uint64 { return r.pool.Stats().Encodes }
	r.run(150)
	rested := encodesAt()
	r.run(50)
	if n := encodesAt() - rested; n != 0 {
		t.Errorf("%d encodings in settled silence, want none", n)
	}
	r.run(100)

	e, err := codec.NewEncoder(opusCELT, 48000)
	if err != nil {
		t.Fatal(err)
	}
	in, _ := codec.NewDecoder(l16wide, 48000)
	out, _ := codec.NewDecoder(opusCELT, 48000)
	pcm, want, packet := make([]int16, 960), make([]int16, 960), make([]byte, maxPacket)
	for k := range Tick(300) {
		_ = in.Decode(next(k), pcm)
		n, err := e.Encode(pcm, packet)
		if err != nil {
			t.Fatal(err)
		}
		_ = out.Decode(codec.Frame{Kind: codec.Voice, Payload: packet[:n]}, want)
		if k < 5 || gap(k) {
			continue
		}
		if ratio := signalToError(want, ear.heard[k]); ratio < 15 {
			t.Errorf("tick %d differs by %.1f dB from one unbroken encoding", k, ratio)
		}
	}
}

// A seat that leaves the room gives its bus free, and a seat that enters the mix in the very next tick takes it. The encoder must
// be primed with what the new listener heard: what it encoded last was for somebody else.
func TestBusOfOneWhoLeftIsPrimedAnew(t *testing.T) {
	r := newTable(t, RoomConfig{Mixing: true})
	_, next := voice(1, 3000)
	leaver := r.Join(SeatConfig{})
	leaver.Attach(&fakePort{format: l16, next: next})
	r.sit(&fakePort{format: l16, next: next})
	r.sit(&fakePort{format: l16, next: func(k Tick) codec.Frame {
		if k < 5 {
			return codec.Frame{}
		}
		return next(k)
	}})
	r.run(4)
	before := r.pool.Stats().Encodes
	r.run(1)
	if n := r.pool.Stats().Encodes - before; n != 3 {
		t.Fatalf("%d encodings with two in the mix and one beside it, want 3", n)
	}
	leaver.Leave()
	before += 3
	r.run(1)
	if n := r.pool.Stats().Encodes - before; n != 2+primeFrames {
		t.Errorf("%d encodings when one left and another came in, want 2 and %d that prime", n, primeFrames)
	}
}
