package admin

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/conclave/conclave/server"
)

// TestWhatIsAudited: who changed what by which token, what was forbidden to whom, and who read the trail; no look, no body, no secret.
func TestWhatIsAudited(t *testing.T) {
	r := newRig(t, nil)
	viewer := r.grant("v", server.Viewer, "", false)
	as := func(token string) func(*http.Request) {
		return func(q *http.Request) { q.Header.Set("Authorization", "Bearer "+token) }
	}
	const canary = "canary-in-a-body"
	r.ask(t, "GET", "/v1/rooms", "", nil)
	r.ask(t, "PATCH", "/v1/rooms/demo/seats/s2?x="+canary, `{"muted":true}`, nil)
	r.ask(t, "PATCH", "/v1/rooms/demo/seats/s2", `{"muted":true}`, nil)
	r.ask(t, "POST", "/v1/accounts", `{"name":"bob","display_name":"`+canary+`"}`, nil)
	r.ask(t, "DELETE", "/v1/rooms/demo/seats/none", "", nil)
	r.ask(t, "DELETE", "/v1/rooms/demo/seats/s2", "", as(viewer))
	r.ask(t, "GET", "/v1/tokens", "", as(viewer))
	r.ask(t, "GET", "/v1/audit?limit=1", "", nil)
	r.ask(t, "DELETE", "/v1/accounts/"+strings.Repeat("%C3%BC", 100), "", nil)
	r.ask(t, "PUT", "/v1/rooms", "", nil)
	r.ask(t, "POST", "/v1/nothing", "{}", nil)
	r.ask(t, "GET", "/healthz", "", nil)
	r.ask(t, "DELETE", "/v1/accounts/bob", "", as(strings.Repeat("A", 43)))
	const seat = "/v1/rooms/{room}/seats/{seat}"
	want := []server.AdminAction{
		{By: "file", Operation: "PATCH " + seat, Path: "/v1/rooms/demo/seats/s2", Status: 422},
		{By: "file", Operation: "PATCH " + seat, Path: "/v1/rooms/demo/seats/s2", Status: 200},
		{By: "file", Operation: "POST /v1/accounts", Path: "/v1/accounts", Status: 201},
		{By: "file", Operation: "DELETE " + seat, Path: "/v1/rooms/demo/seats/none", Status: 404},
		{By: "token:v", Operation: "DELETE " + seat, Path: "/v1/rooms/demo/seats/s2", Status: 403},
		{By: "token:v", Operation: "GET /v1/tokens", Path: "/v1/tokens", Status: 403},
		{By: "file", Operation: "GET /v1/audit", Path: "/v1/audit", Status: 200},
		{By: "file", Operation: "DELETE /v1/accounts/{account}", Path: "/v1/accounts/" + strings.Repeat("ü", 121), Status: 404},
		{Operation: "wrong token", Path: "/v1/accounts/bob", Status: 401},
	}
	want[7].Path = clip("/v1/accounts/"+strings.Repeat("ü", 100), maxAuditedPath)
	for i := range want {
		want[i].Source = "127.0.0.1"
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if diff := cmp.Diff(want, r.acts); diff != "" {
		t.Error(diff)
	}
}

// TestClip cuts between characters.
func TestClip(t *testing.T) {
	for _, c := range [][2]string{{"abcd", "abcd"}, {"abcde", "abcd"}, {"abcü", "abc"}, {"abüc", "abü"}} {
		if got := clip(c[0], 4); got != c[1] {
			t.Errorf("%q: %q, want %q", c[0], got, c[1])
		}
	}
}

// TestATrailThatFails does not keep the operator from what he does; the log has it.
func TestATrailThatFails(t *testing.T) {
	r := newRig(t, nil)
	r.noTrail = errors.New("disk full")
	if got := r.ask(t, "PATCH", "/v1/rooms/demo/seats/s2", `{"muted":true}`, nil); got.status != 200 {
		t.Errorf("%d", got.status)
	}
	if log := r.log.String(); !strings.Contains(log, "the audit trail lacks") || !strings.Contains(log, "disk full") {
		t.Errorf("%s", log)
	}
}

// TestTheTrailInPages: by cursor and by number, every record once, as it stands in the trail.
func TestTheTrailInPages(t *testing.T) {
	r := newRig(t, nil)
	var all []string
	for path := "/v1/audit?limit=2&after=1"; path != ""; {
		var page struct {
			Items []json.RawMessage `json:"items"`
			Next  *string           `json:"next"`
		}
		got := r.ask(t, "GET", path, "", nil)
		if err := json.Unmarshal([]byte(got.body), &page); err != nil || got.status != 200 {
			t.Fatalf("%d %s: %v", got.status, got.body, err)
		}
		for _, item := range page.Items {
			all = append(all, string(item))
		}
		if path = ""; page.Next != nil {
			path = "/v1/audit?limit=2&cursor=" + *page.Next
		}
	}
	const first = `{"seq":2,"time":"2026-03-04T05:06:07Z","type":"seat.joined","room":"demo","by":"<b>","data":{"a":"<i>"},"prev":"` +
		"0000000000000000000000000000000000000000000000000000000000000000" + `"}`
	if len(all) != 6 || all[0] != first {
		t.Errorf("%d: %s", len(all), all[0])
	}
	for _, bad := range []string{"cursor=!", "cursor=YWJj", "after=-1", "after=x", "limit=0"} {
		r.ask(t, "GET", "/v1/audit?"+bad, "", nil).problem(t, 422)
	}
	r.fail = server.ErrAuditUnreadable
	r.ask(t, "GET", "/v1/audit", "", nil).problem(t, 503)
}
