package loadtest_test

import (
	"errors"
	"testing"

	"github.com/conclave/conclave/admin/client"
	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs"
)

// seatOf finds an account's seat by REST; it is there once the ACK has come.
func (h *house) seatOf(room, account string) (seat client.Seat) {
	h.t.Helper()
	eventually(h.t, account+" has a seat", func() bool {
		seats, err := h.api.Seats(within(h.t), room)
		if err != nil {
			h.t.Fatal(err)
		}
		for _, s := range seats {
			if s.Account == account && s.Leg != nil {
				seat = s
				return true
			}
		}
		return false
	})
	return seat
}

// TestControl: what people and other programs do to a call that stands.
func TestControl(t *testing.T) {
	h := serve(t, "")
	b := newBooth(h)
	ann, ben := b.call(h.account("ann", "ecdsa"), "talk", keying.MIKEYPSK), b.call(h.account("ben", "rsa"), "talk", keying.MIKEYDH)
	ann.hears()
	ben.hears()
	yes, no := true, false

	t.Run("views", func(t *testing.T) {
		seat := h.seatOf("talk", "ben")
		terms := ben.leg.Terms()
		if seat.Leg.State != "confirmed" || seat.Leg.Transport != "udp" || seat.Leg.Codec != "pcmu" || seat.Leg.Keying.Method != "mikey-dh" ||
			seat.Leg.Keying.Suite != string(terms.Posture.Suite) || seat.Leg.Keying.CSBID != terms.Posture.CSBID || seat.Leg.Keying.PeerFingerprint == "" {
			t.Errorf("leg %+v, agreed %+v", seat.Leg, terms.Posture)
		}
		if seat.Leg.MediaAddr != ben.leg.Stream().LocalAddr().String() {
			t.Errorf("media goes to %s, the phone is at %s", seat.Leg.MediaAddr, ben.leg.Stream().LocalAddr())
		}
		eventually(t, "both speak", func() bool {
			r, err := h.api.Room(within(t), "talk")
			return err == nil && len(r.Speaking) == 2 && r.Seats == 2 && r.Weakest != nil && r.Weakest.Method == "mikey-psk"
		})
	})

	t.Run("mute", func(t *testing.T) {
		seat := h.seatOf("talk", "ann")
		if s, err := h.api.PatchSeat(within(t), "talk", seat.ID, client.SeatPatch{Muted: &yes}); err != nil || !s.Muted {
			t.Fatalf("%v %+v", err, s)
		}
		ben.hearsNobody()
		ann.hears()
		if _, err := h.api.PatchSeat(within(t), "talk", seat.ID, client.SeatPatch{Muted: &no, Deaf: &yes}); err != nil {
			t.Fatal(err)
		}
		ben.hears()
		ann.hearsNobody()
		if _, err := h.api.PatchSeat(within(t), "talk", seat.ID, client.SeatPatch{Deaf: &no}); err != nil {
			t.Fatal(err)
		}
		ann.hears()
	})

	t.Run("hold and resume", func(t *testing.T) {
		for _, p := range []*phone{ann, ben} {
			before := *p.leg.Terms()
			if err := p.leg.Hold(within(t), true); err != nil {
				t.Fatal(err)
			}
			p.hearsNobody()
			if s := h.seatOf("talk", p.account); s.Leg.State != "held" {
				t.Errorf("%s's leg is %s on hold", p.account, s.Leg.State)
			}
			if err := p.leg.Hold(within(t), false); err != nil {
				t.Fatal(err)
			}
			p.hears()
			if s := h.seatOf("talk", p.account); s.Leg.State != "confirmed" || s.Leg.Keying.Rekeys != 0 || s.Leg.Keying.CSBID != before.Posture.CSBID {
				t.Errorf("%s's leg after the hold: %+v", p.account, s.Leg)
			}
			p.stands()
		}
		ann.hears()
		ben.hears()
	})

	t.Run("late offer and hold", func(t *testing.T) {
		p, err := b.try(h.account("lou", "ecdsa"), "talk", keying.MIKEYDH, true)
		if err != nil {
			t.Fatal(err)
		}
		p.hears()
		if err := p.leg.Hold(within(t), true); err != nil {
			t.Fatal(err)
		}
		p.hearsNobody()
		if err := p.leg.Hold(within(t), false); err != nil {
			t.Fatal(err)
		}
		p.hears()
		p.stands()
		p.hangUp()
		p.ends("hangup")
	})

	t.Run("hang up", func(t *testing.T) {
		p := b.call(h.account("eve", "ecdsa"), "talk", keying.MIKEYPSK)
		seat := h.seatOf("talk", "eve")
		if err := h.api.HangUp(within(t), "talk", seat.ID); err != nil {
			t.Fatal(err)
		}
		p.ends("bye")
		eventually(t, "the seat is gone", func() bool {
			_, err := h.api.Seat(within(t), "talk", seat.ID)
			var problem *client.Problem
			return errors.As(err, &problem) && problem.Status == 404
		})
	})

	t.Run("account deleted", func(t *testing.T) {
		bundle := h.account("old", "ecdsa")
		p := b.call(bundle, "talk", keying.MIKEYPSK)
		h.seatOf("talk", "old")
		if err := h.api.DeleteAccount(within(t), "old"); err != nil {
			t.Fatal(err)
		}
		p.ends("bye")
		for _, m := range []keying.Method{keying.MIKEYPSK, keying.MIKEYDH} {
			_, err := b.try(bundle, "talk", m, false)
			var refused *legs.Refused
			if !errors.As(err, &refused) || refused.Status != 401 {
				t.Errorf("a deleted account calls by %s: %v", m, err)
			}
		}
		eventually(t, "the seat is gone", func() bool {
			seats, err := h.api.Seats(within(t), "talk")
			return err == nil && len(seats) == 2
		})
	})

	t.Run("account disabled", func(t *testing.T) {
		bundle := h.account("lazy", "ecdsa")
		p := b.call(bundle, "talk", keying.MIKEYDH)
		if _, err := h.api.PatchAccount(within(t), "lazy", client.AccountPatch{Disabled: &yes}); err != nil {
			t.Fatal(err)
		}
		p.ends("bye")
		_, err := b.try(bundle, "talk", keying.MIKEYDH, false)
		var refused *legs.Refused
		if !errors.As(err, &refused) || refused.Status != 401 {
			t.Errorf("a disabled account calls: %v", err)
		}
		if _, err := h.api.PatchAccount(within(t), "lazy", client.AccountPatch{Disabled: &no}); err != nil {
			t.Fatal(err)
		}
		b.call(bundle, "talk", keying.MIKEYDH).hangUp()
	})

	t.Run("server stops", func(t *testing.T) {
		ann.hears()
		ben.hears()
		h.healthy()
		h.stop()
		ann.ends("bye")
		ben.ends("bye")
	})
}
