package loadtest

import (
	"slices"
	"testing"
	"time"

	"github.com/conclave/conclave/mixer/codec"
)

// cast is a room of talkers who came at the start and stay.
func cast(t *testing.T, n int) *room {
	t.Helper()
	r, s := &room{}, &stage{start: time.Now()}
	for i := range n {
		m := &member{number: i, talks: true, place: i, room: r, stage: s, pairs: make(map[int]*pair)}
		m.here.Store(&presence{up: 1})
		r.members, r.talkers = append(r.members, m), append(r.talkers, m)
	}
	return r
}

// A run that never listened to somebody in his turn has not shown that he can be heard.
func TestUntestedPairs(t *testing.T) {
	r := cast(t, 3)
	a := r.members[0]
	a.pairs[1] = &pair{due: 10, heard: 9}
	a.own = 1
	for _, c := range []struct {
		name  string
		stays bool
		want  MixReport
	}{
		{"join", true, MixReport{Pairs: 2, Heard: 1, Missing: 1, Untested: 1}},
		{"churn", false, MixReport{Pairs: 1, Heard: 1}},
	} {
		var got MixReport
		a.tally(&got, c.stays)
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
	var got MixReport
	r.members[1].tally(&got, true)
	if got.SelfUntested != 1 || got.Untested != 2 {
		t.Errorf("who listened to nobody, himself included: %+v", got)
	}
	report := Report{Setup: SetupReport{OK: 3}, Media: MediaReport{Received: 1, ReceivedPct: 100}, Mix: got}
	if report.judge(); report.Pass() {
		t.Error("passed though nothing was tested")
	}
}

// A talker who left and is back before an analyst comes to the window was in it all the same.
func TestPresenceOfTheCallBefore(t *testing.T) {
	r := cast(t, 2)
	listener, talker := r.members[0], r.members[1]
	talker.here.Store(&presence{up: time.Second, down: 5 * time.Second})
	talker.stage.start = time.Now().Add(-9 * time.Second)
	if _, _, err := talker.begin(codec.Format{Codec: codec.PCMU, Rate: 8000}); err != nil {
		t.Fatal(err)
	}
	from, to := 4*time.Second, 4400*time.Millisecond
	sure, maybe := r.talking(listener, 1, from, to)
	if !slices.Equal(sure, []int{1}) || !slices.Equal(maybe, []int{1}) {
		t.Errorf("sure %v, maybe %v; want talker 1 in both", sure, maybe)
	}
	if sure, maybe = r.talking(listener, 1, 7*time.Second, 7400*time.Millisecond); len(sure)+len(maybe) > 0 {
		t.Errorf("between the calls: sure %v, maybe %v", sure, maybe)
	}
	talker.gone()
	if talker.present() {
		t.Error("present after it went")
	}
}
