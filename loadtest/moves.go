package loadtest

import (
	"maps"
	"slices"
	"time"

	"github.com/conclave/conclave/loadtest/sound"
)

// MovesReport tells of session moves, as those who are in the room hear them.
type MovesReport struct {
	Done     int            `json:"done"`
	Failed   int            `json:"failed"`
	GapP50   float64        `json:"gap_ms_p50"` // missing of the mover's voice
	GapP99   float64        `json:"gap_ms_p99"`
	Gaps     int            `json:"gaps"`      // how many were measured: some listeners a move, while the mover talked
	Doubled  int            `json:"doubled"`   // moves in which the mover was heard twice at once
	MuteLost int            `json:"mute_lost"` // moves in which a muted one was heard, or was no longer muted
	OwnVoice int            `json:"own_voice"` // moves in which one of the mover's devices heard himself
	Ways     map[string]int `json:"ways"`      // done, by way
	Failures map[string]int `json:"failures"`  // by way and reason
}

// moves says whether seats move in the script.
func (o *Options) moves() bool { return o.Script == ScriptMove || o.Script == ScriptRoam }

// checkMoves says what is wrong with the options of a script in which seats move.
func (o *Options) checkMoves(complain func(string, ...any)) {
	if o.MoveEvery < minMoveEvery {
		complain("--move-every must be at least %v: a move is listened to for so long", minMoveEvery)
	}
	if o.Chorus {
		complain("--chorus leaves no gaps to measure: not with --script %s", o.Script)
	}
	if o.Script == ScriptRoam && o.Transport != "udp" && !o.Unannounced {
		complain("--script %s needs --transport udp, or --no-announce: connections do not roam", o.Script)
	}
	if o.Rooms < 1 || o.Callers > maxCallers {
		return
	}
	perClass := (o.Rooms + sound.SpreadClasses - 1) / sound.SpreadClasses
	if o.mostTalkers()*perClass > sound.SpreadVoices {
		complain("there are too many talkers to tell their gaps apart: --talkers in %d rooms is %d a room at most", o.Rooms, sound.SpreadVoices/perClass)
	}
}

// moved counts a move.
func (t *tally) moved(how way, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil {
		t.moves.Done++
		t.moves.Ways[string(how)]++
		return
	}
	t.moves.Failed++
	t.moves.Failures[string(how)+": "+reason(err)]++
}

// witnessed keeps what was heard of a move until it is judged.
func (t *tally) witnessed(w *witness) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.witnesses = append(t.witnesses, w)
}

// movesReport puts together what was heard of the moves, once all tapes have been judged.
func (t *tally) movesReport() MovesReport {
	r := t.moves
	var gaps []time.Duration
	for _, w := range t.witnesses {
		gaps = w.tally(&r, gaps)
	}
	r.Gaps, r.GapP50, r.GapP99 = len(gaps), quantile(gaps, .5), quantile(gaps, .99)
	return r
}

// judgeMoves: in a script of moves seats must move, always, and nobody may hear more of it than a short gap.
func (r *Report) judgeMoves(fail func(string, ...any)) {
	m := &r.Moves
	moving := r.Script == ScriptMove || r.Script == ScriptRoam
	if moving && m.Done == 0 {
		fail("nobody moved")
	}
	if moving && m.Gaps == 0 {
		fail("no move was heard: it takes a talker who moves and others who listen, for some seconds")
	}
	if m.Failed > 0 {
		fail("%d of %d moves failed", m.Failed, m.Done+m.Failed)
	}
	longest := milliseconds(maxGapMove)
	if r.Script == ScriptRoam {
		longest = milliseconds(maxGapRoam)
	}
	if m.GapP99 > longest {
		fail("one move in a hundred left a gap of %.1f ms and more, %.0f ms are allowed", m.GapP99, longest)
	}
	for _, fault := range []struct {
		times int
		what  string
	}{
		{m.Doubled, "moves in which the mover was heard twice at once"}, {m.MuteLost, "moves that lost a mute"},
		{m.OwnVoice, "moves in which the mover heard himself"},
	} {
		if fault.times > 0 {
			fail("%d %s", fault.times, fault.what)
		}
	}
}

func (m *MovesReport) print(line func(string, ...any)) {
	if m.Done+m.Failed == 0 {
		return
	}
	line("  moves     %d done, %d failed, gap p50 %.1f ms, p99 %.1f ms of %d, %d doubled, %d lost their mute, %d heard themselves", m.Done, m.Failed,
		m.GapP50, m.GapP99, m.Gaps, m.Doubled, m.MuteLost, m.OwnVoice)
	for _, reason := range slices.Sorted(maps.Keys(m.Failures)) {
		line("            %d times %s", m.Failures[reason], reason)
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
