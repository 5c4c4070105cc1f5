package media

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/conclave/conclave/keying"
)

// TestReplayListAgainstAModel compares the ring with a set that forgets nothing.
func TestReplayListAgainstAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var last uint64
		w := newReplays(&last)
		seen := make(map[uint64]bool)
		at := rapid.Uint64Range(0, 1<<40).Draw(t, "first")
		highest, begun := uint64(0), false
		for range rapid.IntRange(1, 600).Draw(t, "packets") {
			step := rapid.Int64Range(-2*replayWindow, 2*replayWindow).Draw(t, "step")
			if rapid.Bool().Draw(t, "near") {
				step = rapid.Int64Range(-3, 3).Draw(t, "near step")
			}
			at = uint64(max(0, int64(at)+step))
			fresh := !begun || at > highest || highest-at < replayWindow && !seen[at]
			accept, ok := w.Check(at)
			if ok != fresh {
				t.Fatalf("index %d, highest %d: new %v, want %v", at, highest, ok, fresh)
			}
			if !ok || rapid.Bool().Draw(t, "forged") {
				continue
			}
			if newest := accept(); newest != (!begun || at > highest) || last != at {
				t.Fatalf("index %d, highest %d: newest %v, noted %d", at, highest, newest, last)
			}
			seen[at], begun, highest = true, true, max(highest, at)
		}
	})
}

// TestForgeryBeforeTheFirstPacketShutsNobodyOut: with the library's own list the window would begin at the forgery, and everything
// genuine would be older than it.
func TestForgeryBeforeTheFirstPacketShutsNobodyOut(t *testing.T) {
	for _, suite := range keying.Suites() {
		k, s := newTalker(t, suite, pcmu(), true)
		k.write(append(k.plain(20000, 0, frameOf(0, 160)), make([]byte, 16)...))
		s.Next(0)
		k.say(1)
		s.Next(1)
		if n := s.Snapshot(); n.PacketsReceived != 1 || n.AuthFailed != 1 || n.Replayed != 0 {
			t.Errorf("%s: %d received, %d failed, %d replayed", suite, n.PacketsReceived, n.AuthFailed, n.Replayed)
		}
	}
}
