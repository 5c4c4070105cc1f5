package server

import (
	"encoding/xml"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/conclave/conclave/keying"
)

// conference is a conference document, and what a subscriber makes of several (RFC 4575 section 4.6).
type conference struct {
	XMLName xml.Name `xml:"urn:ietf:params:xml:ns:conference-info conference-info"`
	Entity  string   `xml:"entity,attr"`
	State   string   `xml:"state,attr"`
	Version int      `xml:"version,attr"`
	Most    int      `xml:"conference-description>maximum-user-count"`
	Count   *int     `xml:"conference-state>user-count"`
	Locked  bool     `xml:"conference-state>locked"`
	Users   []struct {
		Attrs    []xml.Attr `xml:",any,attr"`
		Display  string     `xml:"display-text"`
		Endpoint []struct {
			Status string `xml:"status"`
			Method string `xml:"joining-method"`
			Joined string `xml:"joining-info>when"`
			Media  string `xml:"media>status"`
		} `xml:"endpoint"`
	} `xml:"users>user"`
}

// attr is an attribute of a user.
func attr(list []xml.Attr, name string) string {
	for _, a := range list {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// subscriber is somebody who watches a room by hand.
type subscriber struct {
	*wire
	as      *keying.Bundle
	base    request
	version int
	users   map[string]string // display name, status and media, by the user's name
	count   int
}

// newSubscriber makes one that has not subscribed yet.
func newSubscriber(t *testing.T, s *Server, transport string, as *keying.Bundle, room string) *subscriber {
	t.Helper()
	return &subscriber{
		wire: newWire(t, s, transport, "127.0.0.1"), as: as, users: make(map[string]string),
		base: request{
			method: "SUBSCRIBE", uri: s.uri(room), from: "<" + as.URI + ">;tag=" + word(), to: "<" + s.uri(room) + ">", callID: word(),
		},
	}
}

// next is the next SUBSCRIBE, proven or not.
func (u *subscriber) next(proven bool, expires int, fields ...string) request {
	u.t.Helper()
	u.base.seq++
	r := u.base
	r.branch, r.fields = "", append([]string{"Event: conference", fmt.Sprintf("Expires: %d", expires)}, fields...)
	if proven {
		r.fields = append(r.fields, u.owns(u.as, r))
	}
	return r
}

// subscribes asks for so many seconds, and must get them; it is in the dialog from then on.
func (u *subscriber) subscribes(expires int, fields ...string) reply {
	u.t.Helper()
	got := u.asks(u.next(true, expires, fields...))
	if got.status != 200 || got.field("Expires") != fmt.Sprint(expires) || got.field("Contact") == "" {
		u.t.Fatalf("subscribed with\n%s", got.text)
	}
	u.base.to = got.field("To")
	return got
}

// notified takes the next NOTIFY, answers it, and gives its Subscription-State and its document, which it applies.
func (u *subscriber) notified(status int) (state string, doc *conference) {
	u.t.Helper()
	text := u.reads(e2ePatience)
	got := reply{text: text}
	if !strings.HasPrefix(text, "NOTIFY ") || got.field("Event") != "conference" || got.field("Call-ID") != u.base.callID {
		u.t.Fatalf("no NOTIFY: %q", text)
	}
	lines := []string{fmt.Sprintf("SIP/2.0 %d x", status)}
	for _, name := range []string{"Via", "From", "To", "Call-ID", "CSeq"} {
		lines = append(lines, name+": "+got.field(name))
	}
	u.sends(strings.Join(append(lines, "Content-Length: 0", "", ""), "\r\n"))
	_, body, _ := strings.Cut(text, "\r\n\r\n")
	if body == "" {
		return got.field("Subscription-State"), nil
	}
	doc = &conference{}
	if err := xml.Unmarshal([]byte(body), doc); err != nil || got.field("Content-Type") != conferenceInfo || doc.Entity != u.server.uri("hall") {
		u.t.Fatalf("%v in\n%s", err, text)
	}
	u.apply(doc)
	return got.field("Subscription-State"), doc
}

// apply is RFC 4575 section 4.6.
func (u *subscriber) apply(doc *conference) {
	u.t.Helper()
	if doc.State == "full" {
		clear(u.users)
	} else if doc.Version != u.version+1 {
		u.t.Errorf("version %d after %d", doc.Version, u.version)
	}
	u.version = doc.Version
	if doc.Count != nil {
		u.count = *doc.Count
	}
	for _, user := range doc.Users {
		name := attr(user.Attrs, "entity")
		if attr(user.Attrs, "state") == "deleted" {
			delete(u.users, name)
			continue
		}
		u.users[name] = user.Display
		for _, e := range user.Endpoint {
			u.users[name] += " " + e.Status + " " + e.Media + " " + e.Method
		}
	}
}

// sees waits until the subscriber's view is that.
func (u *subscriber) sees(want map[string]string) {
	u.t.Helper()
	for range 20 {
		if maps.Equal(u.users, want) && u.count == len(want) {
			return
		}
		u.notified(200)
	}
	u.t.Fatalf("sees %v (%d), want %v", u.users, u.count, want)
}

// watched is a scene whose subscriptions are told of every change soon.
func watched(t *testing.T) *scene {
	t.Helper()
	x := newScene(t, "rooms: {empty_for: 1s}")
	x.server.watchers.pace.Store(int64(50 * time.Millisecond))
	return x
}

// TestConferenceEvent: who sits in a room and subscribes gets the whole, then what changes and no more, the whole again when it renews, and
// the whole with the end.
func TestConferenceEvent(t *testing.T) {
	for _, transport := range []string{"udp", "tcp", "tls"} {
		t.Run(transport, func(t *testing.T) {
			x := watched(t)
			u := newSubscriber(t, x.server, transport, x.ann, "hall")
			granted := u.subscribes(600)
			if !strings.Contains(granted.field("Allow"), "SUBSCRIBE") && !strings.Contains(granted.field("Contact"), "isfocus") {
				t.Errorf("granted with\n%s", granted.text)
			}
			ann, cid := x.ann.URI, x.others["cid"].URI
			state, doc := u.notified(200)
			if left := regexp.MustCompile(`^active;expires=(599|600)$`); !left.MatchString(state) || doc.State != "full" || doc.Most == 0 || doc.Locked {
				t.Errorf("first %q, %+v", state, doc)
			}
			both := map[string]string{ann: "ann muted-via-focus recvonly dialed-in", cid: "cid connected sendrecv dialed-in"}
			u.sees(both)

			no, yes := false, true
			if _, err := x.server.PatchSeat(t.Context(), "hall", x.seat.ID, SeatPatch{Muted: &no, Deaf: &yes}); err != nil {
				t.Fatal(err)
			}
			if _, doc = u.notified(200); doc.State != "partial" || len(doc.Users) != 1 || doc.Count != nil {
				t.Errorf("a change is told as %+v", doc)
			}
			both[ann] = "ann connected sendonly dialed-in"
			u.sees(both)

			u.subscribes(600)
			if _, doc = u.notified(200); doc.State != "full" || !maps.Equal(u.users, both) {
				t.Errorf("renewed: %+v, sees %v", doc, u.users)
			}
			for _, seat := range must(x.server.Seats(t.Context(), "hall"))(t) {
				if seat.Account == "cid" {
					if err := x.server.HangUp(t.Context(), "hall", seat.ID); err != nil {
						t.Fatal(err)
					}
				}
			}
			delete(both, cid)
			u.sees(both)

			u.subscribes(0)
			if state, doc = u.notified(200); state != "terminated;reason=timeout" || doc.State != "full" {
				t.Errorf("ended with %q, %+v", state, doc)
			}
			until(t, "the subscription is gone", func() bool { return x.server.watchers.total() == 0 })
			if got := u.asks(u.next(true, 600)); got.status != 481 {
				t.Errorf("renewed after its end: %d", got.status)
			}
		})
	}
}

// must is a value without an error.
func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// TestConferencePace: however much happens, what is told is told no more often than the pace, and nothing is lost.
func TestConferencePace(t *testing.T) {
	x := watched(t)
	const pace = 400 * time.Millisecond
	x.server.watchers.pace.Store(int64(pace))
	u := newSubscriber(t, x.server, "udp", x.ann, "hall")
	u.subscribes(600)
	u.notified(200)
	began, told := time.Now(), 0
	for i := range 10 {
		muted := i%2 == 0
		if _, err := x.server.PatchSeat(t.Context(), "hall", x.seat.ID, SeatPatch{Muted: &muted, Deaf: &muted}); err != nil {
			t.Fatal(err)
		}
	}
	no, yes := false, true
	if _, err := x.server.PatchSeat(t.Context(), "hall", x.seat.ID, SeatPatch{Muted: &yes, Deaf: &no}); err != nil {
		t.Fatal(err)
	}
	if _, err := x.server.PatchSeat(t.Context(), "hall", x.seat.ID, SeatPatch{Deaf: &yes}); err != nil {
		t.Fatal(err)
	}
	for u.users[x.ann.URI] != "ann muted-via-focus inactive dialed-in" {
		u.notified(200)
		told++
	}
	if took := time.Since(began); took < time.Duration(told)*pace*9/10 {
		t.Errorf("%d notifications in %v", told, took)
	}
}

// TestWhoWaitsWatchesNothing: in the waiting place nobody is told who is in the room.
func TestWhoWaitsWatchesNothing(t *testing.T) {
	s := serveTest(t, "policies: {open: {methods: [mikey-dh, sdes]}}\nrooms: {policy: open, permanent: [{name: hall, pin: \"0471\"}]}\n")
	one := enrolled(t, s, NewAccount{Name: "one"})
	h := newPhone(t, s).lift(attempt{room: "hall", transport: "tls", as: one}, toneOne)
	sits(t, s, "hall", "one", waits(waitsForPIN))
	u := newSubscriber(t, s, "tls", one, "hall")
	if got := u.asks(u.next(true, 600)); got.status != 403 {
		t.Errorf("before the PIN: %d", got.status)
	}
	h.press("0471#")
	sits(t, s, "hall", "one", waits(waitsNot))
	u.subscribes(600)
	if _, doc := u.notified(200); doc.State != "full" || len(doc.Users) != 1 {
		t.Errorf("after it: %+v", doc)
	}
}
