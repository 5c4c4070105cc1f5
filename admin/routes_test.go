package admin

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
)

// routes is every route with a token, and a body that it takes.
var routes = []struct {
	method, path, body string
	want               int
}{
	{"GET", "/v1/accounts", "", 200},
	{"POST", "/v1/accounts", `{"name":"Bob","display_name":"Bob B.","cert":"rsa","policy":"phones","md5":true}`, 201},
	{"GET", "/v1/accounts/bob", "", 200},
	{"PATCH", "/v1/accounts/bob", `{"disabled":true,"policy":"","devices":[{"name":"desk","uri":"sip:desk@192.0.2.7"}]}`, 200},
	{"POST", "/v1/accounts/bob/rotate", `{"cert":"rsa"}`, 200},
	{"GET", "/v1/moves/m1", "", 200},
	{"GET", "/v1/self", "", 200},
	{"GET", "/v1/node", "", 200},
	{"PUT", "/v1/node/drain", "", 200},
	{"DELETE", "/v1/node/drain", "", 200},
	{"GET", "/v1/tokens", "", 200},
	{"POST", "/v1/tokens", `{"name":"wall board","role":"viewer","room":"demo","lifetime_s":3600}`, 201},
	{"GET", "/v1/tokens/t1", "", 200},
	{"GET", "/v1/audit", "", 200},
	{"GET", "/v1/audit/key", "", 200},
	{"GET", "/v1/webhooks", "", 200},
	{"GET", "/v1/rooms", "", 200},
	{"POST", "/v1/rooms", `{"name":"Board","policy":"standard","locked":true,"max_seats":7,"pin":"1234","permanent":true,"moderators":["ann"],"keys":true,"tones":true,"prompts":false}`, 201},
	{"GET", "/v1/rooms/demo", "", 200},
	{"PATCH", "/v1/rooms/demo", `{"locked":true,"max_seats":9,"policy":"standard","pin":"","muted":true,"moderators":[],"keys":true,"tones":true,"prompts":false}`, 200},
	{"GET", "/v1/rooms/demo/seats", "", 200},
	{"POST", "/v1/rooms/demo/seats", `{"uri":"sip:bob@test","keying":"mikey-dh"}`, 202},
	{"GET", "/v1/rooms/demo/seats/s2", "", 200},
	{"PATCH", "/v1/rooms/demo/seats/s2", `{"muted":true,"deaf":false,"gain_db":-3.5,"position":{"azimuth":-30}}`, 200},
	{"POST", "/v1/rooms/demo/seats/s2/rekey", "", 202},
	{"POST", "/v1/rooms/demo/seats/s2/reinvite", "", 202},
	{"POST", "/v1/rooms/demo/seats/s2/moves", `{"target":"sip:a1@192.0.2.7"}`, 202},
	{"DELETE", "/v1/rooms/demo/seats/s2", "", 204},
	{"DELETE", "/v1/rooms/demo/recording", "", 204},
	{"POST", "/v1/rooms/demo/recording", "", 201},
	{"GET", "/v1/recordings", "", 200},
	{"GET", "/v1/recordings/c1", "", 200},
	{"GET", "/v1/recordings/c1/content", "", 200},
	{"DELETE", "/v1/recordings/c1", "", 204},
	{"DELETE", "/v1/rooms/demo", "", 204},
	{"DELETE", "/v1/accounts/bob", "", 204},
	{"DELETE", "/v1/tokens/t1", "", 204},
}

func TestRoutes(t *testing.T) {
	r := newRig(t, nil)
	for _, route := range routes {
		got := r.ask(t, route.method, route.path, route.body, nil)
		if got.status != route.want {
			t.Errorf("%s %s: %d, want %d: %s", route.method, route.path, got.status, route.want, got.body)
		}
		if got.header.Get("X-Content-Type-Options") != "nosniff" || got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s %s lacks the security headers: %v", route.method, route.path, got.header)
		}
	}
	for _, route := range routes {
		for _, gone := range []string{"/v1/rooms/demo", "/v1/accounts/bob", "/v1/tokens/t1", "/v1/recordings/c1"} {
			if strings.HasPrefix(route.path, gone) {
				r.ask(t, route.method, route.path, route.body, nil).problem(t, 404)
			}
		}
	}
}

// TestRoutesAreAllTested holds the table above to the description: a route that is not in it fails the build.
func TestRoutesAreAllTested(t *testing.T) {
	r := newRig(t, nil)
	var api struct {
		Paths map[string]map[string]struct {
			Security []map[string][]string `json:"security"`
		} `json:"paths"`
	}
	if err := json.Unmarshal([]byte(r.ask(t, "GET", "/openapi.json", "", nil).body), &api); err != nil {
		t.Fatal(err)
	}
	shape := strings.NewReplacer("{account}", "bob", "{room}", "demo", "{seat}", "s2", "{move}", "m1", "{token}", "t1", "{recording}", "c1")
	for path, methods := range api.Paths {
		for method, op := range methods {
			tested := path == eventsPath // events_test.go, and TestTokens
			for _, route := range routes {
				tested = tested || (strings.EqualFold(method, route.method) && shape.Replace(path) == route.path)
			}
			if open := len(op.Security) == 0; open == tested {
				t.Errorf("%s %s: open %v, in the table %v", method, path, open, tested)
			}
		}
	}
}

func TestOpenRoutes(t *testing.T) {
	r := newRig(t, nil)
	stranger := func(q *http.Request) { q.Header.Del("Authorization") }
	for path, want := range map[string]string{
		"/healthz": `{"status":"ok"}`, "/readyz": `{"status":"ready"}`, "/metrics": "conclave_admin_refused_total",
		"/docs": "/v1/rooms/{room}/seats/{seat}", "/openapi.json": `"openapi":"3.1.0"`,
	} {
		if got := r.ask(t, "GET", path, "", stranger); got.status != 200 || !strings.Contains(got.body, want) {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	r.ready = errors.New("starting")
	r.ask(t, "GET", "/readyz", "", stranger).problem(t, 503)
	closed := newRig(t, func(c *Config) { c.MetricsToken = true })
	closed.ask(t, "GET", "/metrics", "", stranger).problem(t, 401)
}
