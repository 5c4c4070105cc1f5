package server

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync/atomic"
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

// TestPhoneHangsUpAtOnce: a device that takes the call and ends it before it was heard leaves the seat where it was.
func TestPhoneHangsUpAtOnce(t *testing.T) {
	t.Parallel()
	p := newPair(t, "")
	p.phone.mute.Store(true)
	moving := make(chan error, 1)
	go func() { moving <- p.old.Refer(t.Context(), p.phone.uri()) }()
	leg := taken(t, p.phone.legs)
	if err := leg.Hangup(t.Context(), "hangup"); err != nil {
		t.Fatal(err)
	}
	var refused *legs.Refused
	if err := taken(t, moving); !errors.As(err, &refused) {
		t.Errorf("the referral ends with %v", err)
	}
	p.same(t)
	if n := p.failed(t, byReferral, moveDone); n != 0 {
		t.Errorf("%v moves are done", n)
	}
}

// TestByeAtOnce: a device that takes the call and hangs up with the octets of its answer just sent, or of our ACK just read, has hung up: its BYE is
// of a dialog that we know, and the move waits for no sound of it.
func TestByeAtOnce(t *testing.T) {
	for _, behind := range []string{"SIP/2.0 200 ", "ACK "} {
		t.Run("behind "+strings.TrimSpace(behind), func(t *testing.T) {
			t.Parallel()
			p := newPair(t, "")
			p.waits.Store(&patience{ring: e2ePatience, call: e2ePatience, heard: e2ePatience, turn: e2ePatience})
			on := newRelay(t, p.Server)
			var once atomic.Bool
			byes := make(chan int, 1)
			adds := func(m string) string {
				r := reply{text: m}
				number, method, _ := strings.Cut(r.field("CSeq"), " ")
				if line := statusLine.FindStringSubmatch(m); line != nil && number == "77" {
					status, _ := strconv.Atoi(line[1])
					select {
					case byes <- status:
					default: // the same once more
					}
				}
				if !strings.HasPrefix(m, behind) || method != "INVITE" && method != "ACK" || !strings.Contains(r.field("From"), "hall") || once.Swap(true) {
					return ""
				}
				at := on.conn.LocalAddr().String()
				return strings.Join([]string{
					"BYE sip:hall@" + on.server.String() + " SIP/2.0", "Via: SIP/2.0/UDP " + at + ";branch=z9hG4bK" + word(), "Max-Forwards: 70",
					"From: " + r.field("To"), "To: " + r.field("From"), "Call-ID: " + r.field("Call-ID"), "CSeq: 77 BYE", "Content-Length: 0", "", "",
				}, "\r\n")
			}
			on.mu.Lock()
			on.adds = adds
			on.mu.Unlock()
			p.phone.via = on.conn.LocalAddr().String()
			p.phone.mute.Store(true)
			p.phone.register()
			moving := make(chan error, 1)
			go func() { moving <- p.old.Refer(t.Context(), p.phone.uri()) }()
			if status := taken(t, byes); status != 200 {
				t.Errorf("the BYE is answered %d", status)
			}
			var refused *legs.Refused
			if err := taken(t, moving); !errors.As(err, &refused) || refused.Status != 487 {
				t.Errorf("the referral ends with %v", err)
			}
			if p.failed(t, byReferral, failEnded) != 1 {
				t.Errorf("counted %v", measured(t, p.Server))
			}
			p.same(t)
		})
	}
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
