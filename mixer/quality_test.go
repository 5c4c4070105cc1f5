package mixer

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/conclave/conclave/loadtest/sound"
	"github.com/conclave/conclave/loadtest/speech"
	"github.com/conclave/conclave/mixer/codec"
)

// The bounds of what may be heard of a seam: of a change of bus, of speaker, from one encoding to another, of the limiter. They stand
// here before the tuning for speed began, and speed that breaks them does not count. A seam is compared with the ideal mix, made
// offline from the same packets; what one unbroken encoding of that ideal mix differs by is what nobody can save, and is the measure.
const (
	// seamMean is by how many dB the mean distance of spectra (critical bands, 20 ms) may exceed that of the unbroken encoding, within
	// 100 ms of a seam.
	seamMean = 0.5
	// seamWorst is the same for the worst twentieth of those windows.
	seamWorst = 2.0
	// wholeMean is the same for the whole recording.
	wholeMean = 0.4
	// seamClick is how much steeper than anything near it in the ideal mix a step between two samples may be, of 65536.
	seamClick = 1500
)

const (
	qualityRate = 48000
	qualityTick = qualityRate / 50
	seamAround  = 5                 // ticks
	lookAhead   = qualityRate / 400 // of our encoder, samples
)

var opusVoIP = codec.Format{Codec: codec.Opus, Rate: 48000, Bitrate: 24000, Mode: codec.ModeVoIP}

// wide is a recording at 48 kHz, with the faint noise of a room in it.
func wide(t *testing.T, n int) []int16 {
	t.Helper()
	b, err := speech.WAV(n)
	if err != nil {
		t.Fatal(err)
	}
	narrow, rate, err := sound.ReadWAV(bytes.NewReader(b))
	if err != nil || rate != 8000 {
		t.Fatal(rate, err)
	}
	d, err := codec.NewDecoder(l16, qualityRate)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]int16, 0, len(narrow)*6)
	for ; len(narrow) >= 160; narrow = narrow[160:] {
		pcm := make([]int16, qualityTick)
		if err := d.Decode(codec.Frame{Kind: codec.Voice, Payload: l16Payload(narrow[:160])}, pcm); err != nil {
			t.Fatal(err)
		}
		out = append(out, pcm...)
	}
	return out
}

// spurt is when somebody talks, in ticks.
type spurt struct{ from, to int }

// speaker is a talker with his packets.
type speaker struct {
	packets [][]byte
	decoded []int16 // what a decoder of his own makes of them
}

// newSpeaker encodes a recording that is heard in some spurts only; the room around the talker is always there.
func newSpeaker(t *testing.T, f codec.Format, recording int, gain float64, ticks int, spurts []spurt) *speaker {
	t.Helper()
	e, err := codec.NewEncoder(f, qualityRate)
	if err != nil {
		t.Fatal(err)
	}
	d, err := codec.NewDecoder(f, qualityRate)
	if err != nil {
		t.Fatal(err)
	}
	source, dice, at := wide(t, recording), rand.New(rand.NewPCG(uint64(recording), 1)), 0
	s := &speaker{}
	for k := range ticks {
		pcm := make([]int16, qualityTick)
		for i := range pcm {
			pcm[i] = int16(dice.IntN(9) - 4)
		}
		for _, p := range spurts {
			if k < p.from || k >= p.to {
				continue
			}
			for i := range pcm {
				v := gain * float64(source[at%len(source)])
				pcm[i] += int16(max(-30000, min(30000, v)))
				at++
			}
		}
		packet := make([]byte, maxPacket)
		n, err := e.Encode(pcm, packet)
		if err != nil {
			t.Fatal(err)
		}
		s.packets = append(s.packets, packet[:n])
		out := make([]int16, qualityTick)
		if err := d.Decode(codec.Frame{Kind: codec.Voice, Payload: packet[:n]}, out); err != nil {
			t.Fatal(err)
		}
		s.decoded = append(s.decoded, out...)
	}
	return s
}

func (s *speaker) next(k Tick) codec.Frame {
	return codec.Frame{Kind: codec.Voice, Payload: s.packets[k]}
}

// idealMix is the sum of voices at half of its level, so that nothing needs a limiter.
func idealMix(voices ...*speaker) []int16 {
	out := make([]int16, len(voices[0].decoded))
	for i := range out {
		sum := 0
		for _, v := range voices {
			sum += int(v.decoded[i])
		}
		out[i] = int16(sum / 2)
	}
	return out
}

func halved(pcm []int16) []int16 {
	out := make([]int16, len(pcm))
	for i, v := range pcm {
		out[i] = v / 2
	}
	return out
}

// encodedOnce is one unbroken encoding of the ideal mix, decoded.
func encodedOnce(t *testing.T, pcm []int16) []int16 {
	t.Helper()
	ear := newOpusEar(t)
	e, err := codec.NewEncoder(opusCELT, qualityRate)
	if err != nil {
		t.Fatal(err)
	}
	packet := make([]byte, maxPacket)
	for ; len(pcm) >= qualityTick; pcm = pcm[qualityTick:] {
		n, err := e.Encode(pcm[:qualityTick], packet)
		if err != nil {
			t.Fatal(err)
		}
		ear.Send(0, codec.Packet{Payload: packet[:n]})
	}
	return ear.all()
}

func (e *opusEar) all() []int16 {
	var out []int16
	for _, pcm := range e.heard {
		out = append(out, pcm...)
	}
	return out
}

// near are the distances of the windows around the seams; windows begin every 10 ms.
func near(distances []float64, seams []int) (out []float64) {
	for i, d := range distances {
		for _, k := range seams {
			if i/2 >= k-1 && i/2 <= k+seamAround {
				out = append(out, d)
				break
			}
		}
	}
	return out
}

// hearSeams compares what was heard with the ideal mix around the seams, and with what one encoding of it differs by.
func hearSeams(t *testing.T, ideal, heard []int16, seams []int) {
	t.Helper()
	measure := func(got []int16) (distances []float64, click, at int) {
		// What we encode comes 2.5 ms later than what is sent on as it came: every window is taken at the delay that fits it.
		for i, lag := range []int{0, lookAhead} {
			a, b := sound.Align(ideal, got, lag)
			if i == 0 {
				a, b = a[:len(a)-lookAhead], b[:len(b)-lookAhead]
				distances = sound.LogSpectralDistance(a, b, qualityRate)
				click, at = sound.Click(a, b, qualityRate)
				continue
			}
			for k, d := range sound.LogSpectralDistance(a, b, qualityRate) {
				distances[k] = min(distances[k], d)
			}
			if c, where := sound.Click(a, b, qualityRate); c < click {
				click, at = c, where
			}
		}
		return distances, click, at / qualityTick
	}
	best, bestClick, _ := measure(encodedOnce(t, ideal))
	got, click, at := measure(halved(heard))
	atSeams, bestAtSeams := near(got, seams), near(best, seams)
	mean, bestMean := sound.Mean(atSeams), sound.Mean(bestAtSeams)
	worst, bestWorst := sound.Quantile(atSeams, 0.95), sound.Quantile(bestAtSeams, 0.95)
	whole, bestWhole := sound.Mean(got), sound.Mean(best)
	t.Logf("distance at seams: mean %.2f dB (unbroken %.2f), worst twentieth %.2f (%.2f); whole %.2f (%.2f); click %d in tick %d (%d)",
		mean, bestMean, worst, bestWorst, whole, bestWhole, click, at, bestClick)
	if mean > bestMean+seamMean || math.IsNaN(mean) {
		t.Errorf("seams differ by %.2f dB from the ideal mix, want at most %.2f", mean, bestMean+seamMean)
	}
	if worst > bestWorst+seamWorst {
		t.Errorf("the worst of the seams differ by %.2f dB, want at most %.2f", worst, bestWorst+seamWorst)
	}
	if whole > bestWhole+wholeMean {
		t.Errorf("all that was heard differs by %.2f dB, want at most %.2f", whole, bestWhole+wholeMean)
	}
	if click > seamClick {
		t.Errorf("a click of %d in tick %d, want at most %d", click, at, seamClick)
	}
}

// scene is who talks when, and who listens.
type scene struct {
	name     string
	spurts   [][]spurt // of each talker
	gain     float64
	listener int // the talker whose ears are meant; -1: somebody who is silent
}

var scenes = []scene{
	{"one after the other", [][]spurt{{{20, 90}, {190, 260}}, {{105, 170}, {290, 380}}}, 1, -1},
	{"one begins while another speaks", [][]spurt{{{20, 380}}, {{80, 140}, {200, 260}, {320, 350}}}, 0.7, -1},
	{"short words of one while another speaks", [][]spurt{{{20, 380}}, {{60, 75}, {130, 145}, {200, 215}, {270, 285}, {340, 355}}}, 0.7, -1},
	{"the listener speaks now and then", [][]spurt{{{20, 380}}, {{60, 100}, {160, 200}, {280, 320}}}, 1, 1},
	{"three, and the listener is one of them", [][]spurt{{{20, 380}}, {{80, 200}, {260, 380}}, {{120, 160}, {300, 340}}}, 0.6, 2},
	{"too loud together", [][]spurt{{{20, 380}}, {{80, 200}, {260, 380}}}, 2.5, -1},
}

// seams are when the scene changes for the listener.
func (s *scene) seams() (at []int) {
	for _, spurts := range s.spurts {
		for _, p := range spurts {
			at = append(at, p.from, p.to, p.to+speakHang, p.to+speakHang+minusHang)
		}
	}
	return at
}

// play has a room go through the scene, and returns the ideal mix and what the listener heard.
func (s *scene) play(t *testing.T, f codec.Format) (ideal, heard []int16) {
	t.Helper()
	const ticks = 400
	r := newTable(t, RoomConfig{Mixing: true})
	ear := newOpusEar(t)
	var others []*speaker
	for i, spurts := range s.spurts {
		v := newSpeaker(t, f, i+1, s.gain, ticks, spurts)
		seat := r.sit(&fakePort{format: f, next: v.next})
		if i == s.listener {
			seat.Attach(ear)
			continue
		}
		others = append(others, v)
	}
	if s.listener < 0 {
		r.Join(SeatConfig{}).Attach(ear)
	}
	r.run(ticks)
	return idealMix(others...), ear.all()
}

func TestSeamsAreNotHeard(t *testing.T) {
	if raceEnabled {
		t.Skip("a room that is stepped by hand has no races, and spectra take ten times as long under the detector")
	}
	for _, f := range []codec.Format{opusCELT, opusVoIP, pcmu} {
		for _, s := range scenes {
			t.Run(f.Codec.String()+" "+[]string{"celt", "voip"}[f.Mode]+", "+s.name, func(t *testing.T) {
				t.Parallel()
				ideal, heard := s.play(t, f)
				hearSeams(t, ideal, heard, s.seams())
			})
		}
	}
}
