package mikey

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

// TestOldTime: what was answered is refused ever after, as is our own message sent back to us; and nothing of ours bears a T
// that anybody has used.
func TestOldTime(t *testing.T) {
	for _, b := range bundles(t, PRFSHA1) {
		for _, refresh := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s refresh=%v", b.name, refresh), func(t *testing.T) {
				p := b.alice.params(t, b.bob)
				p.NoKey = refresh
				i := b.alice.begin(t, p, b.group)
				if _, err := b.alice.initiate(p, b.group); !errors.Is(err, ErrOldTime) {
					t.Errorf("two messages of ours with one T: %v", err)
				}
				reflected := *b.alice
				reflected.peer = b.bob.peer // even with our own key
				if _, err := reflected.authenticate(mustParse(t, i.Message())); !errors.Is(err, ErrOldTime) {
					t.Errorf("our own message sent back: %v", err)
				}
				one, err1 := b.bob.authenticate(mustParse(t, i.Message()))
				two, err2 := b.bob.authenticate(mustParse(t, i.Message())) // a retransmission, not yet answered
				if err := errors.Join(err1, err2); err != nil {
					t.Fatal(err)
				}
				q := b.bob.params(t, b.alice)
				q.Time = p.Time
				if _, err := b.bob.initiate(q, b.group); !errors.Is(err, ErrOldTime) {
					t.Errorf("ours with the T of a peer's message that was not answered: %v", err)
				}
				_, r, err := one.Answer(b.bob.answer())
				if err != nil {
					t.Fatal(err)
				}
				if _, _, err := two.Answer(b.bob.answer()); !errors.Is(err, ErrOldTime) {
					t.Errorf("answered twice: %v", err)
				}
				if _, err := b.bob.authenticate(mustParse(t, i.Message())); !errors.Is(err, ErrOldTime) {
					t.Errorf("replayed: %v", err)
				}
				if err := i.Authenticate(mustParse(t, r), b.alice.peer); err != nil {
					t.Fatal(err)
				}
				if _, err := i.Complete(); err != nil {
					t.Fatal(err)
				}
				for _, back := range []time.Duration{0, 1, time.Second} {
					p.Time = p.Time.Add(-back)
					if _, err := b.alice.initiate(p, b.group); !errors.Is(err, ErrOldTime) {
						t.Errorf("ours, %v old: %v", back, err)
					}
				}
			})
		}
	}
}

// TestOldTimeOfAnotherState: an update made under an earlier state of the bundle does not pass a later one, which shares the clock.
func TestOldTimeOfAnotherState(t *testing.T) {
	for _, b := range bundles(t, PRFSHA1) {
		t.Run(b.name, func(t *testing.T) {
			early := b.alice.begin(t, b.alice.params(t, b.bob), b.group)
			late := b.alice.begin(t, b.alice.params(t, b.bob), b.group)
			resp, err := b.bob.authenticate(mustParse(t, late.Message()))
			if err != nil {
				t.Fatal(err)
			}
			y, r, err := resp.Answer(b.bob.answer())
			if err != nil {
				t.Fatal(err)
			}
			for _, csb := range []*CSB{b.bob.csb, y.CSB()} {
				bob := *b.bob
				bob.csb = csb
				if _, err := bob.authenticate(mustParse(t, early.Message())); !errors.Is(err, ErrOldTime) || NumberOf(err) != InvalidTS {
					t.Errorf("an older update after a later one: %v", err)
				}
			}
			if err := late.Authenticate(mustParse(t, r), b.alice.peer); err != nil {
				t.Fatal(err)
			}
			// Meanwhile bob's came and was answered: R to the earlier one of ours is too late.
			q := b.bob.params(t, b.alice)
			q.Time = q.Time.Add(time.Second)
			i := b.bob.begin(t, q, b.group)
			resp, err = b.alice.authenticate(mustParse(t, i.Message()))
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := resp.Answer(b.alice.answer()); err != nil {
				t.Fatal(err)
			}
			if _, err := late.Complete(); !errors.Is(err, ErrOldTime) {
				t.Errorf("overtaken: %v", err)
			}
		})
	}
}

// TestStatesShareTheClock: what one state of a bundle used or took, no other uses or takes; an earlier one may still be held by
// whoever has not heard of the update yet.
func TestStatesShareTheClock(t *testing.T) {
	for _, b := range bundles(t, PRFSHA1) {
		t.Run(b.name, func(t *testing.T) {
			later := func(p *party, other *party, by time.Duration) Params {
				params := p.params(t, other)
				params.Time = params.Time.Add(by)
				return params
			}
			i := b.alice.begin(t, later(b.alice, b.bob, time.Second), b.group)
			open := b.alice.begin(t, later(b.alice, b.bob, time.Second), b.group) // ours, never answered
			x, y := b.answered(t, i)
			alice, bob := *b.alice, *b.bob
			alice.csb, bob.csb = x.CSB(), y.CSB()
			if _, err := alice.authenticate(mustParse(t, open.Message())); !errors.Is(err, ErrOldTime) {
				t.Errorf("ours of an earlier state, sent back: %v", err)
			}
			p := later(&alice, &bob, time.Minute)
			next := alice.begin(t, p, b.group)
			p.Prior = b.alice.csb
			if _, err := b.alice.initiate(p, b.group); !errors.Is(err, ErrOldTime) {
				t.Errorf("a T that a later state used: %v", err)
			}
			resp, err := bob.authenticate(mustParse(t, next.Message()))
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := resp.Answer(bob.answer()); err != nil {
				t.Fatal(err)
			}
			if _, err := b.bob.authenticate(mustParse(t, next.Message())); !errors.Is(err, ErrOldTime) {
				t.Errorf("what a later state took: %v", err)
			}
		})
	}
}
