package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs"
	"github.com/conclave/conclave/server/gate"
	"github.com/conclave/conclave/server/store"
)

const deskYAML = `
policies: {open: {methods: [sdes]}, strict: {}}
rooms: {policy: open, permanent: [{name: hall}]}
trunks: [{name: desk, from: ["127.0.0.0/8"], transports: [udp], methods: [sdes], codecs: [pcmu], calls: 9}]
`

// TestRoomFromTheAPI: a room is what it was asked to be, for the calls that come.
func TestRoomFromTheAPI(t *testing.T) {
	s := serveTest(t, deskYAML)
	p := newPhone(t, s)
	v, err := s.CreateRoom(t.Context(), NewRoom{Name: "board", MaxSeats: 2, PIN: "0042"})
	if err != nil || v.MaxSeats != 2 || !v.PIN || !v.Permanent || v.Policy != "open" {
		t.Fatalf("%+v, %v", v, err)
	}
	call := attempt{room: "board", transport: "udp"}
	refused := func(status int, what string) {
		t.Helper()
		if o := p.call(call); o.status != status {
			t.Errorf("%s: %d %s, want %d", what, o.status, o.warning, status)
		}
	}
	change := func(p RoomPatch) RoomView {
		t.Helper()
		v, err := s.PatchRoom(t.Context(), "board", p)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	_, seat := p.joins(call)
	if seat.Waiting != string(waitsForPIN) {
		t.Errorf("without the PIN: %+v", seat)
	}
	if v := change(RoomPatch{PIN: new("")}); v.PIN {
		t.Errorf("the PIN is still there: %+v", v)
	}
	until(t, "who was asked for it is in", func() bool {
		v, err := s.Seat(t.Context(), "board", seat.ID)
		return err == nil && v.Waiting == ""
	})
	change(RoomPatch{Locked: new(true)})
	refused(403, "locked")
	change(RoomPatch{Locked: new(false), MaxSeats: new(1)})
	refused(486, "full")
	change(RoomPatch{MaxSeats: new(9), Policy: new("strict"), Muted: new(true)})
	if v, err := s.Seat(t.Context(), "board", seat.ID); err != nil || !v.Muted {
		t.Errorf("not muted: %+v, %v", v, err)
	}
	r := s.rooms.find("board")
	for _, muted := range []bool{true, false} { // all are held muted, whoever had muted himself among them
		if err := r.do(t.Context(), func() { st := r.seats[seat.ID]; st.muted, st.held = muted, false }); err != nil {
			t.Fatal(err)
		}
		change(RoomPatch{Muted: new(true)})
		if err := r.do(t.Context(), func() { r.toggleMute(r.seats[seat.ID]) }); err != nil {
			t.Fatal(err)
		}
		if v, err := s.Seat(t.Context(), "board", seat.ID); err != nil || !v.Muted {
			t.Errorf("muted by himself first: %t; his key overrules the API: %+v, %v", muted, v, err)
		}
	}
	if got := s.rooms.policy("board"); got != s.cfg.Policies["strict"] {
		t.Errorf("new calls have policy %s", got.Name)
	}
}

// TestEndedRoom: everybody gets a BYE, the name is free at once, and a call that was being set up gets no seat in what is over.
func TestEndedRoom(t *testing.T) {
	s := serveTest(t, deskYAML)
	p := newPhone(t, s)
	o, _ := p.joins(attempt{room: "board", transport: "udp"})
	r := s.rooms.find("board")
	late := newTenancy(s)
	who := gate.Who{Account: "ann"}
	enrolled(t, s, NewAccount{Name: "ann"})
	if err := errors.Join(s.ledger.reserve(who), s.rooms.seat(t.Context(), "board", &seat{id: "late", who: who}, late)); err != nil {
		t.Fatal(err)
	}
	var err error
	late.leg, err = s.line.Prepare(t.Context(), legs.Admission{
		Local: s.uri("board"), Peer: s.uri("ann"), Policy: keying.StandardPolicy(), Method: keying.MIKEYPSK,
	}, late)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteRoom(t.Context(), "board"); err != nil {
		t.Fatal(err)
	}
	taken(t, o.dialog.Done())
	if _, err := s.Room(t.Context(), "board"); !errors.Is(err, ErrUnknownRoom) {
		t.Errorf("the room is still there: %v", err)
	}
	if v, err := s.CreateRoom(t.Context(), NewRoom{Name: "board"}); err != nil || v.Seats != 0 {
		t.Errorf("the name is not free: %+v, %v", v, err)
	}
	late.seated() // as the leg would, which stands now
	select {
	case <-late.filled:
		t.Error("a call was seated in a room that is over")
	default:
	}
	late.vacate(false)
	taken(t, r.finished)
	if err := s.DeleteRoom(t.Context(), "hall"); !errors.Is(err, ErrConfiguredRoom) {
		t.Errorf("a room of the configuration: %v", err)
	}
	if err := s.DeleteRoom(t.Context(), "nowhere"); !errors.Is(err, ErrUnknownRoom) {
		t.Errorf("no room: %v", err)
	}
}

func TestRoomRefusals(t *testing.T) {
	s := serveTest(t, deskYAML+"limits: {rooms: 2}\n")
	enrolled(t, s, NewAccount{Name: "ann"})
	stale := errors.New("stale")
	for name, test := range map[string]struct {
		ask  NewRoom
		want error
	}{
		"of an account":     {NewRoom{Name: "ann", Permanent: new(true)}, ErrNameTaken},
		"open already":      {NewRoom{Name: "hall"}, ErrNameTaken},
		"kept beside open":  {NewRoom{Name: "hall", Permanent: new(true)}, ErrNameTaken},
		"no name":           {NewRoom{Name: "../x"}, ErrInvalid},
		"no policy":         {NewRoom{Name: "x", Policy: "lax"}, ErrUnknownPolicy},
		"too many seats":    {NewRoom{Name: "x", MaxSeats: maxSeats + 1}, ErrInvalid},
		"a PIN of letters":  {NewRoom{Name: "x", PIN: "abcd"}, ErrInvalid},
		"a PIN of 3 digits": {NewRoom{Name: "x", PIN: "123"}, ErrInvalid},
		"a PIN for a while": {NewRoom{Name: "x", PIN: "1234", Permanent: new(false)}, ErrMustKeep},
		"moderated a while": {NewRoom{Name: "x", Moderators: []string{"ann"}, Permanent: new(false)}, ErrMustKeep},
		"no moderator":      {NewRoom{Name: "x", Moderators: []string{"ann", ""}}, ErrModerators},
		"an URI":            {NewRoom{Name: "x", Moderators: []string{"sip:ann@test"}}, ErrModerators},
		"all moderators":    {NewRoom{Name: "x", Moderators: make([]string, maxModerators+1)}, ErrModerators},
	} {
		if v, err := s.CreateRoom(t.Context(), test.ask); !errors.Is(err, test.want) {
			t.Errorf("%s: %+v, %v", name, v, err)
		}
	}
	if kept, _, err := s.store.Rooms("", 9); err != nil || len(kept) != 0 {
		t.Errorf("a refused room is kept: %v, %v", kept, err)
	}
	if _, err := s.CreateRoom(t.Context(), NewRoom{Name: "second"}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.CreateRoom(t.Context(), NewRoom{Name: "third"}); !errors.Is(err, ErrTooManyRooms) {
		t.Errorf("one too many: %v", err)
	}
	if _, err := s.PatchRoom(t.Context(), "second", RoomPatch{Locked: new(true), Moderators: &[]string{"<b>"}}); !errors.Is(err, ErrModerators) {
		t.Errorf("no moderator: %v", err)
	}
	never := func(RoomView) error { return stale }
	if _, err := s.PatchRoom(t.Context(), "second", RoomPatch{Locked: new(true)}, never); !errors.Is(err, stale) {
		t.Errorf("a condition that does not hold: %v", err)
	}
	if err := s.DeleteRoom(t.Context(), "second", never); !errors.Is(err, stale) {
		t.Errorf("a condition that does not hold: %v", err)
	}
	if v, err := s.Room(t.Context(), "second"); err != nil || v.Locked {
		t.Errorf("it was changed all the same: %+v, %v", v, err)
	}
}

// TestKeptRooms: a permanent room is there again after a restart, as it was left; one that was deleted is not, and the configuration
// goes before what was kept.
func TestKeptRooms(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	run := func(yaml string, use func(*Server)) {
		t.Helper()
		cfg, err := ReadConfig("test", []byte(FreePorts+yaml), nil)
		if err != nil {
			t.Fatal(err)
		}
		s, err := New(cfg, data, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		use(s)
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	names := func(s *Server) (list []string) {
		rooms, err := s.Rooms(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rooms {
			list = append(list, fmt.Sprint(r.Name, " ", r.Policy, " ", r.Locked, " ", r.MaxSeats, " ", r.PIN, " ", r.Keys, r.Tones, r.Prompts, r.Moderators))
		}
		return list
	}
	run("policies: {strict: {}}\n", func(s *Server) {
		for _, n := range []NewRoom{{Name: "a", Permanent: new(true), PIN: "1234", Policy: "strict"}, {Name: "b", Permanent: new(true)}, {Name: "c"}, {Name: "d", Permanent: new(true)},
			{Name: "e"}, {Name: "f", Moderators: []string{"Bob", "ann", "bob"}, Keys: new(true)}} {
			if _, err := s.CreateRoom(t.Context(), n); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.PatchRoom(t.Context(), "a", RoomPatch{Locked: new(true), MaxSeats: new(7)}); err != nil {
			t.Fatal(err)
		}
		if err := s.DeleteRoom(t.Context(), "b"); err != nil {
			t.Fatal(err)
		}
		// A room that is not kept is so from when somebody relies on it to let others wait.
		v, err := s.PatchRoom(t.Context(), "e", RoomPatch{PIN: new("4711"), Tones: new(true), Moderators: &[]string{}})
		if err != nil || !v.Permanent || !v.PIN || !v.Tones || v.Keys || v.Prompts || len(v.Moderators) > 0 {
			t.Errorf("%+v, %v", v, err)
		}
		v, err = s.PatchRoom(t.Context(), "f", RoomPatch{Prompts: new(true), Keys: new(false), Moderators: &[]string{"carol"}})
		if err != nil || !v.Permanent || !v.Prompts || v.Keys || !slices.Equal(v.Moderators, []string{"carol"}) {
			t.Errorf("%+v, %v", v, err)
		}
	})
	run("policies: {strict: {}}\nrooms: {permanent: [{name: d, max_seats: 3}]}\n", func(s *Server) {
		if got, want := names(s), []string{
			"a strict true 7 true false false false []", "d standard false 3 false false false false []",
			"e standard false 500 true false true false []", "f standard false 500 false false false true [carol]",
		}; !slices.Equal(got, want) {
			t.Errorf("after a restart %q, want %q", got, want)
		}
		if code := s.rooms.find("a").pin; !code.matches("1234") || code.matches("1235") || code.matches("") {
			t.Error("the PIN is another")
		}
	})
	run("rooms: {keys: true}\n", func(s *Server) { // its policy is gone
		if v, err := s.Room(t.Context(), "a"); err != nil || v.Keys {
			t.Errorf("what was kept changes with the configuration: %+v, %v", v, err)
		}
		if p := s.rooms.policy("a"); p.Name != "strict" || len(p.Methods) > 0 {
			t.Errorf("a room without its policy lets callers in by %v", p.Methods)
		}
	})
	st, err := store.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close() //nolint:errcheck // a test's own
	if r, err := st.Room("a"); err != nil || len(r.PIN) == 0 || slices.Contains([]string{string(r.PIN)}, "1234") {
		t.Errorf("kept as %+v, %v", r, err)
	}
}
