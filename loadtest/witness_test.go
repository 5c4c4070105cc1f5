package loadtest

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/conclave/conclave/loadtest/sound"
	"github.com/conclave/conclave/mixer/codec"
)

var telephone = codec.Format{Codec: codec.PCMU, Rate: 8000}

// movers is a room of talkers with spread voices, more than talk at a time.
func movers(t *testing.T, n int) *room {
	t.Helper()
	r := cast(t, n)
	for i, m := range r.members {
		m.number, m.orders = sound.SpreadVoice(0, i), make(chan order, maxOrders)
	}
	return r
}

// taped is what a tape holds of voices that talk from a time on, but for a pause of the first one.
func tapedVoices(t *testing.T, tp *tape, from, pause time.Duration, numbers ...int) *analyst {
	t.Helper()
	enc, err := codec.NewEncoder(telephone, 8000)
	if err != nil {
		t.Fatal(err)
	}
	talkers := make([]*sound.Talker, len(numbers))
	for i, n := range numbers {
		talkers[i] = sound.NewTalker(n, 8000)
		talkers[i].SetTalking(true)
	}
	sum, pcm, packet := make([]int16, 160), make([]int16, 160), make([]byte, telephone.FrameSize())
	for tick := 0; ; tick++ {
		clear(sum)
		for i, talker := range talkers {
			begin := time.Duration(tick-tp.lead) * tickLength
			if talker.Frame(pcm); i == 0 && begin >= 600*time.Millisecond && begin < 600*time.Millisecond+pause {
				continue
			}
			for n, v := range pcm {
				sum[n] += v
			}
		}
		n, err := enc.Encode(sum, packet)
		if err != nil {
			t.Fatal(err)
		}
		if tp.add(from+time.Duration(tick-tp.lead)*tickLength, 0, codec.Frame{Kind: codec.Voice, Payload: packet[:n]}) {
			return &analyst{envelope: sound.NewEnvelope(8000), pcm: make([]int16, 160)}
		}
	}
}

// TestWitness: what a listener hears of a move counts while the mover has his turn throughout; who is muted is not to be heard, and nobody
// hears himself, neither by the old device nor by the new.
func TestWitness(t *testing.T) {
	r := movers(t, 8) // two turns
	mover, other := r.members[0], r.members[1]
	const early, late = 500 * time.Millisecond, 1500 * time.Millisecond // in a slot
	for _, c := range []struct {
		name  string
		muted bool
		from  time.Duration
		pause time.Duration
		who   []int
		gaps  int
		gap   time.Duration
		lost  int
	}{
		{"clean", false, early, 0, []int{mover.number, other.number}, 1, 0, 0},
		{"a gap", false, early, 60 * time.Millisecond, []int{mover.number, other.number}, 1, 60 * time.Millisecond, 0},
		{"his turn ends", false, late, 60 * time.Millisecond, []int{mover.number}, 0, 0, 0},
		{"muted and heard", true, early, 0, []int{mover.number, other.number}, 0, 0, 1},
		{"muted", true, early, 0, []int{other.number}, 0, 0, 0},
	} {
		w := &witness{mover: mover, muted: c.muted}
		tp := newTape(telephone, 0, watchTicks)
		w.listen(tapedVoices(t, tp, c.from, c.pause, c.who...), tp)
		if len(w.heard) != c.gaps || w.lost != c.lost {
			t.Errorf("%s: heard %+v, lost %d", c.name, w.heard, w.lost)
		} else if c.gaps > 0 && (w.heard[0].Gap < c.gap-3*time.Millisecond || w.heard[0].Gap > c.gap+3*time.Millisecond) {
			t.Errorf("%s: %+v, want a gap of %v", c.name, w.heard, c.gap)
		}
	}
	for name, c := range map[string]struct {
		who  int
		want int
	}{"himself": {mover.number, 1}, "another": {other.number, 0}} {
		w := &witness{mover: mover}
		arriving := w.arrival(telephone)
		w.selfHeard(tapedVoices(t, arriving, 0, 0, c.who), arriving)
		parting := newTape(telephone, 0, watchTicks)
		w.selfHeard(tapedVoices(t, parting, 0, 0, c.who), parting)
		var got MovesReport
		if w.tally(&got, nil); w.own != 2*c.want || got.OwnVoice != c.want {
			t.Errorf("heard %s: %d devices, %+v", name, w.own, got)
		}
	}
}

// TestListeners: who moves himself or is not there cannot tell; of the others those listen who move last.
func TestListeners(t *testing.T) {
	r := movers(t, 6)
	for i, m := range r.members {
		m.due.Store(int64(i))
	}
	r.members[5].moving.Store(&witness{})
	r.members[4].gone()
	got := r.listeners(r.members[3])
	if len(got) != witnesses || got[0] != r.members[2] || got[1] != r.members[1] {
		t.Errorf("%d listeners, of %+v", len(got), got)
	}
	r.members[3].watch(false)
	if r.members[3].moving.Load() == nil || len(r.members[3].orders) != 1 || len(r.members[2].orders) != 1 || len(r.members[0].orders) != 0 {
		t.Error("the mover and his listeners were not told")
	}
}

// TestNextTurn: who takes turns moves when one of his has just begun.
func TestNextTurn(t *testing.T) {
	r := movers(t, 8)
	for _, c := range []struct {
		member   int
		at, want time.Duration
	}{
		{0, 0, turnSettled}, {0, turnSettled, 0}, {0, turnSettled + 1, 2*slotLength - 1}, {5, 0, slotLength + turnSettled},
		{5, slotLength, turnSettled},
	} {
		if got := r.nextTurn(r.members[c.member], c.at); got != c.want {
			t.Errorf("member %d at %v: in %v, want %v", c.member, c.at, got, c.want)
		}
	}
	if got := movers(t, 5).nextTurn(r.members[0], time.Second); got != slotLength-time.Second+turnSettled && got != 0 {
		t.Errorf("whose turn it always is: in %v", got)
	}
}

func TestVerdictOfMoves(t *testing.T) {
	good := func(script string) *Report {
		return &Report{
			Script: script, Setup: SetupReport{OK: 2}, Media: MediaReport{Received: 100, Expected: 100, ReceivedPct: 100},
			Mix: MixReport{Pairs: 1, Heard: 1}, Moves: MovesReport{Done: 5, Gaps: 3, GapP99: 35},
		}
	}
	for _, tt := range []struct {
		script string
		spoil  func(*MovesReport)
		want   string // in the reasons; "": pass
	}{
		{ScriptMove, func(*MovesReport) {}, ""},
		{ScriptMove, func(m *MovesReport) { m.Done = 0 }, "nobody moved"},
		{ScriptRoam, func(m *MovesReport) { m.Done = 0 }, "nobody moved"},
		{ScriptJoin, func(m *MovesReport) { *m = MovesReport{} }, ""},
		{ScriptMove, func(m *MovesReport) { m.Gaps = 0 }, "no move was heard"},
		{ScriptMove, func(m *MovesReport) { m.Failed, m.Failures = 1, map[string]int{"refer: 403": 1} }, "1 of 6 moves failed"},
		{ScriptMove, func(m *MovesReport) { m.GapP99 = 41 }, "one move in a hundred left a gap of 41.0 ms and more, 40 ms are allowed"},
		{ScriptRoam, func(m *MovesReport) { m.GapP99 = 41 }, ""},
		{ScriptRoam, func(m *MovesReport) { m.GapP99 = 61 }, "60 ms are allowed"},
		{ScriptMove, func(m *MovesReport) { m.Doubled = 2 }, "2 moves in which the mover was heard twice at once"},
		{ScriptMove, func(m *MovesReport) { m.MuteLost = 1 }, "1 moves that lost a mute"},
		{ScriptMove, func(m *MovesReport) { m.OwnVoice = 1 }, "1 moves in which the mover heard himself"},
	} {
		r := good(tt.script)
		tt.spoil(&r.Moves)
		r.judge()
		if r.Pass() != (tt.want == "") || !strings.Contains(strings.Join(r.Reasons, "; "), tt.want) {
			t.Errorf("%s, %q: %s %q", tt.script, tt.want, r.Verdict, r.Reasons)
		}
		var text bytes.Buffer
		if r.Print(&text); r.Moves.Done > 0 && !strings.Contains(text.String(), "moves     5 done") {
			t.Errorf("printed %s", text.String())
		}
	}
}

// TestOptionsOfMoves: what could not be measured is not begun.
func TestOptionsOfMoves(t *testing.T) {
	for want, spoil := range map[string]func(*Options){
		"--move-every":     func(o *Options) { o.MoveEvery = time.Second },
		"--chorus":         func(o *Options) { o.Chorus = true },
		"--transport udp":  func(o *Options) { o.Script, o.Transport = ScriptRoam, "tcp" },
		"too many talkers": func(o *Options) { o.Callers, o.Talkers = 120, 1 },
		"":                 func(o *Options) { o.Script, o.Transport, o.Unannounced = ScriptRoam, "tcp", true },
	} {
		o := Options{MoveEvery: 5 * time.Second, Callers: 10, Rooms: 2, Talkers: 0.5, Script: ScriptMove, Transport: "udp"}
		spoil(&o)
		var said []string
		o.checkMoves(func(format string, _ ...any) { said = append(said, format) })
		if got := strings.Join(said, "; "); (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%q: said %q", want, got)
		}
	}
}
