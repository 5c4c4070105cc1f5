package admin

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/conclave/conclave/server"
	"github.com/conclave/conclave/server/events"
)

// callers are who may ask, in the order of the table.
var callers = []string{"no token", "wrong token", "expired token", "viewer", "operator", "admin", "admin of the room", "admin of another"}

// verdicts asks a route in the name of each caller, each time of a server that is as at the start.
func (r *rig) verdicts(t *testing.T, method, path, body string) []int {
	t.Helper()
	var got []int
	for _, caller := range callers {
		fresh := newFake()
		r.mu.Lock()
		r.accounts, r.rooms, r.seats, r.tokens, r.kept = fresh.accounts, fresh.rooms, fresh.seats, fresh.tokens, fresh.kept
		r.recorded = map[string]bool{"demo": method == http.MethodDelete}
		r.accounts["bob"] = server.AccountView{Name: "bob"}
		r.mu.Unlock()
		text := map[string]string{
			"wrong token": strings.Repeat("A", 43), "expired token": r.grant("e", server.Administrator, "", true),
			"viewer": r.grant("v", server.Viewer, "", false), "operator": r.grant("o", server.Operator, "", false), "admin": r.grant("t1", server.Administrator, "", false),
			"admin of the room": r.grant("r", server.Administrator, "demo", false), "admin of another": r.grant("x", server.Administrator, "zoo", false),
		}[caller]
		as := func(q *http.Request) {
			if q.Header.Del("Authorization"); text != "" {
				q.Header.Set("Authorization", "Bearer "+text)
			}
		}
		if strings.HasPrefix(path, eventsPath) {
			got = append(got, r.begins(t, path, as))
			continue
		}
		got = append(got, r.ask(t, method, path, body, as).status)
	}
	return got
}

// begins gives the status of an answer that has no end.
func (r *rig) begins(t *testing.T, path string, edit func(*http.Request)) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.base+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	edit(req)
	resp, err := r.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// TestRoutesByRole asks every route of the live router in every role. What comes out is docs/routes.md, which other people read; the
// rules that it must keep whatever the roles of single routes are checked here.
func TestRoutesByRole(t *testing.T) {
	now := start
	r := newRig(t, func(c *Config) {
		c.MetricsToken = true
		c.Now = func() time.Time { now = now.Add(time.Minute); return now }
	})
	var rows []string
	r.ring = events.New(1, time.Now)
	defer r.ring.Close()
	err := chi.Walk(r.admin.handler.(chi.Routes), func(method, pattern string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		path, body, known := sample(method, pattern)
		if !known && !r.admin.open(pattern) {
			return errors.New("no sample request; add one to routes")
		}
		got := r.verdicts(t, method, path, body)
		row := make([]string, len(got))
		for i, status := range got {
			row[i] = "yes"
			if status == 401 || status == 403 {
				row[i] = fmt.Sprint(status)
			} else if status >= 400 {
				t.Errorf("%s %s as %s: %d, which tells nothing about roles", method, path, callers[i], status)
			}
		}
		rows = append(rows, fmt.Sprintf("| `%s` | %s | %s |\n", pattern, method, strings.Join(row, " | ")))
		if !r.admin.open(pattern) {
			keepsRules(t, method, pattern, got)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(rows) // the router walks the methods of a route in any order
	head := fmt.Sprintf(routesHead, strings.Join(callers, " | "), strings.Repeat("---|", len(callers)+2))
	golden(t, filepath.Join("..", "docs", "routes.md"), head+strings.Join(rows, ""))
}

// keepsRules holds what is true of every route that wants a token.
func keepsRules(t *testing.T, method, pattern string, got []int) {
	t.Helper()
	passes := func(caller string) bool {
		for i, name := range callers {
			if name == caller {
				return got[i] < 400
			}
		}
		t.Fatalf("nobody is called %q", caller)
		return false
	}
	const self = "/v1/self" // of which everybody hears what he may do
	for i, status := range got[:3] {
		if status != 401 {
			t.Errorf("%s %s with %s: %d, want 401", method, pattern, callers[i], status)
		}
	}
	for _, rule := range []struct {
		name string
		hold bool
	}{
		{"a viewer only looks", method == "GET" || !passes("viewer")},
		{"an operator may do what a viewer may", !passes("viewer") || passes("operator")},
		{"an admin may do all", passes("admin")},
		{"the token of a room is for what is about the room", !passes("admin of the room") || strings.Contains(pattern, "{room}") ||
			slices.Contains([]string{"/v1/moves/{move}", eventsPath, self}, pattern)},
		{"the token of another room is for nothing here", !passes("admin of another") || pattern == self},
		{"what was said is the admin's", !strings.HasPrefix(pattern, "/v1/recordings") || !passes("operator")},
		{"secrets are the admin's", !strings.HasPrefix(pattern, "/v1/tokens") || !passes("operator")},
	} {
		if !rule.hold {
			t.Errorf("%s %s: not true that %s", method, pattern, rule.name)
		}
	}
}

// sample is a request of a route that the server takes.
func sample(method, pattern string) (path, body string, known bool) {
	path = strings.NewReplacer("{account}", "bob", "{room}", "demo", "{seat}", "s2", "{move}", "m1", "{token}", "t1", "{recording}", "c1", "/*", "/").Replace(pattern)
	if path == eventsPath {
		return path + "?room=demo", "", true
	}
	for _, route := range routes {
		if route.method == method && route.path == path {
			body = strings.Replace(route.body, `"name":"Bob"`, `"name":"new"`, 1)
			return path, body, true
		}
	}
	return path, "", pattern == "/metrics"
}

// golden holds a text to a file, or with -update the file to the text.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is not what the program does; look at it, then run the test with -update: %s", file, diff)
	}
}

const routesHead = `# Who may use which route

Made by ` + "`go test ./admin -run TestRoutesByRole -update`" + `, which asks each route of the live router in every role; the test fails where this
file does not say what the program does. ` + "`yes`" + ` is any answer but 401 and 403. A client certificate counts as a token of its role.
A token of a room is good for what is about that room. /metrics is as here where the API listens beyond loopback; on loopback it is open.

| route | method | %s |
|%s
`

// TestAuthorize: what authorize is not told, it refuses.
func TestAuthorize(t *testing.T) {
	const all = server.Viewer
	for _, test := range []struct {
		name string
		p    *principal
		g    server.Role
		room string
		may  bool
	}{
		{"nobody", nil, all, "demo", false},
		{"a role that is none", &principal{role: "root"}, all, "demo", false},
		{"no role", &principal{}, all, "demo", false},
		{"a route that declares nothing", &principal{role: server.Administrator}, "", "demo", false},
		{"a route that asks for a role that is none", &principal{role: server.Administrator}, "root", "", false},
		{"one room where the request names none", &principal{role: server.Administrator, room: "demo"}, all, "", false},
		{"one room", &principal{role: server.Viewer, room: "demo"}, all, "demo", true},
		{"every room", &principal{role: server.Viewer}, all, "demo", true},
	} {
		if why := authorize(test.p, test.g, test.room); (why == "") != test.may {
			t.Errorf("%s: %q", test.name, why)
		}
	}
}

// TestScopeIsOfTheHandlersRoom: whatever way a path spells a room, the room that is authorised is the one that the handler works on.
func TestScopeIsOfTheHandlersRoom(t *testing.T) {
	r := newRig(t, nil)
	mine := r.grant("r", server.Operator, "zoo", false)
	as := func(q *http.Request) { q.Header.Set("Authorization", "Bearer "+mine) }
	for _, path := range []string{
		"/v1/rooms/demo", "/v1/rooms/DEMO", "/v1/rooms/d%65mo", "/v1/rooms/zoo%2F..%2Fdemo", "/v1/rooms/demo%00zoo", "/v1/rooms/demo?room=zoo", "/v1/rooms/demo;zoo",
	} {
		r.ask(t, "GET", path, "", as).problem(t, 403)
	}
	for _, path := range []string{"/v1/rooms/zoo", "/v1/rooms/ZOO", "/v1/rooms/z%6Fo"} {
		if got := r.ask(t, "GET", path, "", as); got.status != 200 || !strings.Contains(got.body, `"zoo"`) {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	if got := r.ask(t, "GET", "/v1/rooms", "", as); got.header.Get("WWW-Authenticate") != insufficient {
		t.Errorf("the refusal has no challenge: %v", got.header)
	}
}

// TestListenerIsOver: whose token is revoked hears no more.
func TestListenerIsOver(t *testing.T) {
	r := newStage(t, 16)
	admin := r.token
	r.token = r.grant("t1", server.Viewer, "demo", false)
	s := r.listens(t, "?room=demo", 0)
	if s.resp.StatusCode != 200 {
		t.Fatalf("status %d", s.resp.StatusCode)
	}
	s.block() // how long to wait before listening again
	r.ring.Publish(server.Event{Type: server.EventSeatJoined, Room: "demo"})
	if got := strings.Join(s.block(), " "); !strings.Contains(got, "seat.joined") {
		t.Errorf("heard %q", got)
	}
	r.token = admin
	if got := r.ask(t, "DELETE", "/v1/tokens/t1", "", nil); got.status != 204 {
		t.Fatal(got.body)
	}
	r.ring.Publish(server.Event{Type: server.EventSeatLeft, Room: "demo"})
	if rest, err := io.ReadAll(s.text); !errors.Is(err, syscall.ECONNRESET) || len(rest) != 0 {
		t.Errorf("heard %q, %v after the end", rest, err)
	}
}

// TestListenerExpires: whose token is over without anybody having said so hears no more, in good order.
func TestListenerExpires(t *testing.T) {
	r := newStage(t, 16)
	r.token = r.grant("t1", server.Viewer, "demo", false)
	s := r.listens(t, "?room=demo", 0)
	if s.resp.StatusCode != 200 {
		t.Fatalf("status %d", s.resp.StatusCode)
	}
	s.block() // how long to wait before listening again
	if err := r.fake.DeleteToken(t.Context(), "t1"); err != nil {
		t.Fatal(err)
	}
	r.ring.Publish(server.Event{Type: server.EventSeatJoined, Room: "demo"})
	if rest, err := io.ReadAll(s.text); err != nil || len(rest) != 0 {
		t.Errorf("heard %q, %v after the end", rest, err)
	}
}

// TestPace: whoever asks too much waits, and nobody else does.
func TestPace(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Now = func() time.Time { return start } })
	r.admin.paces = newPaces(func() time.Time { return start })
	for range requestsBurst {
		if !r.admin.paces.allow("file") {
			t.Fatal("refused within the burst")
		}
	}
	got := r.ask(t, "GET", "/v1/rooms", "", nil)
	if got.problem(t, 429); got.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	other := r.grant("o", server.Viewer, "", false)
	if got := r.ask(t, "GET", "/v1/rooms", "", func(q *http.Request) { q.Header.Set("Authorization", "Bearer "+other) }); got.status != 200 {
		t.Errorf("another token: %d", got.status)
	}
	for i := range 2 * maxPaces {
		r.admin.paces.allow(fmt.Sprint(i))
	}
	if len(r.admin.paces.by) > maxPaces {
		t.Errorf("%d rates are kept", len(r.admin.paces.by))
	}
}
