package media

import (
	"bytes"
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/loadtest/sound"
	"github.com/conclave/conclave/loadtest/speech"
	"github.com/conclave/conclave/mixer/codec"
)

const (
	labRate       = 16000 // Hz at which speech is heard and compared
	labFrame      = labRate / ticksPerSecond
	labRecordings = 4
	labPhase      = 10.0 // ms from the sending of a packet to the next tick
)

// course is recorded speech in one encoding, and what a listener hears of it when nothing happens to it.
type course struct {
	params  Params
	packets [][]byte
	heard   []int16
}

// courses are made once: encoding is what costs.
var courses = map[string]func(testing.TB) *course{
	"pcmu": once(Params{Codec: "pcmu"}, codec.Format{Codec: codec.PCMU, Rate: 8000}),
	"celt": once(Params{Codec: "opus", PT: 96}, codec.Format{Codec: codec.Opus, Rate: 48000}),
	"voip": once(Params{Codec: "opus", PT: 96}, codec.Format{Codec: codec.Opus, Rate: 48000, Mode: codec.ModeVoIP}),
}

func once(p Params, f codec.Format) func(testing.TB) *course {
	var c *course
	var made sync.Once
	return func(t testing.TB) *course {
		made.Do(func() {
			p.RTCPMux, p.Send, p.Receive = true, true, true
			c = newCourse(t, p, f)
		})
		return c
	}
}

func newCourse(t testing.TB, p Params, f codec.Format) *course {
	c := &course{params: p}
	e, err := codec.NewEncoder(f, f.NeededRate())
	if err != nil {
		t.Fatal(err)
	}
	d := newListener(t, p)
	size := f.NeededRate() / ticksPerSecond
	said := spoken(t, f.NeededRate())
	for at := 0; at+size <= len(said); at += size {
		packet := make([]byte, f.FrameSize())
		if _, err := e.Encode(said[at:at+size], packet); err != nil {
			t.Fatal(err)
		}
		c.packets = append(c.packets, packet)
		c.heard = append(c.heard, d.hear(codec.Frame{Kind: codec.Voice, Payload: packet})...)
	}
	return c
}

// spoken is the speech at a rate. L16 resamples it as a room does.
func spoken(t testing.TB, rate int) []int16 {
	var out []int16
	d, err := codec.NewDecoder(codec.Format{Codec: codec.L16, Rate: narrowClock}, rate)
	if err != nil {
		t.Fatal(err)
	}
	for n := range labRecordings {
		file, err := speech.WAV(n)
		if err != nil {
			t.Fatal(err)
		}
		pcm, from, err := sound.ReadWAV(bytes.NewReader(file))
		if err != nil || from != narrowClock {
			t.Fatal(from, err)
		}
		const frame = narrowClock / ticksPerSecond
		for ; len(pcm) >= frame; pcm = pcm[frame:] {
			payload, heard := make([]byte, 0, 2*frame), make([]int16, rate/ticksPerSecond)
			for _, v := range pcm[:frame] {
				payload = append(payload, byte(uint16(v)>>8), byte(v))
			}
			if err := d.Decode(codec.Frame{Kind: codec.Voice, Payload: payload}, heard); err != nil {
				t.Fatal(err)
			}
			out = append(out, heard...)
		}
	}
	return out
}

// listener decodes what a stream gives it, as the mixer does.
type listener struct {
	t testing.TB
	d *codec.Decoder
}

func newListener(t testing.TB, p Params) *listener {
	set, err := prepare(Params{Codec: p.Codec})
	if err != nil {
		t.Fatal(err)
	}
	d, err := codec.NewDecoder(set.format, labRate)
	if err != nil {
		t.Fatal(err)
	}
	return &listener{t: t, d: d}
}

func (l *listener) hear(f codec.Frame) []int16 {
	pcm := make([]int16, labFrame)
	if err := l.d.Decode(f, pcm); err != nil {
		l.t.Fatal(err)
	}
	return pcm
}

// weather says when packet n, sent at n*20 ms, arrives, in ms; never: NaN. It is asked once for each packet, in order.
type weather func(n int) float64

func calm(n int) float64 { return float64(n * tickMS) }

// lossy loses a share of the packets, in bursts of a mean length (Gilbert), and delays the others by up to jitter ms, any of it as
// likely as any other, so that 60 ms reorder.
func lossy(seed uint64, share, burst, jitter float64) weather {
	random := rand.New(rand.NewPCG(seed, 4711))
	lost := false
	return func(n int) float64 {
		into := share / (1 - share) / burst // so that the shares of good and bad times come out right
		if lost {
			lost = random.Float64() >= 1/burst
		} else {
			lost = random.Float64() < into
		}
		delay := jitter * random.Float64()
		if lost {
			return math.NaN()
		}
		return float64(n*tickMS) + delay
	}
}

// heldUp delays what is sent in a stretch of time until its end.
func heldUp(w weather, from, to float64) weather {
	return func(n int) float64 {
		if at := w(n); at < from || at >= to {
			return at
		}
		return to
	}
}

// outcome is what became of a course under some weather.
type outcome struct {
	ticks     int
	lost      int          // packets that never came
	copied    int          // of them: a redundant copy came
	concealed int          // ticks that the decoder had to guess
	restored  int          // ticks with a redundant copy at hand
	played    map[int]bool // frames of the last weather that were played as they came
	late      uint64
	discarded uint64
	delay     []float64 // ms from the sending to the playing, of each tick
	distance  []float64 // log spectral distance, two windows a tick
	snr       float64   // segmental
	click     int       // the worst seam between two ticks
}

// travel sends a course through real SRTP to a real stream, in each of the given weathers, and listens. Time is that of the weather.
func (c *course) travel(t testing.TB, weathers ...weather) *outcome {
	t.Helper()
	o := &outcome{}
	for _, w := range weathers {
		o.played = make(map[int]bool)
		j := &journey{course: c, outcome: o, listener: newListener(t, c.params)}
		j.talker, j.stream = newTalker(t, keying.AEADAES128GCM, c.params, true)
		j.embark(w)
		j.arrive()
		n := j.stream.Snapshot()
		if n.AuthFailed+n.Replayed+n.ForeignSSRC+n.Malformed+n.Unkeyed != 0 {
			t.Fatalf("packets were refused: %+v", n)
		}
		o.late, o.discarded = o.late+n.Late, o.discarded+n.Discarded
	}
	o.snr /= float64(len(weathers))
	return o
}

// journey is one course in one weather.
type journey struct {
	*course
	*outcome
	*listener
	talker   *talker
	stream   *Stream
	underway []landing
}

// landing is a packet on its way.
type landing struct {
	at float64 // ms
	n  int
}

// embark decides when each packet comes, and counts those that never do.
func (j *journey) embark(w weather) {
	gone := false // the packet before
	for n, packet := range j.packets {
		at := w(n)
		if gone && !math.IsNaN(at) && j.redundant(packet) {
			j.copied++
		}
		if gone = math.IsNaN(at); gone {
			j.lost++
			continue
		}
		j.underway = append(j.underway, landing{at, n})
	}
	slices.SortStableFunc(j.underway, func(a, b landing) int { return cmp.Compare(a.at, b.at) })
}

// arrive steps the stream through its ticks.
func (j *journey) arrive() {
	s := j.stream
	var from [sockaddrSize]byte
	spare := make([]byte, maxDatagram)
	var got []int16
	var place []int
	for tick := range codec.Tick(len(j.packets)) {
		s.begin(tick)
		now := float64(tick*tickMS) + labPhase
		for ; len(j.underway) > 0 && j.underway[0].at <= now; j.underway = j.underway[1:] {
			p := j.underway[0]
			sealed := j.talker.seal(j.talker.plain(uint16(p.n), uint32(p.n*s.set.frame), j.packets[p.n]))
			buf := append(make([]byte, 0, maxDatagram), sealed...)
			s.datagram(&datagram{buf: buf, spare: spare, from: &from, arrival: int64(1e9 + p.at*1e6)}, false)
		}
		f := s.due(tick)
		j.note(f)
		place = append(place, int(s.play.position(tick, int64(s.set.frame)))/s.set.frame)
		if f.Kind == codec.Voice {
			j.played[place[tick]] = true
		}
		got = append(got, j.hear(f)...)
	}
	j.compare(j.heard, got, place)
}

func (j *journey) note(f codec.Frame) {
	j.ticks++
	switch {
	case f.Kind != codec.Lost:
	case j.redundant(f.Next):
		j.restored++
	default:
		j.concealed++
	}
}

// redundant says whether a packet holds a copy of the one before it.
func (c *course) redundant(packet []byte) bool {
	return c.params.Codec == "opus" && codec.Redundant(packet)
}

// compare holds every tick against the speech that was due in it, and the seam before it against speech without one.
func (o *outcome) compare(ref, got []int16, place []int) {
	var as, bs []int16
	for tick, m := range place {
		o.delay = append(o.delay, float64((tick-m)*tickMS)+labPhase)
		if tick == 0 || m < 1 || (m+1)*labFrame > len(ref) {
			continue
		}
		a, b := ref[(m-1)*labFrame:(m+1)*labFrame], got[(tick-1)*labFrame:(tick+1)*labFrame]
		as, bs = append(as, a[labFrame:]...), append(bs, b[labFrame:]...)
		if slices.Equal(a, b) {
			o.distance = append(o.distance, 0, 0)
			continue
		}
		const half = labFrame / 2
		o.distance = append(o.distance, sound.LogSpectralDistance(a[half:], b[half:], labRate)...)
		o.click = max(o.click, sound.Seam(got[:(tick+1)*labFrame], tick*labFrame, labRate))
	}
	o.snr += sound.SegmentalSNR(as, bs, labRate)
}
