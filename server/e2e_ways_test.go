package server

import (
	"net/netip"
	"testing"

	"github.com/conclave/conclave/legs/dialog"
)

// TestMoveByTargetDialog: a device that is in no call has the seat of another one moved to a third, all of one account; it wants to hear
// nothing of it.
func TestMoveByTargetDialog(t *testing.T) {
	s := serveTest(t, "")
	ann := enrolled(t, s, NewAccount{Name: "ann"})
	laptop, watch, phone := newMobile(t, s, ann, "laptop"), newMobile(t, s, ann, "watch"), newMobile(t, s, ann, "phone")
	phone.register()
	old, seat := laptop.joins("hall")
	callID, local, remote := old.Dialog().Tags()
	resp, err := watch.endpoint.Request(t.Context(), dialog.Outgoing{
		Method: "REFER", URI: s.uri("hall"), From: ann.URI, To: s.uri("hall"), Destination: s.SIPAddress("udp").String(),
		Username: ann.Digest.Username, Password: string(ann.Digest.Password.Bytes()), Realm: ann.Digest.Realm,
		Header: []dialog.HeaderField{
			{Name: "Refer-To", Value: "<" + phone.uri() + ">"}, {Name: "Refer-Sub", Value: "false"}, {Name: "Supported", Value: "norefersub"},
			{Name: "Target-Dialog", Value: dialog.TargetDialog{CallID: callID, LocalTag: remote, RemoteTag: local}.String()},
		},
	})
	if err != nil || resp.Status != 200 {
		t.Fatalf("%+v %v", resp, err)
	}
	taken(t, phone.legs)
	taken(t, old.ended)
	if now := seated(t, s, "hall"); now.ID != seat.ID || now.Leg.ID == seat.Leg.ID {
		t.Errorf("the seat is %+v on %+v, was %+v", now, now.Leg, seat)
	}
}

// TestRoams: a device that changes its address goes on in the same leg, with the keys that run, whether it says so or not.
func TestRoams(t *testing.T) {
	for name, announced := range map[string]bool{"announced": true, "unannounced": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serveTest(t, "")
			laptop := newMobile(t, s, enrolled(t, s, NewAccount{Name: "ann"}), "laptop")
			leg, seat := laptop.joins("hall")
			away := netip.MustParseAddr("127.0.0.2")
			until(t, "the call is not new any more", func() bool { return leg.Stream().Snapshot().PacketsReceived > 75 })
			if announced {
				if err := laptop.endpoint.Rebind(netip.AddrPortFrom(away, 0).String()); err != nil {
					t.Fatal(err)
				}
			}
			if err := leg.Roam(t.Context(), away, announced); err != nil {
				t.Fatal(err)
			}
			until(t, "the server sends there", func() bool { return seated(t, s, "hall").Leg.MediaAddr == leg.Stream().LocalAddr().String() })
			before := leg.Stream().Snapshot().PacketsReceived
			until(t, "the device hears", func() bool { return leg.Stream().Snapshot().PacketsReceived > before+10 })
			c := s.calls.all()[0]
			until(t, "the device has proven where it is", func() bool { return c.leg.Terms().Remote.Addr() == away })
			if now := seated(t, s, "hall"); now.Leg.ID != seat.Leg.ID || now.Leg.Keying.CSBID != seat.Leg.Keying.CSBID || now.Leg.Keying.Rekeys != 0 {
				t.Errorf("now %+v, was %+v", now.Leg, seat.Leg)
			}
			if at := netip.MustParseAddrPort(seated(t, s, "hall").Leg.SignallingAddr).Addr(); (at == away) != announced {
				t.Errorf("requests go to %s", at)
			}
		})
	}
}

// TestReturns: who falls silent loses his leg, and finds his seat again by another device, as he left it.
func TestReturns(t *testing.T) {
	s := serveTest(t, "media: {timeout: 1s}\n")
	ann := enrolled(t, s, NewAccount{Name: "ann"})
	laptop, phone := newMobile(t, s, ann, "laptop"), newMobile(t, s, ann, "phone")
	old, seat := laptop.joins("hall")
	muted := true
	if _, err := s.PatchSeat(t.Context(), "hall", seat.ID, SeatPatch{Muted: &muted}); err != nil {
		t.Fatal(err)
	}
	laptop.mute.Store(true)
	taken(t, old.ended)
	until(t, "the seat is vacant", func() bool { v, err := s.Seat(t.Context(), "hall", seat.ID); return err == nil && v.Leg == nil })
	if _, now := phone.joins("hall"); now.ID != seat.ID || !now.Muted || !now.JoinedAt.Equal(seat.JoinedAt) {
		t.Errorf("the seat is %+v, was %+v", now, seat)
	}
}
