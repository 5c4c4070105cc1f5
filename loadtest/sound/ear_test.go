package sound

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/conclave/conclave/mixer/codec"
)

var (
	opus32 = codec.Format{Codec: codec.Opus, Rate: 48000, Bitrate: 32000}
	opus24 = codec.Format{Codec: codec.Opus, Rate: 48000, Bitrate: 24000}
	voip   = codec.Format{Codec: codec.Opus, Rate: 48000, Bitrate: 32000, Mode: codec.ModeVoIP}
	pcmu   = codec.Format{Codec: codec.PCMU, Rate: 8000}
	pcma   = codec.Format{Codec: codec.PCMA, Rate: 8000}
	wide   = codec.Format{Codec: codec.L16, Rate: 16000}
)

// path is a codec from rate to rate: what one direction of a leg does to the samples.
type path struct {
	encoder *codec.Encoder
	decoder *codec.Decoder
	coded   []byte
}

func newPath(t testing.TB, f codec.Format, from, to int) *path {
	t.Helper()
	e, err := codec.NewEncoder(f, from)
	if err != nil {
		t.Fatal(err)
	}
	d, err := codec.NewDecoder(f, to)
	if err != nil {
		t.Fatal(err)
	}
	return &path{e, d, make([]byte, codec.MaxFrameSize)}
}

func (p *path) carry(t testing.TB, in, out []int16) {
	t.Helper()
	n, err := p.encoder.Encode(in, p.coded)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.decoder.Decode(codec.Frame{Kind: codec.Voice, Payload: p.coded[:n]}, out); err != nil {
		t.Fatal(err)
	}
}

// room is a conference in miniature: talkers of mixed formats, summed at 48 kHz, heard through the listener's format.
func room(t testing.TB, formats []codec.Format, talkers []int, listener codec.Format, earAt int) Heard {
	t.Helper()
	mouths, paths := make([]*Talker, len(talkers)), make([]*path, len(talkers))
	for i, n := range talkers {
		f := formats[i%len(formats)]
		mouths[i], paths[i] = NewTalker(n, f.NeededRate()), newPath(t, f, f.NeededRate(), 48000)
		mouths[i].SetTalking(true)
	}
	back, ear := newPath(t, listener, 48000, earAt), NewEar(earAt)
	sum, one, heard := make([]int16, 960), make([]int16, 960), make([]int16, earAt/50)
	for tick := range 100 {
		clear(sum)
		for i, m := range mouths {
			said := make([]int16, formats[i%len(formats)].NeededRate()/50)
			m.Frame(said)
			paths[i].carry(t, said, one)
			for k, v := range one {
				sum[k] += v
			}
		}
		back.carry(t, sum, heard)
		if tick == 20 {
			ear.Open()
		}
		if ear.Listen(heard) {
			return ear.Heard()
		}
	}
	t.Fatal("the window never filled")
	return Heard{}
}

func TestEveryTalkerOfARoomIsHeardThroughCodecs(t *testing.T) {
	for _, row := range []struct {
		name     string
		formats  []codec.Format
		listener codec.Format
		earAt    int
	}{
		{"opus", []codec.Format{opus32}, opus32, 48000},
		{"opus heard at 8 kHz", []codec.Format{opus32}, opus32, 8000},
		{"opus 24k", []codec.Format{opus24}, opus24, 48000},
		{"pcmu", []codec.Format{pcmu}, pcmu, 8000},
		{"pcma", []codec.Format{pcma}, pcma, 8000},
		{"mixed, heard by opus", []codec.Format{opus32, pcmu, wide, pcma}, opus32, 48000},
		{"mixed, heard by pcmu", []codec.Format{opus32, pcmu, wide, pcma}, pcmu, 8000},
		{"mixed, heard by l16", []codec.Format{opus32, pcmu, wide, pcma}, wide, 16000},
	} {
		worst := math.Inf(1)
		for _, first := range []int{37, 488} {
			for _, count := range []int{1, 2, 6} {
				var talkers []int
				for i := range count {
					talkers = append(talkers, (first+i*7)%Talkers)
				}
				h := room(t, row.formats, talkers, row.listener, row.earAt)
				j := h.Judge(talkers, (first+3)%Talkers)
				if !j.OK() {
					t.Errorf("%s, talkers %v: %+v, weakest %.1f", row.name, talkers, j, weakest(h, talkers))
				}
				worst = min(worst, j.Margin)
			}
		}
		t.Logf("%s: worst margin %.1f dB", row.name, worst)
	}
}

func weakest(h Heard, talkers []int) float64 {
	w := math.Inf(1)
	for _, n := range talkers {
		w = min(w, h.TalkerDB(n))
	}
	return w
}

func TestJudgement(t *testing.T) {
	heard := func(talkers ...int) Heard { return room(t, []codec.Format{opus32}, talkers, opus32, 48000) }
	h := heard(10, 11, 12)
	if j := h.Judge([]int{10, 11, 12, 13}, 14); !slices.Equal(j.Missing, []int{13}) || len(j.Foreign) != 0 || j.Self {
		t.Errorf("a missing talker: %+v", j)
	}
	j := h.Judge([]int{10, 11}, 12)
	if !j.Self || len(j.Missing) != 0 {
		t.Errorf("hearing oneself: %+v", j)
	}
	j = h.Judge([]int{10, 11}, 14)
	if j.Self || len(j.Foreign) != 2 || j.OK() {
		t.Errorf("hearing another room: %+v", j)
	}
	if s := h.Suspects(j, []int{9, 10, 12, 200}); !slices.Equal(s, []int{12}) {
		t.Errorf("suspects %v, want 12", s)
	}
	h = heard()
	if j := h.Judge(nil, 3); !j.OK() || !math.IsInf(h.LevelDB, -1) {
		t.Errorf("silence: %+v, level %v", j, h.LevelDB)
	}
}

func TestPairsAreDistinct(t *testing.T) {
	seen := map[[2]int]int{}
	for n := range Talkers {
		low, high := Pair(n)
		if other, dup := seen[[2]int{low, high}]; dup {
			t.Fatalf("talkers %d and %d have one pair", n, other)
		}
		seen[[2]int{low, high}] = n
		for k := 1; k < lowTones; k++ {
			if l, h := Pair(n + k); l == low || h == high {
				t.Fatalf("neighbours %d and %d share a tone", n, n+k)
			}
		}
	}
	if hz := ToneHz(Tones - 1); hz > 3400 {
		t.Errorf("the highest tone is %d Hz", hz)
	}
}

func TestTalkerLoopsAndPauses(t *testing.T) {
	for _, rate := range []int{8000, 16000, 48000} {
		m := NewTalker(77, rate)
		m.SetTalking(true)
		first, second, third := make([]int16, rate), make([]int16, rate), make([]int16, rate)
		m.Frame(first)
		m.Frame(second)
		m.Frame(third)
		if !slices.Equal(second, third) {
			t.Errorf("at %d Hz: the second second is not a loop", rate)
		}
		if peak := slices.Max(second); peak > 2*Amplitude || peak < Amplitude {
			t.Errorf("at %d Hz: peak %d", rate, peak)
		}
		m.SetTalking(false)
		pause := make([]int16, rate/50)
		m.Frame(pause)
		m.Frame(pause)
		if slices.ContainsFunc(pause, func(v int16) bool { return v != 0 }) {
			t.Errorf("at %d Hz: a pause is not digital silence", rate)
		}
	}
}

func TestMarkIsFoundThroughCodecs(t *testing.T) {
	for _, f := range []codec.Format{opus32, opus24, voip, pcmu, pcma, wide} {
		for _, others := range []int{0, 1, 4} {
			if f.Mode == codec.ModeVoIP && others > 0 {
				continue // SILK models one voice; of tones beside a sweep it makes neither
			}
			for _, swallowed := range []bool{false, true} { // the mixer may let nothing through before it hears a voice
				rate := f.NeededRate()
				var mouths []*Talker
				for i := range others + 1 {
					mouths = append(mouths, NewTalker(40+i, rate))
					mouths[i].SetTalking(i > 0)
				}
				p, w := newPath(t, f, rate, rate), NewStopwatch(rate, 500*time.Millisecond)
				sum, one, heard := make([]int16, rate/50), make([]int16, rate/50), make([]int16, rate/50)
				for tick := range 60 {
					if tick == 15 {
						w.Start()
					}
					if tick == 22 {
						mouths[0].SetTalking(true)
						mouths[0].Mark()
					}
					clear(sum)
					for i, m := range mouths {
						m.Frame(one)
						if i == 0 && tick == 22 && swallowed {
							continue
						}
						for k, v := range one {
							sum[k] += v
						}
					}
					p.carry(t, sum, heard)
					if w.Listen(heard) {
						break
					}
				}
				after, ok := w.Found()
				late := after - 7*20*time.Millisecond // what the codec adds: look-ahead and filters
				if !ok || late < -time.Millisecond || late > 8*time.Millisecond {
					t.Errorf("%v with %d others, first frame swallowed %v: found %v, %v late", f, others, swallowed, ok, late)
				}
			}
		}
	}
}

func TestNoMarkIsFoundWhereThereIsNone(t *testing.T) {
	for _, talkers := range []int{0, 1, 6} {
		w := NewStopwatch(8000, 500*time.Millisecond)
		w.Start()
		sum, one := make([]int16, 8000), make([]int16, 8000)
		for i := range talkers {
			m := NewTalker(100+i, 8000)
			m.Frame(one[:80*i])
			m.SetTalking(true)
			m.Frame(one)
			for k, v := range one {
				sum[k] += v
			}
		}
		if !w.Listen(sum) {
			t.Fatal("half a second did not fill the stopwatch")
		}
		if after, ok := w.Found(); ok {
			t.Errorf("%d talkers: found a mark at %v", talkers, after)
		}
	}
}

func TestListeningAllocatesNothing(t *testing.T) {
	m, ear, w, pcm := NewTalker(5, 48000), NewEar(48000), NewStopwatch(48000, time.Second), make([]int16, 960)
	m.SetTalking(true)
	if n := testing.AllocsPerRun(200, func() {
		m.Frame(pcm)
		if !ear.Wanted() {
			ear.Open()
		}
		if !w.Wanted() {
			w.Start()
		}
		ear.Listen(pcm)
		w.Listen(pcm)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkHeard(b *testing.B) {
	m, ear, pcm := NewTalker(5, 48000), NewEar(48000), make([]int16, 960)
	m.SetTalking(true)
	ear.Open()
	for full := false; !full; {
		m.Frame(pcm)
		full = ear.Listen(pcm)
	}
	for b.Loop() {
		ear.Heard()
	}
}

func BenchmarkListen(b *testing.B) {
	ear, pcm := NewEar(48000), make([]int16, 960)
	for b.Loop() {
		if !ear.Wanted() {
			ear.Open()
		}
		ear.Listen(pcm)
	}
}

func BenchmarkFound(b *testing.B) {
	m, w, pcm := NewTalker(5, 48000), NewStopwatch(48000, 500*time.Millisecond), make([]int16, 960)
	m.SetTalking(true)
	w.Start()
	for full := false; !full; {
		m.Frame(pcm)
		full = w.Listen(pcm)
	}
	for b.Loop() {
		w.Found()
	}
}

func BenchmarkFrame(b *testing.B) {
	m, pcm := NewTalker(5, 48000), make([]int16, 960)
	m.SetTalking(true)
	for b.Loop() {
		m.Frame(pcm)
	}
}

// A jitter buffer that drops a frame turns the phase of a tone; wherever in the window that happens, the tone is still heard.
func TestPhaseTurnHidesNobody(t *testing.T) {
	const talker = 100
	for turn := range 20 { // ticks into the window
		for dropped := 20; dropped <= 160; dropped += 20 {
			m, e := NewTalker(talker, earRate), NewEar(earRate)
			m.SetTalking(true)
			pcm := make([]int16, earRate/50)
			m.Frame(pcm)
			e.Open()
			for tick := 0; ; tick++ {
				if tick == turn {
					m.Frame(make([]int16, dropped))
				}
				if m.Frame(pcm); e.Listen(pcm) {
					break
				}
			}
			if h := e.Heard(); !h.Hears(talker) {
				t.Errorf("a turn of %d samples at tick %d hides the talker: %.1f dB", dropped, turn, h.TalkerDB(talker))
			}
		}
	}
}
