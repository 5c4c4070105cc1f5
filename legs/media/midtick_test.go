package media

import (
	"testing"

	"github.com/conclave/conclave/keying"
)

// TestKeysThatComeDuringATick: a tick may be interrupted between its look at what was posted and its look at the socket, for as long
// as it takes the peer to learn of fresh keys and to send under them. Those packets are heard.
func TestKeysThatComeDuringATick(t *testing.T) {
	for _, suite := range keying.Suites() {
		for _, ready := range []bool{false, true} {
			k, s := newTalker(t, suite, pcmu(), true)
			s.Next(0)
			k.write(k.seal(k.plain(1, 160, frameOf(1, 160))))
			await(s, 1)
			s.Next(1)

			s.apply()
			ours, theirs := keysFor(suite, 1, s.SSRC(), k.ssrc)
			if ready {
				readyKeys(t, s, ours)
			} else {
				setKeys(t, s, ours)
			}
			g, err := newGeneration(&theirs, k.ssrc)
			if err != nil {
				t.Fatal(err)
			}
			late := k.seal(k.plain(2, 320, frameOf(2, 160)))
			k.ctx = g.send
			k.write(k.seal(k.plain(3, 480, frameOf(3, 160))))
			k.write(late)
			await(s, 3)
			if n := s.Snapshot(); n.PacketsReceived != 3 || n.AuthFailed+n.Replayed != 0 {
				t.Errorf("%s, ready %t: %d packets of 3; %d not authentic", suite, ready, n.PacketsReceived, n.AuthFailed)
			}
		}
	}
}
