package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/conclave/conclave/server"
)

var update = flag.Bool("update", false, "rewrite the golden description of the API")

func TestBadBodies(t *testing.T) {
	r := newRig(t, nil)
	post, patch, devices := "POST /v1/accounts", "PATCH /v1/rooms/demo/seats/s2", "PATCH /v1/accounts/bob"
	open, change, call := "POST /v1/rooms", "PATCH /v1/rooms/demo", "POST /v1/rooms/demo/seats"
	tests := []struct {
		name, route, body string
		want              int
	}{
		{"no body", post, "", 400},
		{"cut", post, `{"name":`, 400},
		{"two values", post, `{"name":"a"} {"name":"b"}`, 400},
		{"not an object", post, `[]`, 422},
		{"null", post, `null`, 422},
		{"no name", post, `{}`, 422},
		{"unknown field", post, `{"name":"a","role":"admin"}`, 422},
		{"bad name", post, `{"name":"a b"}`, 422},
		{"path in name", post, `{"name":"../a"}`, 422},
		{"control character", post, `{"name":"a\u0000"}`, 422},
		{"long name", post, `{"name":"` + strings.Repeat("a", 65) + `"}`, 422},
		{"name of a type", post, `{"name":7}`, 422},
		{"kind of certificate", post, `{"name":"a","cert":"dsa"}`, 422},
		{"md5 no truth", post, `{"name":"a","md5":"yes"}`, 422},
		{"policy no name", post, `{"name":"a","policy":7}`, 422},
		{"large", post, `{"name":"a","display_name":"` + strings.Repeat("a", maxBody) + `"}`, 413},
		{"deep", post, strings.Repeat("[", 8000), 400},
		{"unknown field", patch, `{"volume":1}`, 422},
		{"gain too high", patch, `{"gain_db":21}`, 422},
		{"gain too low", patch, `{"gain_db":-61}`, 422},
		{"gain no number", patch, `{"gain_db":"loud"}`, 422},
		{"muted no truth", patch, `{"muted":1}`, 422},
		{"empty", patch, ``, 400},
		{"no name", open, `{"policy":"standard"}`, 422},
		{"bad name", open, `{"name":"a/b"}`, 422},
		{"PIN of letters", open, `{"name":"a","pin":"abcd"}`, 422},
		{"PIN of three digits", open, `{"name":"a","pin":"123"}`, 422},
		{"PIN that is a number", open, `{"name":"a","pin":1234}`, 422},
		{"too many seats", open, `{"name":"a","max_seats":100001}`, 422},
		{"unknown field", open, `{"name":"a","seats":3}`, 422},
		{"no seats", change, `{"max_seats":0}`, 422},
		{"no policy", change, `{"policy":""}`, 422},
		{"muted no truth", change, `{"muted":"all"}`, 422},
		{"position by halves", patch, `{"position":{"x":1,"y":2}}`, 422},
		{"position twice", patch, `{"position":{"azimuth":1,"x":1,"y":2,"z":0}}`, 422},
		{"position behind the world", patch, `{"position":{"azimuth":270}}`, 422},
		{"position no place", patch, `{"position":[1,2,3]}`, 422},
		{"call to nobody", call, `{"keying":"mikey-dh"}`, 422},
		{"call to a telephone", call, `{"uri":"tel:+4930123456"}`, 422},
		{"call to a stranger", call, `{"uri":"sip:premium@198.51.100.1"}`, 422},
		{"call by no method", call, `{"uri":"sip:bob@test","keying":"none"}`, 422},
		{"kind of certificate", "POST /v1/accounts/bob/rotate", `{"cert":"dsa"}`, 422},
		{"device that is no SIP URI", devices, `{"devices":[{"name":"desk","uri":"tel:+4930123456"}]}`, 422},
		{"device without a name", devices, `{"devices":[{"name":"","uri":"sip:desk@192.0.2.7"}]}`, 422},
		{"device with a long name", devices, `{"devices":[{"name":"` + strings.Repeat("x", 65) + `","uri":"sip:desk@192.0.2.7"}]}`, 422},
		{"device without a URI", devices, `{"devices":[{"name":"desk"}]}`, 422},
		{"too many devices", devices, `{"devices":[` + strings.Repeat(`{"name":"desk","uri":"sip:desk@192.0.2.7"},`, 16) + `{"name":"x","uri":"sip:x@y"}]}`, 422},
	}
	for _, test := range tests {
		t.Run(test.route+" "+test.name, func(t *testing.T) {
			method, path, _ := strings.Cut(test.route, " ")
			r.ask(t, method, path, test.body, nil).problem(t, test.want)
		})
	}
	for _, ct := range []string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "nonsense"} {
		r.ask(t, "POST", "/v1/accounts", `{"name":"a"}`, func(q *http.Request) { q.Header.Set("Content-Type", ct) }).problem(t, 415)
	}
	if len(r.accounts) != 0 || r.seats[1].Muted {
		t.Error("a bad body changed something")
	}
}

func TestUnknown(t *testing.T) {
	r := newRig(t, nil)
	for path, want := range map[string]int{
		"/console/nowhere.js": 404, "/console/console.go": 404, "/console/../v1/rooms": 404, "/v1": 404, "/v1/rooms/": 404, "/v1/rooms/nowhere": 404, "/v1/rooms/nowhere/seats": 404, "/v1/rooms/demo/seats/s0": 404,
		"/v1/rooms/%2e%2e": 404, "/v1/rooms/a%2Fb": 404, "/v1/accounts/%00": 404, "/v1/accounts/" + strings.Repeat("a", 300): 422,
		"/v1/rooms?limit=0": 422, "/v1/rooms?limit=1001": 422, "/v1/rooms?limit=x": 422, "/v1/rooms?cursor=%25": 422, "/v1/rooms?sort=x": 422,
		"/debug/pprof/": 404, "/v1/rooms/demo/../..": 404,
	} {
		r.ask(t, "GET", path, "", nil).problem(t, want)
	}
	got := r.ask(t, "PUT", "/v1/rooms/demo/seats/s2", "", nil)
	if got.problem(t, 405); got.header.Get("Allow") != "GET, PATCH, DELETE" {
		t.Errorf("Allow: %q", got.header.Get("Allow"))
	}
}

// TestChanges: a change of keys goes to a call that stands, and to no other.
func TestChanges(t *testing.T) {
	r := newRig(t, nil)
	r.seats = append(r.seats, server.SeatView{ID: "s7", Room: "demo"}) // its call is being set up
	for _, change := range []string{"/rekey", "/reinvite"} {
		if got := r.ask(t, "POST", "/v1/rooms/Demo/seats/s5"+change, "", nil); got.status != 202 || got.body != "" {
			t.Errorf("%s: %d %q", change, got.status, got.body)
		}
		r.ask(t, "POST", "/v1/rooms/demo/seats/s7"+change, "", nil).problem(t, 503)
		r.ask(t, "POST", "/v1/rooms/demo/seats/s0"+change, "", nil).problem(t, 404)
		r.ask(t, "POST", "/v1/rooms/nowhere/seats/s5"+change, "", nil).problem(t, 404)
		r.ask(t, "GET", "/v1/rooms/demo/seats/s5"+change, "", nil).problem(t, 405)
	}
	if n := r.seats[2].Leg.Keying.Rekeys; n != 2 {
		t.Errorf("%d changes reached the call, want 2", n)
	}
}

func TestErrorsOfTheServer(t *testing.T) {
	r := newRig(t, nil)
	secret := "psk 0123456789abcdef"
	for err, want := range map[error]int{
		server.ErrUnknownRoom: 404, server.ErrUnknownSeat: 404, server.ErrUnknownAccount: 404, server.ErrNameTaken: 409,
		server.ErrInvalid: 422, server.ErrUnknownPolicy: 422, server.ErrUnavailable: 503, server.ErrStillModerates: 503, server.ErrRoomDamaged: 503, context.DeadlineExceeded: 504, context.Canceled: 503, errors.New("disk"): 500,
	} {
		r.mu.Lock()
		r.fail = errors.Join(errors.New(secret), err)
		r.mu.Unlock()
		for _, route := range routes {
			if strings.HasPrefix(route.path, "/v1/node") || route.path == "/v1/self" { // which cannot fail
				continue
			}
			got := r.ask(t, route.method, route.path, route.body, nil)
			if got.problem(t, want); strings.Contains(got.body, "0123456789abcdef") {
				t.Errorf("the answer holds what the server wrapped: %s", got.body)
			}
		}
	}
	r.mu.Lock()
	r.crash = true
	r.mu.Unlock()
	r.ask(t, "GET", "/v1/rooms", "", nil).problem(t, 500)
	r.ask(t, "GET", "/healthz", "", nil)
	if body := r.ask(t, "GET", "/metrics", "", nil).body; !strings.Contains(body, `conclave_admin_refused_total{reason="panic"} 1`) {
		t.Error("the recovered panic is not counted")
	}
}

func TestHosts(t *testing.T) {
	r := newRig(t, nil)
	port := r.base[strings.LastIndex(r.base, ":"):]
	for host, want := range map[string]int{
		"127.0.0.1" + port: 200, "localhost" + port: 200, "LOCALHOST": 200, "admin.example": 200, "127.0.0.1": 200,
		"evil.example": 421, "evil.example" + port: 421, "127.0.0.1.evil.example": 421, "127.0.0.2": 421, "[::1]": 421,
		"localhost.evil.example": 421, "admin.example.": 421,
	} {
		if got := r.ask(t, "GET", "/healthz", "", func(q *http.Request) { q.Host = host }); got.status != want {
			t.Errorf("Host %q: %d, want %d", host, got.status, want)
		}
	}
	for origin, want := range map[string]int{
		r.base: 200, "https://admin.example": 200, "http://evil.example": 403, "null": 403, "http://127.0.0.1.evil.example": 403, "::": 403,
	} {
		if got := r.ask(t, "GET", "/v1/rooms", "", func(q *http.Request) { q.Header.Set("Origin", origin) }); got.status != want {
			t.Errorf("Origin %q: %d, want %d", origin, got.status, want)
		}
	}
}

func TestPages(t *testing.T) {
	r := newRig(t, nil)
	for _, name := range []string{"b", "a", "d", "c", "e"} {
		r.ask(t, "POST", "/v1/accounts", `{"name":"`+name+`"}`, nil)
	}
	for path, want := range map[string]string{"/v1/accounts": "a b c d e", "/v1/rooms": "demo zoo", "/v1/rooms/demo/seats": "s9 s2 s5"} {
		for _, limit := range []string{"1", "2", "3", "1000"} {
			var names []string
			cursor := ""
			for range 10 {
				var page struct {
					Items []struct{ Name, ID string } `json:"items"`
					Next  *string                     `json:"next"`
				}
				got := r.ask(t, "GET", path+"?limit="+limit+"&cursor="+cursor, "", nil)
				if err := json.Unmarshal([]byte(got.body), &page); err != nil {
					t.Fatalf("%v: %s", err, got.body)
				}
				for _, item := range page.Items {
					names = append(names, item.Name+item.ID)
				}
				if page.Next == nil {
					break
				}
				cursor = *page.Next
			}
			if got := strings.Join(names, " "); got != want {
				t.Errorf("%s by %s: %s, want %s", path, limit, got, want)
			}
		}
	}
	if got := newRig(t, nil).ask(t, "GET", "/v1/accounts", "", nil).body; !strings.Contains(got, `{"items":[],"next":null}`) {
		t.Errorf("empty list: %s", got)
	}
}

func TestCreateAccount(t *testing.T) {
	r := newRig(t, nil)
	got := r.ask(t, "POST", "/v1/accounts", `{"name":"Carol"}`, nil)
	if got.status != 201 || got.header.Get("Location") != "/v1/accounts/carol" {
		t.Fatalf("%d, Location %q: %s", got.status, got.header.Get("Location"), got.body)
	}
	var bundle struct{ Account, URI, PSK string }
	if err := json.Unmarshal([]byte(got.body), &bundle); err != nil || bundle.Account != "carol" || bundle.PSK == "" {
		t.Errorf("bundle: %v, %s", err, got.body)
	}
	r.ask(t, "POST", "/v1/accounts", `{"name":"carol"}`, nil).problem(t, 409)
	if got := r.ask(t, "GET", "/v1/accounts/CAROL", "", nil); got.status != 200 || strings.Contains(got.body, "psk") {
		t.Errorf("%d: %s", got.status, got.body)
	}
	if strings.Contains(r.log.String(), bundle.PSK) {
		t.Error("the log holds the key")
	}
}

func TestNewRefuses(t *testing.T) {
	if _, err := New(Config{Server: newFake()}); !errors.Is(err, ErrConfig) {
		t.Errorf("no token: %v", err)
	}
	if _, err := New(Config{Tokens: make([]TokenHash, 1)}); !errors.Is(err, ErrConfig) {
		t.Errorf("no server: %v", err)
	}
}

// TestDescription holds the description of the API, which other people generate clients from.
func TestDescription(t *testing.T) {
	r := newRig(t, nil)
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, []byte(r.ask(t, "GET", "/openapi.json", "", nil).body), "", " "); err != nil {
		t.Fatal(err)
	}
	golden(t, filepath.Join("testdata", "openapi.json"), pretty.String())
}
