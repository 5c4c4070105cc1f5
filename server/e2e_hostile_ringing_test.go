package server

import (
	"context"
	"errors"
	"testing"

	"github.com/conclave/conclave/legs"
	"github.com/conclave/conclave/mixer"
)

// TestWhileThePhoneRings: what may become of a seat while a device is called that is to have it.
func TestWhileThePhoneRings(t *testing.T) {
	yes := true
	for _, c := range []struct {
		name   string
		meant  func(t *testing.T, p *pair)
		takes  int    // with which the phone answers then; 0: it takes the call, -1: it is not asked any more
		reason string // why the move failed; "": it did not
	}{
		{"the laptop hangs up, the phone takes the call", func(t *testing.T, p *pair) { p.gone(t) }, 0, ""},
		{"the laptop hangs up, the phone declines", func(t *testing.T, p *pair) { p.gone(t) }, 603, failRefused},
		{"the account is disabled", func(t *testing.T, p *pair) {
			if _, err := p.PatchAccount(t.Context(), "ann", AccountPatch{Disabled: &yes}); err != nil {
				t.Fatal(err)
			}
		}, 0, failKeying}, // it has no keys any more
		{"the account is deleted", func(t *testing.T, p *pair) {
			if err := p.DeleteAccount(t.Context(), "ann"); err != nil {
				t.Fatal(err)
			}
		}, 0, failKeying},
		{"an operator frees the seat", func(t *testing.T, p *pair) {
			if err := p.HangUp(t.Context(), "hall", p.seat.ID); err != nil {
				t.Fatal(err)
			}
		}, -1, failGone},
		{"an operator frees the seat after the laptop hung up", func(t *testing.T, p *pair) {
			p.gone(t)
			if err := p.HangUp(t.Context(), "hall", p.seat.ID); err != nil {
				t.Fatal(err)
			}
		}, -1, failGone},
		{"the room fails", func(_ *testing.T, p *pair) {
			r := p.rooms.find("hall")
			r.mix.Join(mixer.SeatConfig{}).Attach(broken{})
			<-r.finished
		}, -1, failGone},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t, "")
			p.rings(t)
			c.meant(t, p)
			if c.takes >= 0 {
				p.phone.status.Store(int32(c.takes))
				p.phone.answers <- struct{}{}
			}
			if c.reason != "" {
				until(t, "the move is over", func() bool { return len(p.journeys.slots) == 0 })
				if p.failed(t, byReferral, c.reason) != 1 {
					t.Errorf("counted %v", measured(t, p.Server))
				}
				p.free(t)
				return
			}
			leg := taken(t, p.phone.legs)
			until(t, "the move is done", func() bool { return p.failed(t, byReferral, moveDone) == 1 })
			if now := seated(t, p.Server, "hall"); now.ID != p.seat.ID || !now.Muted || now.Leg.ID == p.seat.Leg.ID {
				t.Errorf("the seat is %+v on %+v", now, now.Leg)
			}
			if err := leg.Hangup(t.Context(), "hangup"); err != nil {
				t.Error(err)
			}
			p.free(t)
		})
	}
}

// gone has the laptop hang up, and waits until its leg is no more.
func (p *pair) gone(t *testing.T) {
	t.Helper()
	if err := p.old.Hangup(t.Context(), "hangup"); err != nil {
		t.Fatal(err)
	}
	until(t, "the seat is without a leg", func() bool {
		v, err := p.Seat(t.Context(), "hall", p.seat.ID)
		return err == nil && v.Leg == nil
	})
}

// TestDeviceThatDiesInTheSeat: a device that got the seat and falls silent leaves it waiting, as it was, for whatever device of its owner
// comes next.
func TestDeviceThatDiesInTheSeat(t *testing.T) {
	t.Parallel()
	p := newPair(t, "media: {timeout: 1s}\n")
	if err := p.old.Refer(t.Context(), p.phone.uri()); err != nil {
		t.Fatal(err)
	}
	p.phone.mute.Store(true)
	until(t, "the seat waits", func() bool {
		v, err := p.Seat(t.Context(), "hall", p.seat.ID)
		return err == nil && v.Leg == nil && p.ledger.total() == 0
	})
	if _, now := p.laptop.joins("hall"); now.ID != p.seat.ID || !now.Muted {
		t.Errorf("came back to %+v", now)
	}
}

// TestServerStopsDuringMoves: a server that stops while a device rings, or stands and was not heard, leaves no call, no move and no
// goroutine of one, whichever way the move came about; serveTest looks at the calls.
func TestServerStopsDuringMoves(t *testing.T) {
	for name, begin := range map[string]func(t *testing.T, p *pair){
		"REFER": func(t *testing.T, p *pair) { p.rings(t) },
		"the API": func(t *testing.T, p *pair) {
			p.phone.status.Store(180)
			if _, err := p.MoveSeat(t.Context(), "hall", p.seat.ID, MoveRequest{Target: p.phone.uri()}); err != nil {
				t.Fatal(err)
			}
			taken(t, p.phone.rings)
		},
		"the API, the device calls": func(t *testing.T, p *pair) {
			if _, err := p.MoveSeat(t.Context(), "hall", p.seat.ID, MoveRequest{Target: p.phone.uri(), Via: "send"}); err != nil {
				t.Fatal(err)
			}
			taken(t, p.phone.refers)
		},
		"Replaces": func(t *testing.T, p *pair) {
			p.phone.mute.Store(true)
			if _, err := p.phone.call("hall", p.old.replaces()); err != nil {
				t.Fatal(err)
			}
		},
		"Replaces, meanwhile": func(_ *testing.T, p *pair) { go func() { _, _ = p.phone.call("hall", p.old.replaces()) }() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var s *Server
			t.Cleanup(func() { // after the server has ended
				if n := len(s.journeys.slots); n != 0 || len(s.calls.all()) != 0 {
					t.Errorf("%d moves and %d dialogs are left", n, len(s.calls.all()))
				}
			})
			p := newPair(t, "")
			s = p.Server
			begin(t, p)
		})
	}
}

// TestTooManyMoves: a call that would move a seat while too many are under way is sent away, and leaves the seat free to move.
func TestTooManyMoves(t *testing.T) {
	t.Parallel()
	p := newPair(t, "")
	hold := make(chan struct{})
	for p.journeys.begin(func(context.Context) { <-hold }) {
	}
	var refused *legs.Refused
	if _, err := p.phone.call("hall", p.old.replaces()); !errors.As(err, &refused) || refused.Status != 503 {
		t.Errorf("Replaces: %v", err)
	}
	if err := p.old.Refer(t.Context(), p.phone.uri()); !errors.As(err, &refused) || refused.Status != 503 {
		t.Errorf("REFER: %v", err)
	}
	close(hold)
	until(t, "there is room", func() bool { return len(p.journeys.slots) == 0 })
	p.same(t)
	if n := p.ledger.total(); n != 1 {
		t.Errorf("%d calls are counted", n)
	}
	if err := p.old.Refer(t.Context(), p.phone.uri()); err != nil {
		t.Error(err)
	}
}
