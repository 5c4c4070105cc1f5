package keying

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/conclave/conclave/keying/mikey"
)

// withoutRAND takes RAND out of an offer of two sessions, where it follows HDR and T (RFC 3830 sections 6.1, 6.6 and 6.11).
func withoutRAND(offer []byte) []byte {
	const t = 10 + 2*9
	const random = t + 2 + 8
	b := slices.Clone(offer)
	b[t] = b[random]
	return slices.Delete(b, random, random+2+int(b[random+1]))
}

// TestRefusedByVerify holds reason, MIKEY error number and error message of every refusal, and that none cost Diffie-Hellman or
// changed state.
func TestRefusedByVerify(t *testing.T) {
	for _, c := range refusals() {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			message, call := c.make(w)
			done, remembered, guarded := w.pool.Done(), w.replay.Len(), w.guard.Len()
			_, err := w.server.Verify(Attributes{MIKEY: message}, call)
			e := wantRefusal(t, err, c.reason)
			if e.Number != uint8(c.number) || !e.BeforeAuth {
				t.Errorf("number %d, want %d; before authentication %v", e.Number, c.number, e.BeforeAuth)
			}
			if w.pool.Done() != done || w.replay.Len() != remembered || w.guard.Len() != guarded || done != 0 {
				t.Errorf("it cost Diffie-Hellman (%d) or changed state", w.pool.Done())
			}
			if c.reason != ReasonMalformed && c.reason != ReasonNotAnOffer {
				wantErrorMessage(t, e, message)
			}
			if !slices.Contains(Reasons(), e.Reason) {
				t.Errorf("%s is not in the closed set", e.Reason)
			}
		})
	}
}

func wantErrorMessage(t *testing.T, e *Error, offer []byte) {
	t.Helper()
	m, err := mikey.Parse(e.Message)
	if err != nil {
		t.Fatal(err)
	}
	i, err := mikey.Parse(offer)
	if err != nil {
		t.Fatal(err)
	}
	if m.Type() != mikey.TypeError || m.CSBID() != i.CSBID() || m.Timestamp() != i.Timestamp() {
		t.Error("the error message is not about the offer")
	}
	if n := m.ErrorNumbers(); len(n) != 1 || uint8(n[0]) != e.Number {
		t.Errorf("numbers %v", n)
	}
	if (len(m.Policies()) > 0) != (e.Number == uint8(mikey.InvalidSPpar)) {
		t.Errorf("%d policies with error %d", len(m.Policies()), e.Number)
	}
}

// TestVerifyAcceptsRepeatedList holds the two readings of a list for an SDP with several key-mgmt lines.
func TestVerifyAcceptsRepeatedList(t *testing.T) {
	w := newWorld(t)
	for _, list := range []string{"mikey", "mikey;mikey"} {
		message := w.strangerPSK(func(p *mikey.Params) { p.SDPIDs = list })
		c := answered()
		c.SDPIDs = "mikey;mikey"
		w.verified(message, c)
	}
}

// TestBitFlips holds that no changed bit of an offer passes, of either method, and that none costs Diffie-Hellman.
func TestBitFlips(t *testing.T) {
	for _, m := range []Method{MIKEYPSK, MIKEYDH} {
		t.Run(string(m), func(t *testing.T) {
			w := newWorld(t)
			message, c := plainOffer(alice, m)(w)
			for n := range len(message) * 8 {
				flipped := slices.Clone(message)
				flipped[n/8] ^= 1 << (n % 8)
				if _, err := w.server.Verify(Attributes{MIKEY: flipped}, c); err == nil {
					t.Errorf("bit %d of octet %d may be flipped", n%8, n/8)
				}
			}
			if w.pool.Done() != 0 || w.replay.Len() != 0 {
				t.Errorf("%d operations, %d remembered", w.pool.Done(), w.replay.Len())
			}
			w.verified(message, c)
		})
	}
}

// TestReplayRace holds that of many concurrent uses of one offer exactly one gets keys.
func TestReplayRace(t *testing.T) {
	for _, m := range []Method{MIKEYPSK, MIKEYDH} {
		t.Run(string(m), func(t *testing.T) {
			w := newWorld(t)
			message, c := plainOffer(alice, m)(w)
			const racers = 16
			errs := make([]error, racers)
			var wg sync.WaitGroup
			vs := make([]*Verified, racers)
			for n := range vs {
				vs[n] = w.verified(message, c)
			}
			for n, v := range vs {
				wg.Go(func() { _, _, errs[n] = w.server.Respond(t.Context(), v, c) })
			}
			wg.Wait()
			won := 0
			for _, err := range errs {
				if err == nil {
					won++
				} else {
					wantRefusal(t, err, ReasonReplayed)
				}
			}
			if won != 1 || m == MIKEYDH && w.pool.Done() != 1 || w.pool.Waiting() != 0 {
				t.Errorf("%d won, %d operations, %d places not given back", won, w.pool.Done(), w.pool.Waiting())
			}
		})
	}
}

// TestRespondRefuses holds what can only be seen when the keys are made, or comes between Verify and Respond.
func TestRespondRefuses(t *testing.T) {
	respond := func(w *world, v *Verified, c Call) error {
		_, _, err := w.server.Respond(w.tb.Context(), v, c)
		return err
	}
	t.Run("twice", func(t *testing.T) {
		w := newWorld(t)
		message, c := plainOffer(alice, MIKEYPSK)(w)
		v := w.verified(message, c)
		if err := respond(w, v, c); err != nil {
			t.Fatal(err)
		}
		e := wantRefusal(t, respond(w, v, c), ReasonReplayed)
		if e.BeforeAuth {
			t.Error("before authentication")
		}
	})
	t.Run("abandoned", func(t *testing.T) {
		w := newWorld(t)
		message, c := plainOffer(alice, MIKEYPSK)(w)
		v := w.verified(message, c)
		v.Abandon()
		wantRefusal(t, respond(w, v, c), ReasonReplayed)
	})
	t.Run("another room", func(t *testing.T) {
		w := newWorld(t)
		message, c := plainOffer(alice, MIKEYPSK)(w)
		v := w.verified(message, c)
		c.Local = "sip:red@" + testDomain
		wantRefusal(t, respond(w, v, c), ReasonWrongIdentity)
	})
	t.Run("policy changed", func(t *testing.T) {
		w := newWorld(t)
		message, c := plainOffer(alice, MIKEYDH)(w)
		changes := map[Reason]func(*Policy){
			ReasonMethodRefused: func(p *Policy) { p.Methods = []Method{MIKEYPSK} },
			ReasonNoCommonSuite: func(p *Policy) { p.Suites = []Suite{AESCM128SHA1x80} },
			ReasonNoCommonGroup: func(p *Policy) { p.Groups = []Group{MODP3072} },
		}
		for reason, change := range changes {
			v := w.verified(message, c)
			later := answered()
			change(later.Policy)
			wantRefusal(t, respond(w, v, later), reason)
		}
		if w.pool.Done() != 0 || w.replay.Len() != 0 {
			t.Error("it cost something")
		}
	})
	t.Run("grown stale", func(t *testing.T) {
		w := newWorld(t)
		message, c := plainOffer(alice, MIKEYDH)(w)
		v := w.verified(message, c)
		w.clock.move(2 * defaultSkew)
		wantRefusal(t, respond(w, v, c), ReasonStale)
		if w.pool.Done() != 0 {
			t.Error("it cost Diffie-Hellman")
		}
	})
	t.Run("keys seen before", func(t *testing.T) {
		// A replay cache that was lost, and a clock that did not move: only the guard is left.
		w := newWorld(t)
		message, c := plainOffer(alice, MIKEYPSK)(w)
		if err := respond(w, w.verified(message, c), c); err != nil {
			t.Fatal(err)
		}
		w.restart(nil)
		wantRefusal(t, respond(w, w.verified(message, c), c), ReasonKeyReuse)
	})
}

// TestBusy holds that a pool whose workers stay busy turns an offer away without remembering it.
func TestBusy(t *testing.T) {
	w := newWorld(t)
	message, c := plainOffer(alice, MIKEYDH)(w)
	w.pool = NewPool(PoolConfig{Workers: 1, Queue: 1, Deadline: time.Millisecond})
	w.restart(nil)
	held, err := w.pool.reserve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	v := w.verified(message, c)
	_, _, err = w.server.Respond(t.Context(), v, c)
	wantRefusal(t, err, ReasonBusy)
	if w.replay.Len() != 0 || w.pool.Done() != 0 {
		t.Error("it was remembered or cost something")
	}
	held.release()
	w.server.pool = NewPool(PoolConfig{Deadline: time.Minute}) // patient, for a slow machine
	if _, _, err := w.server.Respond(t.Context(), w.verified(message, c), c); err != nil {
		t.Error(err)
	}
}

// TestErrorsAreQuiet holds that what peers can provoke never carries octets of theirs or of keys into errors.
func TestErrorsAreQuiet(t *testing.T) {
	for _, c := range refusals() {
		w := newWorld(t)
		message, call := c.make(w)
		_, err := w.server.Verify(Attributes{MIKEY: message}, call)
		for _, secret := range []string{string(testPSK(alice).Bytes()), fmt.Sprintf("%x", testPSK(alice).Bytes()), "alice", "blue"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: %v", c.name, err)
			}
		}
	}
}
