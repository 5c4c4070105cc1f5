package server

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/conclave/conclave/legs"
	"github.com/conclave/conclave/legs/dialog"
)

// TestDrain: a server that is emptied takes nobody new, in whatever way he comes, and opens no room for him; the calls that stand go on, and move
// and come back. It is told when the last is over and nobody is waited for, and takes calls again when it is told to.
func TestDrain(t *testing.T) {
	s := serveTest(t, "rooms: {permanent: [{name: hall}]}\n")
	ann := enrolled(t, s, NewAccount{Name: "ann"})
	ben := enrolled(t, s, NewAccount{Name: "ben"})
	laptop, phone, other := newMobile(t, s, ann, "laptop"), newMobile(t, s, ann, "phone"), newMobile(t, s, ben, "other")
	other.register()
	leg, seat := laptop.joins("hall")
	events := s.Subscribe(LatestEvent)
	defer events.Close()

	for range 2 { // the second changes nothing, and tells nothing
		if v := s.Drain(t.Context(), true); v.State != "draining" || v.Calls != 1 || v.Remaining != 0 {
			t.Fatalf("%+v", v)
		}
	}
	if err := s.Ready(t.Context()); !errors.Is(err, ErrDraining) {
		t.Errorf("ready: %v", err)
	}
	for _, room := range []string{"hall", "lounge"} {
		var refused *legs.Refused
		if _, err := other.call(room); !errors.As(err, &refused) || refused.Status != 503 || !strings.Contains(refused.Warning, "no new calls") {
			t.Errorf("a new call of %s: %v", room, err)
		}
	}
	if s.rooms.find("lounge") != nil {
		t.Error("a room was opened for nobody")
	}
	if _, err := s.CallOut(t.Context(), "hall", CallRequest{URI: ben.URI}); !errors.Is(err, ErrDraining) {
		t.Errorf("a call of ours: %v", err)
	}
	ask := dialog.Outgoing{Method: "OPTIONS", URI: s.uri("hall"), From: ben.URI, Destination: s.SIPAddress("udp").String()}
	if res, err := other.endpoint.Request(t.Context(), ask); err != nil || res.Status != 503 || !slices.Equal(res.Values("Retry-After"), []string{strconv.Itoa(drainRetry)}) {
		t.Errorf("OPTIONS: %+v, %v", res, err)
	}

	phone.register() // to be moved to
	if err := leg.Refer(t.Context(), phone.uri()); err != nil {
		t.Errorf("a move: %v", err)
	}
	moved := taken(t, phone.legs)
	if now := seated(t, s, "hall"); now.ID != seat.ID {
		t.Errorf("moved to another seat: %+v", now)
	}
	if res, err := moved.Dialog().Send(t.Context(), "INFO", nil, "", nil); err != nil || res.Status != 200 {
		t.Errorf("in a call that stands: %+v, %v", res, err)
	}
	until(t, "one call is left", func() bool { return s.ledger.total() == 1 })
	until(t, "it was seen", func() bool { return measured(t, s)["conclave_draining"] == 1 })
	var ours *legs.Leg
	r := s.rooms.find("hall")
	if err := r.do(t.Context(), func() { ours = r.seats[seat.ID].leg() }); err != nil {
		t.Fatal(err)
	}
	if err := ours.Hangup(t.Context(), "media_timeout"); err != nil {
		t.Fatal(err)
	}
	until(t, "its owner is waited for", func() bool { v := s.Node(t.Context()); return v.Calls == 0 && v.Away == 1 })
	if m := measured(t, s); m["conclave_calls"] != 0 || m["conclave_seats_away"] != 1 {
		t.Errorf("measured %v calls and %v seats that wait", m["conclave_calls"], m["conclave_seats_away"])
	}
	s.watchDrain()
	s.drain.mu.Lock()
	if s.drain.left != 1 {
		t.Errorf("%d are left while one is waited for", s.drain.left)
	}
	s.drain.mu.Unlock()
	back, now := phone.joins("hall")
	if v := s.Node(t.Context()); now.ID != seat.ID || v.Calls != 1 || v.Away != 0 {
		t.Errorf("came back to %+v: %+v", now, v)
	}
	if n, told := measured(t, s)["conclave_seats_away"]; !told || n != 0 {
		t.Errorf("%v seats are measured that wait, when all are back", n)
	}
	if err := back.Hangup(t.Context(), "hangup"); err != nil {
		t.Error(err)
	}
	told := drainsTold(t, events, 2)
	if told[0] != (NodeDraining{true, 1, 0}) || told[1] != (NodeDraining{true, 0, 0}) {
		t.Errorf("told %+v", told)
	}
	if n := measured(t, s)[`conclave_refusals_total{reason="draining"}`]; n != 2 {
		t.Errorf("%v refusals were counted", n)
	}
	if v := s.Drain(t.Context(), false); v.State != "ready" || v.Remaining == 0 || s.Ready(t.Context()) != nil {
		t.Errorf("%+v", v)
	}
	if told := drainsTold(t, events, 1); told[0] != (NodeDraining{}) {
		t.Errorf("told %+v", told)
	}
	if _, err := other.call("lounge"); err != nil {
		t.Errorf("a new call afterwards: %v", err)
	}
}

// drainsTold waits for so many events of draining.
func drainsTold(t *testing.T, events *Subscription, n int) (list []NodeDraining) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), e2ePatience)
	defer cancel()
	for len(list) < n {
		some, err := events.Next(ctx)
		if err != nil {
			t.Fatalf("%d of %d were told: %v", len(list), n, err)
		}
		for _, e := range some {
			if e.Type == EventNodeDraining {
				list = append(list, e.Data.(NodeDraining))
			}
		}
	}
	return list
}
