package server

import (
	"errors"
	"math"
	"testing"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/server/store"
)

// TestCallOut: the server calls a device by whatever name, into a room that is locked, to a seat of its own; by the method that was asked for.
func TestCallOut(t *testing.T) {
	t.Parallel()
	s := serveTest(t, "rooms: {permanent: [{name: hall, locked: true}]}\n")
	ann := enrolled(t, s, NewAccount{Name: "ann"})
	m := newMobile(t, s, ann, "phone")
	m.register()
	for _, ask := range []CallRequest{{URI: ann.URI}, {URI: m.uri(), Keying: "mikey-dh"}, {URI: m.uri(), Account: "Ann", Keying: "mikey-psk"}} {
		move, err := s.CallOut(t.Context(), "hall", ask)
		if err != nil || move.How != "dial" || move.Account != "ann" {
			t.Fatalf("%+v: %+v, %v", ask, move, err)
		}
		leg := taken(t, m.legs)
		until(t, "the call stands", func() bool { v, err := s.Move(move.ID); return err == nil && v.State == moveDone })
		v := seated(t, s, "hall")
		if v.ID != move.Seat || v.Account != "ann" || v.Leg.Keying.PeerIdentity != ann.URI {
			t.Errorf("%+v: seated %+v on %+v", ask, v, v.Leg)
		}
		if ask.Keying != "" && v.Leg.Keying.Method != ask.Keying {
			t.Errorf("%+v: keyed by %s", ask, v.Leg.Keying.Method)
		}
		if err := leg.Hangup(t.Context(), "hangup"); err != nil {
			t.Error(err)
		}
		until(t, "the seat is free", func() bool { seats, err := s.Seats(t.Context(), "hall"); return err == nil && len(seats) == 0 })
	}
	if n := measured(t, s)[`conclave_moves_total{how="dial",result="done"}`]; n != 3 {
		t.Errorf("counted %v", n)
	}
}

// TestCallOutThatFails: a device that refuses, or rings until somebody gives up, leaves no seat and no call in the books.
func TestCallOutThatFails(t *testing.T) {
	t.Parallel()
	s := serveTest(t, "rooms: {permanent: [{name: hall}]}\n")
	ann := enrolled(t, s, NewAccount{Name: "ann"})
	m := newMobile(t, s, ann, "phone")
	m.register()
	fails := func(status int32, reason string, giveUp func(MoveView) error) {
		t.Helper()
		m.status.Store(status)
		move, err := s.CallOut(t.Context(), "hall", CallRequest{URI: ann.URI})
		if err != nil {
			t.Fatal(err)
		}
		if giveUp != nil {
			taken(t, m.rings)
			if err := giveUp(move); err != nil {
				t.Fatal(err)
			}
		}
		until(t, "the call has failed", func() bool {
			v, err := s.Move(move.ID)
			return err == nil && v.State == moveFailed && v.Reason == reason
		})
		until(t, "nothing is left of it", func() bool { return s.ledger.total() == 0 })
	}
	fails(486, failRefused, nil)
	fails(180, failGone, func(move MoveView) error { return s.HangUp(t.Context(), "hall", move.Seat) })
	if _, err := s.CreateRoom(t.Context(), NewRoom{Name: "board"}); err != nil {
		t.Fatal(err)
	}
	m.status.Store(180)
	move, err := s.CallOut(t.Context(), "board", CallRequest{URI: ann.URI})
	if err != nil {
		t.Fatal(err)
	}
	taken(t, m.rings)
	if err := s.DeleteRoom(t.Context(), "board"); err != nil {
		t.Fatal(err)
	}
	until(t, "the call ends with its room", func() bool {
		v, err := s.Move(move.ID)
		return err == nil && v.State == moveFailed && s.ledger.total() == 0
	})
}

func TestCallOutRefusals(t *testing.T) {
	t.Parallel()
	s := serveTest(t, "rooms: {permanent: [{name: hall, max_seats: 1}, {name: full, max_seats: 1}]}\nlimits: {calls_per_account: 1}\n")
	for _, name := range []string{"ann", "ben", "gone"} {
		enrolled(t, s, NewAccount{Name: name})
		if err := s.accounts.update(name, func(acc *store.Account) error {
			acc.Devices = []store.Device{{Name: "own", URI: "sip:" + name + "@192.0.2.7"}, {Name: "shared", URI: "sip:desk@192.0.2.8"}}
			acc.Disabled = name == "gone"
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	for name, test := range map[string]struct {
		room string
		ask  CallRequest
		want error
	}{
		"no room":                     {"nowhere", CallRequest{URI: "sip:ann@192.0.2.7"}, ErrUnknownRoom},
		"a device of several":         {"hall", CallRequest{URI: "sip:desk@192.0.2.8"}, ErrNotADevice},
		"a stranger's":                {"hall", CallRequest{URI: "sip:premium@198.51.100.1"}, ErrNotADevice},
		"of an account that is off":   {"hall", CallRequest{URI: "sip:gone@192.0.2.7"}, ErrNotADevice},
		"of another account":          {"hall", CallRequest{URI: "sip:ann@192.0.2.7", Account: "ben"}, ErrNotADevice},
		"a room":                      {"hall", CallRequest{URI: s.uri("full")}, ErrNotADevice},
		"an account without a device": {"hall", CallRequest{URI: s.uri("ann")}, ErrNotADevice},
		"no URI":                      {"hall", CallRequest{URI: "tel:+4930123456"}, ErrNotADevice},
		"SDES in the clear":           {"hall", CallRequest{URI: "sip:ann@192.0.2.7", Keying: "sdes"}, ErrNoMethod},
	} {
		if v, err := s.CallOut(t.Context(), test.room, test.ask); !errors.Is(err, test.want) {
			t.Errorf("%s: %+v, %v", name, v, err)
		}
	}
	if n := s.ledger.total(); n != 0 {
		t.Errorf("%d calls are in the books", n)
	}
	phone := newMobile(t, s, enrolled(t, s, NewAccount{Name: "cat"}), "phone")
	phone.register()
	phone.joins("full")
	for what, test := range map[string]struct{ room, uri string }{"a full room": {"full", "sip:ann@192.0.2.7"}, "an account with its calls": {"hall", s.uri("cat")}} {
		if v, err := s.CallOut(t.Context(), test.room, CallRequest{URI: test.uri}); !errors.Is(err, ErrCallLimit) {
			t.Errorf("%s: %+v, %v", what, v, err)
		}
	}
}

func TestPlace(t *testing.T) {
	for name, test := range map[string]struct {
		ask  PositionPatch
		want Position
		ok   bool
	}{
		"ahead":      {PositionPatch{Azimuth: new(0.0)}, Position{Y: 1}, true},
		"right":      {PositionPatch{Azimuth: new(90.0)}, Position{X: 1, Azimuth: 90}, true},
		"left":       {PositionPatch{X: new(-2.0), Y: new(0.0), Z: new(1.0)}, Position{X: -2, Z: 1, Azimuth: -90}, true},
		"both":       {PositionPatch{Azimuth: new(0.0), X: new(1.0), Y: new(1.0), Z: new(1.0)}, Position{}, false},
		"a half":     {PositionPatch{X: new(1.0), Y: new(1.0)}, Position{}, false},
		"nothing":    {PositionPatch{}, Position{}, false},
		"no number":  {PositionPatch{X: new(math.NaN()), Y: new(1.0), Z: new(1.0)}, Position{}, false},
		"all around": {PositionPatch{Azimuth: new(181.0)}, Position{}, false},
	} {
		got, ok := test.ask.Place()
		if far := math.Abs(got.X-test.want.X) + math.Abs(got.Y-test.want.Y) + math.Abs(got.Z-test.want.Z) + math.Abs(got.Azimuth-test.want.Azimuth); ok != test.ok || far > 1e-9 {
			t.Errorf("%s: %+v, %v", name, got, ok)
		}
	}
}

// TestHandoverNeedsARunningKey: where a policy hands on the running TGK, a call to a new seat has none, and goes by the policy's own order.
func TestHandoverNeedsARunningKey(t *testing.T) {
	t.Parallel()
	s := serveTest(t, "policies: {standard: {methods: [mikey-dh, mikey-psk], forward_secrecy: preferred, move_tgk: running}}\nrooms: {permanent: [{name: hall}]}\n")
	ann := enrolled(t, s, NewAccount{Name: "ann"})
	m := newMobile(t, s, ann, "phone")
	m.register()
	if _, err := s.CallOut(t.Context(), "hall", CallRequest{URI: ann.URI}); err != nil {
		t.Fatal(err)
	}
	taken(t, m.legs)
	if v := seated(t, s, "hall"); v.Leg.Keying.Method != string(keying.MIKEYDH) {
		t.Errorf("keyed by %s", v.Leg.Keying.Method)
	}
}
