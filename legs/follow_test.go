package legs

import (
	"testing"
	"time"

	"github.com/conclave/conclave/legs/media"
)

// TestFollow: who moves without a word is asked once he has had time to tell, not more often than now and then, and not at all where he
// tells himself, or where he is merely heard from elsewhere than his description said.
func TestFollow(t *testing.T) {
	start := time.Now()
	l := &Leg{}
	step := func(after time.Duration, changes uint64) bool {
		return l.follow(start.Add(after), media.Snapshot{PacketsReceived: 1, AddressChanges: changes})
	}
	if l.follow(start, media.Snapshot{}) || step(time.Second, 1) || step(10*time.Second, 1) {
		t.Error("asked for where he was first heard")
	}
	if step(11*time.Second, 2) || step(11*time.Second+followAfter/2, 2) {
		t.Error("asked at once")
	}
	if !step(11*time.Second+followAfter, 2) || step(12*time.Second+followAfter, 2) {
		t.Error("not asked once")
	}
	if step(16*time.Second, 3) || step(16*time.Second+followAfter, 3) {
		t.Error("asked too often")
	}
	if !step(11*time.Second+followAfter+followEvery, 3) {
		t.Error("not asked later")
	}
	if step(40*time.Second, 4) {
		t.Error("asked at once")
	}
	l.place.moved = time.Time{} // what announced does with the stream's own count
	if step(50*time.Second, 4) {
		t.Error("asked though he told")
	}
}
