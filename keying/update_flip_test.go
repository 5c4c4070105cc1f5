package keying

import (
	"slices"
	"testing"
	"time"
)

// TestUpdateBitFlips changes every bit of every update and refresh, and of their answers: none passes, nothing changes, and the
// true ones are taken afterwards.
func TestUpdateBitFlips(t *testing.T) {
	for _, m := range ofMIKEY() {
		for _, refresh := range []bool{false, true} {
			t.Run(string(m), func(t *testing.T) {
				w := newWorld(t)
				caller, server := w.dialog(m)
				caller.call.Addresses, caller.call.Refresh = []byte("here"), refresh
				i := caller.offers(m)
				done, remembered, keys := w.pool.Done(), w.replay.Len(), w.guard.Len()
				flips(t, i.Attributes().MIKEY, func(b []byte) error {
					_, err := server.verifies(Attributes{MIKEY: b}, caller)
					return err
				})
				if w.pool.Done() != done || w.replay.Len() != remembered || w.guard.Len() != keys {
					t.Error("a changed message cost an operation, or changed state")
				}
				theirs, response := server.answers(i, caller)
				flips(t, response.MIKEY, func(b []byte) error {
					_, err := i.Complete(t.Context(), Attributes{MIKEY: b})
					return err
				})
				ours, err := i.Complete(t.Context(), response)
				if err != nil {
					t.Fatal(err)
				}
				if !refresh {
					wantMirrored(t, &ours.Keys, &theirs.Keys)
				}
			})
		}
	}
}

// flips gives take every message that differs in one bit.
func flips(t *testing.T, message []byte, take func([]byte) error) {
	t.Helper()
	for n := range len(message) * 8 {
		flipped := slices.Clone(message)
		flipped[n/8] ^= 1 << (n % 8)
		if err := take(flipped); err == nil {
			t.Errorf("bit %d of octet %d may be flipped", n%8, n/8)
		}
	}
}

// TestUpdatePasted: answers to other exchanges, of updates and first messages, in this dialog and another, are no answer.
func TestUpdatePasted(t *testing.T) {
	w := newWorld(t)
	var responses []Attributes
	type open struct {
		i     *Initiation
		right int
	}
	var all []open
	for _, m := range ofMIKEY() {
		for range 2 {
			caller, server := w.dialog(m)
			for _, refresh := range []bool{false, true} {
				caller.call.Refresh = refresh
				w.clock.move(time.Millisecond)
				i := caller.offers(m)
				theirs, response := server.answers(i, caller)
				server.takes(theirs)
				responses = append(responses, response, i.Attributes())
				all = append(all, open{i, len(responses) - 2})
			}
		}
	}
	for _, o := range all {
		for n, response := range responses {
			if n == o.right {
				continue
			}
			if _, err := o.i.Complete(t.Context(), response); err == nil {
				t.Errorf("%s takes message %d for the answer", o.i.Method(), n)
			}
		}
	}
}
