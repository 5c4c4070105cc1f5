package server

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/conclave/conclave/mixer"
)

// TestConferenceRefusals: who may not watch, or asks for what there is not, is told so, and leaves nothing behind.
func TestConferenceRefusals(t *testing.T) {
	x := watched(t)
	const proven, strange = true, false
	for name, test := range map[string]struct {
		as      string
		room    string
		proven  bool
		expires int
		fields  []string // in place of Event
		status  int
		field   string
	}{
		"no proof":                {"ann", "hall", strange, 600, nil, 401, "WWW-Authenticate"},
		"no seat":                 {"ben", "hall", proven, 600, nil, 403, "Warning"},
		"an account that is off":  {"off", "hall", proven, 600, nil, 401, "WWW-Authenticate"},
		"a room that is not open": {"ann", "attic", proven, 600, nil, 404, ""},
		"no room":                 {"ann", "ben", proven, 600, nil, 404, ""},
		"another package":         {"ann", "hall", proven, 600, []string{"Event: presence"}, 489, "Allow-Events"},
		"no package":              {"ann", "hall", proven, 600, []string{}, 489, "Allow-Events"},
		"two packages":            {"ann", "hall", proven, 600, []string{"Event: conference", "Event: conference"}, 489, "Allow-Events"},
		"an odd id":               {"ann", "hall", proven, 600, []string{"Event: conference;id=<x>"}, 400, ""},
		"another body":            {"ann", "hall", proven, 600, []string{"Event: conference", "Accept: application/pidf+xml"}, 406, "Accept"},
		"too short":               {"ann", "hall", proven, 59, nil, 423, "Min-Expires"},
	} {
		t.Run(name, func(t *testing.T) {
			as := x.others[test.as]
			if test.as == "ann" {
				as = x.ann
			}
			u := newSubscriber(t, x.server, "udp", as, test.room)
			r := u.next(test.proven, test.expires)
			if test.fields != nil {
				r.fields = append(test.fields, r.fields[1:]...)
			}
			if got := u.asks(r); got.status != test.status || test.field != "" && got.field(test.field) == "" {
				t.Errorf("answered\n%s", got.text)
			}
			if n := x.server.watchers.total(); n != 0 {
				t.Errorf("%d subscriptions", n)
			}
		})
	}
	for i := range maxWatchersOf + 1 {
		u := newSubscriber(t, x.server, "udp", x.ann, "hall")
		if got := u.asks(u.next(true, 600)); (got.status == 200) != (i < maxWatchersOf) || got.status != 200 && got.status != 403 {
			t.Errorf("subscription %d of one account: %d", i, got.status)
		}
	}
}

// TestConferenceStrangers: knowing a subscription's tags is no proof: nobody but its account renews it, ends it, or turns it elsewhere.
func TestConferenceStrangers(t *testing.T) {
	x := watched(t)
	u := newSubscriber(t, x.server, "udp", x.ann, "hall")
	u.subscribes(600)
	u.notified(200)
	thief := *u
	thief.wire = newWire(t, x.server, "udp", "127.0.0.2")
	if got := thief.asks(thief.next(false, 0)); got.status != 401 {
		t.Errorf("without a proof: %d", got.status)
	}
	thief.as = x.others["cid"]
	if got := thief.asks(thief.next(true, 0)); got.status != 403 {
		t.Errorf("with ann's From and cid's password: %d", got.status)
	}
	r := thief.next(false, 0)
	r.from = strings.Replace(r.from, x.ann.URI, x.others["cid"].URI, 1)
	r.fields = append(r.fields, thief.owns(thief.as, r))
	if got := thief.asks(r); got.status != 403 {
		t.Errorf("as cid: %d", got.status)
	}
	u.base.seq = thief.base.seq - 3 // requests that were refused use up no number
	no := false
	if _, err := x.server.PatchSeat(t.Context(), "hall", x.seat.ID, SeatPatch{Muted: &no}); err != nil {
		t.Fatal(err)
	}
	if state, doc := u.notified(200); !strings.HasPrefix(state, "active") || doc.State != "partial" {
		t.Errorf("it went on with %q, %+v", state, doc)
	}
	u.subscribes(600)
	u.notified(200)
	u.base.seq -= 1
	if got := u.asks(u.next(true, 0)); got.status != 500 {
		t.Errorf("an old number: %d", got.status)
	}
}

// TestConferenceEnds: whatever ends a subscription is told with its reason, where anybody is left to be told.
func TestConferenceEnds(t *testing.T) {
	for name, test := range map[string]struct {
		end    func(*scene, *watcher)
		reason string
		gone   bool // the document says that the conference is no more
	}{
		"its account leaves": {func(x *scene, _ *watcher) { _ = x.server.HangUp(x.t.Context(), "hall", x.seat.ID) }, "rejected", false},
		"its account closes": {func(x *scene, _ *watcher) { _ = x.server.DeleteAccount(x.t.Context(), "ann") }, "rejected", false},
		"it is not renewed": {func(_ *scene, w *watcher) {
			w.mu.Lock()
			w.expires = time.Now()
			w.mu.Unlock()
			select {
			case w.poked <- struct{}{}:
			default: // it has not looked since it began
			}
		}, "timeout", false},
		"the room fails": {func(x *scene, w *watcher) {
			r := x.server.rooms.find("hall")
			r.mix.Join(mixer.SeatConfig{}).Attach(broken{})
			<-r.finished
		}, "noresource", true},
		"the server stops": {func(x *scene, _ *watcher) { x.server.watchers.stop() }, "probation;retry-after=5", false},
	} {
		t.Run(name, func(t *testing.T) {
			x := watched(t)
			u := newSubscriber(t, x.server, "tcp", x.ann, "hall")
			u.subscribes(600)
			u.notified(200)
			var w *watcher
			x.server.watchers.mu.Lock()
			for _, w = range x.server.watchers.by {
			}
			x.server.watchers.mu.Unlock()
			test.end(x, w)
			state, doc := "active", (*conference)(nil)
			for strings.HasPrefix(state, "active") {
				state, doc = u.notified(200)
			}
			if state != "terminated;reason="+test.reason || (doc != nil && doc.State == "deleted") != test.gone {
				t.Errorf("ended with %q, %+v", state, doc)
			}
			until(t, "the subscription is gone", func() bool { return x.server.watchers.total() == 0 })
		})
	}
	t.Run("nobody takes a NOTIFY", func(t *testing.T) {
		x := watched(t)
		u := newSubscriber(t, x.server, "udp", x.ann, "hall")
		u.subscribes(600)
		u.notified(481)
		until(t, "the subscription is gone", func() bool { return x.server.watchers.total() == 0 })
	})
}

// TestRosterOfMany: a room of many is told in several documents over UDP, the first of them whole, and what callers call themselves comes back
// as it was, or replaced where XML cannot hold it.
func TestRosterOfMany(t *testing.T) {
	x := watched(t)
	r := x.server.rooms.find("hall")
	if err := r.do(t.Context(), func() {
		for i := range 60 {
			st := &seat{id: fmt.Sprintf("s%02d", i), display: "<&\"'\x00\u202e]]>" + fmt.Sprint(i), room: r, told: true, joined: time.Now(), mix: r.mix.Join(mixer.SeatConfig{})}
			r.seats[st.id] = st
		}
	}); err != nil {
		t.Fatal(err)
	}
	u := newSubscriber(t, x.server, "udp", x.ann, "hall")
	u.subscribes(600)
	documents := 0
	for len(u.users) < 62 {
		u.notified(200)
		documents++
	}
	if u.count != 62 || documents < 2 || documents > 4 || u.users["sip:s07@anonymous.invalid"] != "<&\"'\ufffd\u202e]]>7" {
		t.Errorf("%d users (%d) in %d documents, one %q", len(u.users), u.count, documents, u.users["sip:s07@anonymous.invalid"])
	}
	if err := r.do(context.Background(), func() {
		for _, st := range r.seats {
			if st.tenant == nil {
				r.leave(st)
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	for len(u.users) > 2 {
		u.notified(200)
	}
}

// TestPortions: no portion is longer than it may be, none is empty but of nothing, and the order is kept.
func TestPortions(t *testing.T) {
	for want, users := range map[string][]string{
		"[[]]": nil, "[[aaa bbb] [cc]]": {"aaa", "bbb", "cc"}, "[[aaaaaaaaa] [b]]": {"aaaaaaaaa", "b"}, "[[a b c d e f]]": {"a", "b", "c", "d", "e", "f"},
	} {
		if got := fmt.Sprint(portions(users, 6)); got != want || !slices.Equal(slices.Concat(portions(users, 6)...), users) {
			t.Errorf("%v becomes %s, want %s", users, got, want)
		}
	}
}
