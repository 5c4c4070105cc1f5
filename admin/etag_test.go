package admin

import (
	"net/http"
	"testing"
	"time"

	"github.com/conclave/conclave/server"
)

// TestIfMatch: of two who read the same and change it, the second is told; what is measured does not count.
func TestIfMatch(t *testing.T) {
	r := newRig(t, nil)
	r.grant("t1", server.Viewer, "", false)
	r.ask(t, "POST", "/v1/accounts", `{"name":"bob"}`, nil)
	for _, test := range []struct{ path, first, second string }{
		{"/v1/rooms/demo/seats/s2", `{"muted":true}`, `{"deaf":true}`},
		{"/v1/rooms/demo", `{"locked":true}`, `{"max_seats":3}`},
		{"/v1/accounts/bob", `{"disabled":true}`, `{"display_name":"Bob"}`},
		{"/v1/tokens/t1", "", ""},
	} {
		read := r.ask(t, "GET", test.path, "", nil)
		tag := read.header.Get("ETag")
		if tag == "" {
			t.Fatalf("%s has no ETag", test.path)
		}
		r.mu.Lock()
		for i := range r.seats {
			r.seats[i].Speaking, r.seats[i].LevelDBFS = true, -7
		}
		for i := range r.rooms {
			r.rooms[i].Speaking = nil
		}
		r.mu.Unlock()
		with := func(tags string) func(*http.Request) {
			return func(q *http.Request) { q.Header.Set("If-Match", tags) }
		}
		if again := r.ask(t, "GET", test.path, "", nil).header.Get("ETag"); again != tag {
			t.Errorf("%s: what is measured changed the ETag", test.path)
		}
		if test.first != "" {
			done := r.ask(t, "PATCH", test.path, test.first, with(`"other", `+tag))
			if done.status != 200 || done.header.Get("ETag") == tag || done.header.Get("ETag") == "" {
				t.Errorf("%s: the first: %d, ETag %q", test.path, done.status, done.header.Get("ETag"))
			}
			r.ask(t, "PATCH", test.path, test.second, with(tag)).problem(t, 412)
			r.ask(t, "PATCH", test.path, test.second, with("W/"+done.header.Get("ETag"))).problem(t, 412)
			if got := r.ask(t, "PATCH", test.path, test.second, with("*")); got.status != 200 {
				t.Errorf("%s: any: %d %s", test.path, got.status, got.body)
			}
			r.ask(t, "DELETE", test.path, "", with(tag)).problem(t, 412)
			tag = r.ask(t, "GET", test.path, "", nil).header.Get("ETag")
		}
		r.ask(t, "DELETE", test.path, "", with(`"stale"`)).problem(t, 412)
		if got := r.ask(t, "DELETE", test.path, "", with(tag)); got.status != 204 {
			t.Errorf("%s: DELETE: %d %s", test.path, got.status, got.body)
		}
		r.ask(t, "DELETE", test.path, "", with(tag)).problem(t, 404)
	}
}

// TestTags: each thing that the API can change changes the ETag, and a resource of the same name that is another has another.
func TestTags(t *testing.T) {
	differ := func(name, a, b string) {
		t.Helper()
		if a == b || a == "" {
			t.Errorf("%s does not show in the ETag", name)
		}
	}
	room, seat, account := server.RoomView{Name: "a"}, server.SeatView{ID: "a"}, server.AccountView{Name: "a"}
	for name, change := range map[string]func(*server.RoomView){
		"locked": func(v *server.RoomView) { v.Locked = true }, "max_seats": func(v *server.RoomView) { v.MaxSeats = 1 },
		"policy": func(v *server.RoomView) { v.Policy = "x" }, "pin": func(v *server.RoomView) { v.PIN = true },
		"created_at": func(v *server.RoomView) { v.CreatedAt = time.Unix(1, 0) },
	} {
		other := room
		change(&other)
		differ("room: "+name, roomTag(room), roomTag(other))
	}
	for name, change := range map[string]func(*server.SeatView){
		"muted": func(v *server.SeatView) { v.Muted = true }, "deaf": func(v *server.SeatView) { v.Deaf = true }, "gain_db": func(v *server.SeatView) { v.GainDB = 1 },
		"position": func(v *server.SeatView) { v.Position = &server.Position{} },
	} {
		other := seat
		change(&other)
		differ("seat: "+name, seatTag(seat), seatTag(other))
	}
	for name, change := range map[string]func(*server.AccountView){
		"disabled": func(v *server.AccountView) { v.Disabled = true }, "display_name": func(v *server.AccountView) { v.DisplayName = "x" },
		"policy": func(v *server.AccountView) { v.Policy = "x" }, "cert_fingerprints": func(v *server.AccountView) { v.CertFingerprints = []string{"x"} },
		"devices": func(v *server.AccountView) { v.Devices = []server.DeviceView{{Name: "x"}} },
	} {
		other := account
		change(&other)
		differ("account: "+name, accountTag(account), accountTag(other))
	}
	registered := account
	registered.Devices, registered.Calls = []server.DeviceView{{Name: "x", Registered: true}}, 3
	if accountTag(account) != accountTag(registered) {
		t.Error("a device that registers changes the ETag")
	}
}
