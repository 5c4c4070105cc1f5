package loadtest

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs"
)

func TestVerdictOfRekeys(t *testing.T) {
	good := func() *Report {
		return &Report{
			Script: ScriptRekey, Setup: SetupReport{OK: 2}, Media: MediaReport{Received: 100, Expected: 100, ReceivedPct: 100},
			Mix: MixReport{Pairs: 1, Heard: 1}, Rekeys: RekeysReport{Done: 5},
		}
	}
	for _, tt := range []struct {
		name  string
		spoil func(*Report)
		want  string // in the reasons; "": pass
	}{
		{"all well", func(*Report) {}, ""},
		{"no keys changed", func(r *Report) { r.Rekeys.Done = 0 }, "no keys were changed"},
		{"no keys to change", func(r *Report) { r.Rekeys.Done, r.Script = 0, ScriptJoin }, ""},
		{"one failed", func(r *Report) { r.Rekeys.Failed = 1 }, "1 of 6 changes of keys failed"},
		{"one index twice", func(r *Report) { r.Media.Repeated = 1 }, "1 times a caller would have used a key, SSRC and index again"},
		{"one packet", func(r *Report) { r.Rekeys.PacketsLost = 1 }, "1 packets were lost or refused"},
	} {
		r := good()
		tt.spoil(r)
		r.judge()
		if r.Pass() != (tt.want == "") || !strings.Contains(strings.Join(r.Reasons, "; "), tt.want) {
			t.Errorf("%s: %s %q", tt.name, r.Verdict, r.Reasons)
		}
		var text bytes.Buffer
		r.Print(&text)
		if tt.want != "" && !strings.Contains(text.String(), "!! "+tt.want) {
			t.Errorf("%s: printed %s", tt.name, text.String())
		}
	}
}

func TestNotice(t *testing.T) {
	for _, tt := range []struct {
		why  legs.Refused
		want string
	}{
		{legs.Refused{Status: 488, Reason: "Not Acceptable Here"}, "notice: mikey-dh was refused: 488 Not Acceptable Here; trying sdes\n"},
		{legs.Refused{Status: 488, Reason: "No", Warning: "w", Hint: &keying.Hint{Words: "forward secrecy"}},
			"notice: mikey-dh was refused: 488 No (w); forward secrecy; trying sdes\n"},
	} {
		var told bytes.Buffer
		notice(&told)(keying.MIKEYDH, keying.SDES, &tt.why)
		if told.String() != tt.want {
			t.Errorf("%q, want %q", told.String(), tt.want)
		}
	}
}

// TestRekeyWaits: for the right side's change, through the other side's own, and not longer than the call or ctx.
func TestRekeyWaits(t *testing.T) {
	broken := errors.New("broken")
	for _, tt := range []struct {
		name  string
		comes []change
		begin error
		ended bool
		want  error
	}{
		{"done", []change{{true, nil}}, nil, false, nil},
		{"after one of the other side", []change{{false, nil}, {true, nil}}, nil, false, nil},
		{"failed", []change{{true, broken}}, nil, false, broken},
		{"not begun", nil, broken, false, broken},
		{"the call ends", []change{{false, broken}}, nil, true, ErrRekey},
		{"nothing comes", nil, nil, false, context.Canceled},
	} {
		c := &Caller{changes: make(chan change, changesKept), ended: make(chan struct{})}
		c.changed(nil, true, errors.New("of an earlier change"))
		ctx, cancel := context.WithCancel(t.Context())
		err := c.rekey(ctx, true, func(context.Context) error {
			for _, done := range tt.comes {
				c.changed(nil, done.ours, done.err)
			}
			switch {
			case tt.ended:
				close(c.ended)
			case len(tt.comes) == 0:
				cancel()
			}
			return tt.begin
		})
		cancel()
		if !errors.Is(err, tt.want) || (tt.want == nil) != (err == nil) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// TestSpoilt: what comes after all, and so lowers a count, is no loss and undoes none.
func TestSpoilt(t *testing.T) {
	w := newTally()
	for _, counts := range [][2]uint64{{3, 5}, {5, 4}, {4, 4}} {
		w.spoilt(counts[0], counts[1])
	}
	if w.rekeys.PacketsLost != 2 {
		t.Errorf("%d packets lost, want 2", w.rekeys.PacketsLost)
	}
}
