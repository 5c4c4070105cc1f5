package loadtest

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// TestVerdictOfListeners: those that read are to stay, those that never do are to go, and in time.
func TestVerdictOfListeners(t *testing.T) {
	gone := func(after time.Duration) *stalled {
		s := &stalled{over: make(chan struct{}), after: after}
		close(s.over)
		return s
	}
	for _, tt := range []struct {
		name    string
		cut     int
		stalled []*stalled
		want    string // in the reasons; "": pass
	}{
		{"nobody", 0, nil, ""},
		{"all went in time", 0, []*stalled{gone(6 * time.Second), gone(5 * time.Second), gone(stalledBound)}, ""},
		{"one is there", 0, []*stalled{gone(time.Second), {over: make(chan struct{})}}, "1 of 2 who never read events were not cut off within 30s"},
		{"one went late", 0, []*stalled{gone(stalledBound + 1)}, "1 of 1 who never read"},
		{"one ended otherwise", 0, []*stalled{gone(0)}, "1 of 1 who never read"},
		{"one that read went", 1, []*stalled{gone(time.Second)}, "1 of 3 who listened to the server's events were cut off"},
	} {
		r := &Report{
			Script: ScriptJoin, Setup: SetupReport{OK: 2}, Media: MediaReport{Received: 100, Expected: 100, ReceivedPct: 100}, Mix: MixReport{Pairs: 1, Heard: 1},
			Events: EventsReport{Listeners: 3, Cut: tt.cut},
		}
		r.Events.tellStalled(tt.stalled)
		r.judge()
		if r.Pass() != (tt.want == "") || !strings.Contains(strings.Join(r.Reasons, "; "), tt.want) {
			t.Errorf("%s: %s %q", tt.name, r.Verdict, r.Reasons)
		}
		var text strings.Builder
		r.Print(&text)
		if strings.Contains(text.String(), "who never read events,") != (len(tt.stalled) > 0) {
			t.Errorf("%s: printed %s", tt.name, text.String())
		}
		if tt.name == "all went in time" && !strings.Contains(text.String(), "3 who never read events, 3 of them cut off, 5.0 to 30.0 s") {
			t.Errorf("%s: printed %s", tt.name, text.String())
		}
	}
	for o, good := range map[[2]int]bool{{0, 0}: true, {1000, 24}: true, {1000, 25}: false, {-1, 2}: false, {2, -1}: false} {
		err := (&Options{Listeners: o[0], Stalled: o[1]}).check()
		if told := strings.Contains(err.Error(), "--stalled"); told == good || !errors.Is(err, ErrOptions) {
			t.Errorf("%v: %v", o, err)
		}
	}
}
