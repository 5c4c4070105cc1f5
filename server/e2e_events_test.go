package server

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// ear takes the events of a server one by one.
type ear struct {
	*Subscription
	some []Event
}

// listen listens until the test ends.
func listen(t *testing.T, s *Server) *ear {
	t.Helper()
	u := &ear{Subscription: s.Subscribe(LatestEvent)}
	t.Cleanup(u.Close)
	return u
}

// one waits for the next event.
func one(t *testing.T, u *ear) Event {
	t.Helper()
	if len(u.some) == 0 {
		ctx, cancel := context.WithTimeout(t.Context(), e2ePatience)
		defer cancel()
		var err error
		if u.some, err = u.Next(ctx); err != nil {
			t.Fatal(err)
		}
	}
	e := u.some[0]
	u.some = u.some[1:]
	return e
}

// heardUntil collects events up to the first of a type, and writes each in short.
func heardUntil(t *testing.T, u *ear, last string) (all []Event, short []string) {
	t.Helper()
	for {
		e := one(t, u)
		all = append(all, e)
		short = append(short, strings.TrimSpace(fmt.Sprint(e.Type, " ", e.Room, " ", e.Account)))
		if e.Type == last {
			return all, short
		}
	}
}

// TestEventsOfACall: from the account to the end of the room, everything is told, in its order, and of the seat that it is about.
func TestEventsOfACall(t *testing.T) {
	s := serveTest(t, "policies: {standard: {methods: [mikey-dh, sdes]}}\nrooms: {empty_for: 1s}")
	u := listen(t, s)
	desk := enrolled(t, s, NewAccount{Name: "desk"})
	p := newPhone(t, s)
	o, seat := p.joins(attempt{room: "hall", transport: "tls", as: desk})
	muted := true
	if _, err := s.PatchSeat(t.Context(), "hall", seat.ID, SeatPatch{Muted: &muted}); err != nil {
		t.Fatal(err)
	}
	if err := o.dialog.Bye(t.Context()); err != nil {
		t.Fatal(err)
	}
	all, short := heardUntil(t, u, EventRoomClosed)
	want := []string{
		"account.created  desk", "room.opened hall", "seat.joined hall desk", "leg.state hall desk", "seat.changed hall desk",
		"leg.state hall desk", "seat.left hall desk", "room.closed hall",
	}
	if !slices.Equal(short, want) {
		t.Fatalf("told %q,\nwant %q", short, want)
	}
	for _, e := range all[2:7] {
		if e.Seat != seat.ID {
			t.Errorf("%s is about seat %q, want %q", e.Type, e.Seat, seat.ID)
		}
	}
	if leg := all[3].Data.(LegState); leg.Leg != seat.Leg.ID || leg.State != "confirmed" || leg.Method != "sdes" || leg.Suite == "" || leg.Transport != "tls" {
		t.Errorf("the leg is told as %+v", leg)
	}
	if last := all[5].Data.(LegState); last.State != "ended" || last.Reason != "bye" {
		t.Errorf("its end is told as %+v", last)
	}
	if st := all[4].Data.(SeatState); !st.Muted {
		t.Errorf("the change is told as %+v", st)
	}
	secrets := []string{string(desk.Digest.Password.Bytes()), o.crypto[len("AES_CM_128_HMAC_SHA1_80 inline:"):]}
	for _, e := range all {
		text := string(e.JSON())
		if !json.Valid(e.JSON()) || slices.ContainsFunc(secrets, func(secret string) bool { return strings.Contains(text, secret) }) {
			t.Errorf("%s", text)
		}
	}
}

// TestEventsOfRefusals: who is refused is told with the reason, without a port; a challenge is no refusal.
func TestEventsOfRefusals(t *testing.T) {
	s := serveTest(t, "rooms: {on_demand: false}\npolicies: {standard: {methods: [mikey-dh, sdes]}}")
	u := listen(t, s)
	desk := enrolled(t, s, NewAccount{Name: "desk"})
	if o := newPhone(t, s).call(attempt{room: "hall", transport: "tls", as: desk}); o.status < 400 {
		t.Fatalf("taken: %d", o.status)
	}
	all, short := heardUntil(t, u, EventCallRefused)
	if len(all) != 2 {
		t.Errorf("told %q", short)
	}
	if d := all[1].Data.(Refusal); d.Status != 404 || d.Reason != "no_room" || d.Source != "127.0.0.1" || d.Transport != "tls" || d.Method != "INVITE" {
		t.Errorf("told as %+v", d)
	}
}

// TestEventsOfAMove: a move is told when it begins and when it is done, and the seat stays; so is who speaks, once each.
func TestEventsOfAMove(t *testing.T) {
	s := serveTest(t, "")
	ann := enrolled(t, s, NewAccount{Name: "ann"})
	laptop, phone := newMobile(t, s, ann, "laptop"), newMobile(t, s, ann, "phone")
	phone.register()
	u := listen(t, s)
	old, seat := laptop.joins("hall")
	all, short := heardUntil(t, u, EventSeatSpeaking)
	if last := all[len(all)-1]; last.Seat != seat.ID || last.Data.(Speaking) != (Speaking{true}) {
		t.Errorf("told %q, last %+v", short, last)
	}
	if err := old.Refer(t.Context(), phone.uri()); err != nil {
		t.Fatal(err)
	}
	taken(t, old.ended)
	all, short = heardUntil(t, u, EventMoveDone)
	if first := all[0]; first.Type != EventMoveBegun || first.Seat != seat.ID || first.Account != "ann" || first.Data.(MoveState).How != string(byReferral) {
		t.Errorf("told %q, first %+v", short, first)
	}
	if slices.Contains(short, "seat.left hall ann") || slices.Contains(short, "seat.joined hall ann") {
		t.Errorf("told %q", short)
	}
	phone.mute.Store(true)
	all, short = heardUntil(t, u, EventSeatSpeaking)
	if last := all[len(all)-1]; last.Data.(Speaking) != (Speaking{false}) {
		t.Errorf("told %q, last %+v", short, last)
	}
}

// TestEventsOfDevices: a device is told when it comes and when it goes, not when it repeats itself.
func TestEventsOfDevices(t *testing.T) {
	r, at := newTestRegistrar(maxBindings)
	var told []string
	r.publish = func(e Event) { told = append(told, e.Type+" "+e.Account) }
	register := func(cseq uint32, texts ...string) {
		t.Helper()
		if _, err := r.register(r.asks(t, "call", cseq, texts...)); err != nil {
			t.Fatal(err)
		}
	}
	register(1, "sip:a@192.0.2.7")
	register(2, "sip:a@192.0.2.7")
	register(3, "-sip:a@192.0.2.7", "sip:b@192.0.2.7")
	*at = at.Add(2 * time.Hour)
	r.total() // whoever comes next throws out what has expired
	register(4, "sip:b@192.0.2.7")
	r.forget("alice")
	const came, went = "device.registered alice", "device.gone alice"
	if want := []string{came, came, went, went, came, went}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}

// TestLookout: that the node sheds, and is full, is told once each; nothing is, where it stays as it was.
func TestLookout(t *testing.T) {
	s := serveTest(t, "")
	u := listen(t, s)
	l := lookout{server: s}
	for _, step := range []struct {
		shed int
		full bool
	}{{0, false}, {2, false}, {2, true}, {2, true}, {0, false}} {
		l.look(step.shed, step.full)
	}
	var got []any
	for range 4 {
		got = append(got, one(t, u).Data)
	}
	if want := []any{NodeShed{2}, NodeFull{true}, NodeShed{0}, NodeFull{false}}; !slices.Equal(got, want) {
		t.Errorf("told %v, want %v", got, want)
	}
}
