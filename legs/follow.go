package legs

import (
	"time"

	"github.com/conclave/conclave/legs/media"
)

// whereabouts is what the leg knows of where its peer is heard from.
type whereabouts struct {
	known   bool
	changes uint64    // of the address of its media, as last seen
	moved   time.Time // when the last one was seen that nobody has announced; zero: none
	asked   time.Time // when we last asked for a confirmation
}

// follow asks a peer whose media moved without a word to confirm, by a re-INVITE that leaves the keys, that it is still he and where he
// wants his media. The stream has followed his packets at once; this binds the address. Who announces his move himself is given time.
// Nothing ends where nobody answers: his signalling may have to find its way first.
func (l *Leg) follow(now time.Time, s media.Snapshot) (due bool) {
	w := &l.place
	if s.PacketsReceived == 0 {
		return false
	}
	if !w.known { // where he was first heard is no move, whatever his description said
		w.known, w.changes = true, s.AddressChanges
	}
	if s.AddressChanges != w.changes {
		w.changes, w.moved = s.AddressChanges, now
	}
	if w.moved.IsZero() || now.Sub(w.moved) < followAfter || !w.asked.IsZero() && now.Sub(w.asked) < followEvery {
		return false
	}
	w.moved, w.asked = time.Time{}, now
	return true
}

// announced notes that the peer has told where he is.
func (l *Leg) announced() {
	l.place.changes, l.place.moved = l.stream.Snapshot().AddressChanges, time.Time{}
}
