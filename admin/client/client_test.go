package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newClient gives a client of a server that notes each request and answers with the handler.
func newClient(t *testing.T, handler http.HandlerFunc) (*Client, *[]string) {
	t.Helper()
	var seen []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		seen = append(seen, strings.TrimSpace(fmt.Sprintf("%s %s %s %s", r.Method, r.URL.RequestURI(), r.Header.Get("Content-Type"), body)))
		if got := r.Header.Get("Authorization"); got != "Bearer secret-token" {
			t.Errorf("Authorization %q", got)
		}
		handler(w, r)
	}))
	t.Cleanup(srv.Close)
	c, err := New(Options{URL: srv.URL + "/", Token: "secret-token"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, &seen
}

func answer(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
}

func TestCalls(t *testing.T) {
	yes, gain := true, -3.5
	tests := map[string]struct {
		call   func(context.Context, *Client) error
		answer string
		want   string
	}{
		"health": {func(ctx context.Context, c *Client) error { return c.Health(ctx) }, "", "GET /healthz"},
		"ready":  {func(ctx context.Context, c *Client) error { return c.Ready(ctx) }, "", "GET /readyz"},
		"create": {func(ctx context.Context, c *Client) error {
			b, err := c.CreateAccount(ctx, NewAccount{Name: "bob", Cert: "rsa", Policy: "phones", MD5: true})
			if string(b) != `{"account":"bob"}` {
				return fmt.Errorf("bundle %s", b)
			}
			return err
		}, `{"account":"bob"}`, `POST /v1/accounts application/json {"name":"bob","cert":"rsa","policy":"phones","md5":true}`},
		"account": {func(ctx context.Context, c *Client) error {
			a, err := c.Account(ctx, "a/b?")
			if a.Name != "a" {
				return fmt.Errorf("account %+v", a)
			}
			return err
		}, `{"name":"a"}`, "GET /v1/accounts/a%2Fb%3F"},
		"patch account": {func(ctx context.Context, c *Client) error {
			_, err := c.PatchAccount(ctx, "a", AccountPatch{Disabled: &yes})
			return err
		}, `{}`, `PATCH /v1/accounts/a application/json {"disabled":true}`},
		"rotate": {func(ctx context.Context, c *Client) error {
			_, err := c.RotateAccount(ctx, "a", "rsa")
			return err
		}, `{}`, `POST /v1/accounts/a/rotate application/json {"cert":"rsa"}`},
		"delete": {func(ctx context.Context, c *Client) error { return c.DeleteAccount(ctx, "a") }, "", "DELETE /v1/accounts/a"},
		"room": {func(ctx context.Context, c *Client) error {
			r, err := c.Room(ctx, "demo")
			if r.Weakest == nil || r.Weakest.Suite != "x" {
				return fmt.Errorf("room %+v", r)
			}
			return err
		}, `{"name":"demo","weakest":{"suite":"x"}}`, "GET /v1/rooms/demo"},
		"seat": {func(ctx context.Context, c *Client) error {
			s, err := c.Seat(ctx, "demo", "s1")
			if s.Leg == nil || s.Leg.Keying.CSBID != 7 {
				return fmt.Errorf("seat %+v", s)
			}
			return err
		}, `{"id":"s1","leg":{"keying":{"csb_id":7}}}`, "GET /v1/rooms/demo/seats/s1"},
		"patch seat": {func(ctx context.Context, c *Client) error {
			_, err := c.PatchSeat(ctx, "demo", "s1", SeatPatch{Muted: &yes, GainDB: &gain})
			return err
		}, `{}`, `PATCH /v1/rooms/demo/seats/s1 application/json {"muted":true,"gain_db":-3.5}`},
		"rekey": {func(ctx context.Context, c *Client) error { return c.Rekey(ctx, "demo", "s1") }, "", "POST /v1/rooms/demo/seats/s1/rekey"},
		"reinvite": {
			func(ctx context.Context, c *Client) error { return c.Reinvite(ctx, "demo", "s1") }, "", "POST /v1/rooms/demo/seats/s1/reinvite",
		},
		"token": {func(ctx context.Context, c *Client) error {
			text, token, err := c.CreateToken(ctx, NewToken{Name: "board", Role: "viewer", Room: "demo"})
			if text != "s3cret" || token.ID != "t1" {
				return fmt.Errorf("token %q %+v", text, token)
			}
			return err
		}, `{"token":"s3cret","id":"t1"}`, `POST /v1/tokens application/json {"name":"board","role":"viewer","room":"demo"}`},
		"audit key": {func(ctx context.Context, c *Client) error {
			k, err := c.AuditKey(ctx)
			if k.Key != "AAAA" || k.Head.Seq != 7 || k.Head.Hash != "00" {
				return fmt.Errorf("key %+v", k)
			}
			return err
		}, `{"algorithm":"Ed25519","key":"AAAA","head":{"seq":7,"hash":"00"}}`, "GET /v1/audit/key"},
		"revoke": {func(ctx context.Context, c *Client) error { return c.DeleteToken(ctx, "t1") }, "", "DELETE /v1/tokens/t1"},
		"open room": {func(ctx context.Context, c *Client) error {
			_, err := c.CreateRoom(ctx, NewRoom{Name: "board", MaxSeats: 3, Permanent: &yes})
			return err
		}, `{}`, `POST /v1/rooms application/json {"name":"board","max_seats":3,"permanent":true}`},
		"patch room": {func(ctx context.Context, c *Client) error {
			_, err := c.PatchRoom(ctx, "board", RoomPatch{Muted: &yes})
			return err
		}, `{}`, `PATCH /v1/rooms/board application/json {"muted":true}`},
		"call out": {func(ctx context.Context, c *Client) error {
			_, err := c.CallOut(ctx, "board", CallRequest{URI: "sip:bob@x", Keying: "mikey-dh"})
			return err
		}, `{}`, `POST /v1/rooms/board/seats application/json {"uri":"sip:bob@x","keying":"mikey-dh"}`},
		"record": {func(ctx context.Context, c *Client) error {
			r, err := c.BeginRecording(ctx, "board")
			if r.ID != "c1" || !r.Running {
				return fmt.Errorf("recording %+v", r)
			}
			return err
		}, `{"id":"c1","running":true}`, "POST /v1/rooms/board/recording"},
		"end recording":    {func(ctx context.Context, c *Client) error { return c.EndRecording(ctx, "board") }, "", "DELETE /v1/rooms/board/recording"},
		"delete recording": {func(ctx context.Context, c *Client) error { return c.DeleteRecording(ctx, "c1") }, "", "DELETE /v1/recordings/c1"},
		"recordings": {func(ctx context.Context, c *Client) error {
			some, err := c.Recordings(ctx)
			if len(some) != 1 || some[0].Reason != "stopped" {
				return fmt.Errorf("recordings %+v", some)
			}
			return err
		}, `{"items":[{"id":"c1","reason":"stopped"}],"next":null}`, "GET /v1/recordings?limit=1000"},
		"node": {func(ctx context.Context, c *Client) error {
			n, err := c.Node(ctx)
			if n.Remaining != 7 {
				return fmt.Errorf("node %+v", n)
			}
			return err
		}, `{"remaining":7}`, "GET /v1/node"},
		"drain": {func(ctx context.Context, c *Client) error {
			n, err := c.Drain(ctx, true)
			if n.State != "draining" {
				return fmt.Errorf("node %+v", n)
			}
			return err
		}, `{"state":"draining"}`, "PUT /v1/node/drain"},
		"end drain": {func(ctx context.Context, c *Client) error { _, err := c.Drain(ctx, false); return err }, `{}`, "DELETE /v1/node/drain"},
		"end room":  {func(ctx context.Context, c *Client) error { return c.DeleteRoom(ctx, "board") }, "", "DELETE /v1/rooms/board"},
		"hang up":   {func(ctx context.Context, c *Client) error { return c.HangUp(ctx, "demo", "s1") }, "", "DELETE /v1/rooms/demo/seats/s1"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c, seen := newClient(t, answer(test.answer))
			if err := test.call(t.Context(), c); err != nil {
				t.Error(err)
			}
			if got := strings.Join(*seen, "\n"); strings.Join(strings.Fields(got), " ") != test.want {
				t.Errorf("sent %q, want %q", got, test.want)
			}
		})
	}
}

func TestMetrics(t *testing.T) {
	c, seen := newClient(t, answer("# HELP a x\n# TYPE a counter\na 1\n\nb{x=\"y z\",w=\"}\"} 2.5e3 1700000000000\nc{} +Inf\n"))
	all, err := c.Metrics(t.Context())
	if err != nil || len(all) != 3 || all["a"] != 1 || all[`b{x="y z",w="}"}`] != 2500 || !math.IsInf(all["c{}"], 1) {
		t.Errorf("%v, %v", all, err)
	}
	if (*seen)[0] != "GET /metrics" {
		t.Errorf("sent %q", *seen)
	}
	for _, text := range []string{"a\n", "a b\n", "<html>\n", "{x=\"y\"}\n", " 1\n"} {
		c, _ := newClient(t, answer(text))
		if all, err := c.Metrics(t.Context()); !errors.Is(err, ErrAnswer) {
			t.Errorf("%q: %v, %v", text, all, err)
		}
	}
}

func TestLists(t *testing.T) {
	c, seen := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Query().Get("cursor") {
		case "":
			_, _ = io.WriteString(w, `{"items":[{"name":"a"},{"name":"b"}],"next":"x="}`)
		default:
			_, _ = io.WriteString(w, `{"items":[{"name":"c"}],"next":null}`)
		}
	})
	accounts, err := c.Accounts(t.Context())
	if err != nil || len(accounts) != 3 || accounts[2].Name != "c" {
		t.Errorf("%v, %v", accounts, err)
	}
	rooms, err := c.Rooms(t.Context())
	if err != nil || len(rooms) != 3 {
		t.Errorf("%v, %v", rooms, err)
	}
	if _, err := c.Seats(t.Context(), "demo"); err != nil {
		t.Error(err)
	}
	if (*seen)[1] != "GET /v1/accounts?cursor=x%3D&limit=1000" || (*seen)[4] != "GET /v1/rooms/demo/seats?limit=1000" {
		t.Errorf("sent %q", *seen)
	}
	endless, _ := newClient(t, answer(`{"items":[],"next":"x"}`))
	if _, err := endless.Rooms(t.Context()); !errors.Is(err, ErrAnswer) {
		t.Errorf("a list without end: %v", err)
	}
}

func TestProblems(t *testing.T) {
	for status, want := range map[int]error{
		400: ErrInvalid, 401: ErrToken, 403: ErrToken, 404: ErrNotFound, 409: ErrExists, 413: ErrInvalid, 415: ErrInvalid,
		422: ErrInvalid, 429: ErrToken, 503: ErrBusy, 504: ErrBusy, 500: nil,
	} {
		c, _ := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(status)
			fmt.Fprintf(w, `{"title":"T","status":%d,"detail":"words","errors":[{"message":"m","location":"body.name"}]}`, status)
		})
		_, err := c.Rooms(t.Context())
		var p *Problem
		if !errors.As(err, &p) || p.Status != status || p.RetryAfter != 7*time.Second || (want != nil && !errors.Is(err, want)) {
			t.Errorf("%d: %v", status, err)
		} else if msg := p.Error(); !strings.Contains(msg, "words; body.name: m") {
			t.Errorf("%d: %s", status, msg)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	for field, want := range map[string]time.Duration{
		"": 0, "0": 0, "1": time.Second, "120": 2 * time.Minute, "-1": 0, "soon": 0, "1.5": 0,
		"Fri, 27 Nov 2026 12:00:30 GMT": 30 * time.Second, "Fri, 27 Nov 2026 11:59:00 GMT": 0,
		"99999999999999999999": (1<<31 - 1) * time.Second,
	} {
		if got := retryAfter(field, now); got != want {
			t.Errorf("%q: %v, want %v", field, got, want)
		}
	}
}

func TestStrangeAnswers(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"no JSON":    answer("<html>"),
		"wrong JSON": answer(`{"items":7}`),
		"too long":   answer(strings.Repeat(" ", maxAnswer+1)),
		"other server": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "nope", http.StatusNotFound)
		},
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/elsewhere" {
				t.Error("the token was sent elsewhere")
			}
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		},
	} {
		c, _ := newClient(t, handler)
		if _, err := c.Rooms(t.Context()); !errors.Is(err, ErrAnswer) {
			t.Errorf("%s: %v", name, err)
		} else if strings.Contains(err.Error(), "secret-token") {
			t.Errorf("%s: the error holds the token", name)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c, _ := newClient(t, answer(""))
	if err := c.Health(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestNew(t *testing.T) {
	for url, want := range map[string]string{
		"127.0.0.1:8060": "http://127.0.0.1:8060", "https://admin.example/": "https://admin.example", "http://[::1]:1/x/": "http://[::1]:1/x",
		"ftp://x": "", "http://": "", "http://user:pass@x": "", "": "", "http://x\x7f": "",
	} {
		c, err := New(Options{URL: url})
		if want == "" {
			if !errors.Is(err, ErrOptions) || strings.Contains(err.Error(), "pass") {
				t.Errorf("%q: %v", url, err)
			}
		} else if err != nil || c.base != want {
			t.Errorf("%q: %v, %v", url, c, err)
		}
	}
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	if _, _, err := Open(dir); !errors.Is(err, ErrNotServing) {
		t.Errorf("no file: %v", err)
	}
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	write("ready.json", "{")
	if _, _, err := Open(dir); err == nil {
		t.Error("a cut file was read")
	}
	token := write("admin.token", " tok\n")
	write("ready.json", fmt.Sprintf(`{"pid":7,"sip_udp":"127.0.0.1:5060","admin":"127.0.0.1:8060","admin_token_file":%q,"data":%q}`, token, dir))
	c, r, err := Open(dir)
	if err != nil || c.token != "tok" || c.base != "http://127.0.0.1:8060" || r.PID != 7 || r.SIPUDP != "127.0.0.1:5060" {
		t.Errorf("%+v, %v", r, err)
	}
	for _, text := range []string{"", "two words", "two\nlines", strings.Repeat("a", maxFile+1)} {
		write("admin.token", text)
		if _, _, err := Open(dir); err == nil {
			t.Errorf("token file %.20q was taken", text)
		}
	}
}

// TestViewsAreTheAPIs holds the types of this package to the description of the API, field by field.
func TestViewsAreTheAPIs(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "testdata", "openapi.json"))
	if err != nil {
		t.Fatal(err)
	}
	var api struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]any `json:"properties"`
			} `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(text, &api); err != nil {
		t.Fatal(err)
	}
	for schema, view := range map[string]any{
		"RoomView": Room{}, "WeakestView": Weakest{}, "SeatView": Seat{}, "LegView": Leg{}, "KeyingView": Keying{}, "QualityView": Quality{},
		"SeatPatch": SeatPatch{}, "AccountView": Account{}, "NewAccount": NewAccount{}, "AccountPatch": AccountPatch{},
		"RecordingView": Recording{}, "NewToken": NewToken{}, "NewRoom": NewRoom{}, "RoomPatch": RoomPatch{}, "NodeView": Node{}, "NodeListens": Listeners{}, "NodePressure": Pressure{},
		"Position": Position{}, "PositionPatch": PositionPatch{}, "CallRequest": CallRequest{}, "MoveRequest": MoveRequest{}, "MoveView": Move{}, "TokenView": Token{},
	} {
		var want, got []string
		for name := range api.Components.Schemas[schema].Properties {
			want = append(want, name)
		}
		for field := range reflect.TypeOf(view).Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			got = append(got, name)
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: the client has %v, the API %v", schema, got, want)
		}
	}
}

// TestRemoteNeedsBoth names a server elsewhere by halves, and by a file that holds no token.
func TestRemoteNeedsBoth(t *testing.T) {
	for _, given := range [][2]string{{"", ""}, {"http://127.0.0.1:1", ""}, {"", "token"}, {"http://127.0.0.1:1", t.TempDir() + "/none"}} {
		if c, err := Remote(given[0], given[1]); !errors.Is(err, ErrOptions) {
			t.Errorf("%q: %v, %v", given, c, err)
		}
	}
}

// TestOtherClients: the same API by another token, or over connections that somebody else makes; the one they came from stays as it is.
func TestOtherClients(t *testing.T) {
	var asked []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Header.Get("Authorization"))
		w.WriteHeader(http.StatusNoContent)
	}))
	defer srv.Close()
	c, err := New(Options{URL: srv.URL, Token: "one"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	dialled := 0
	other := c.As("two").Over(func(ctx context.Context, network, address string) (net.Conn, error) {
		dialled++
		return (&net.Dialer{}).DialContext(ctx, network, address)
	})
	defer other.Close()
	for _, who := range []*Client{c, other, c, c.As("three")} {
		if err := who.Health(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Join(asked, ","); got != "Bearer one,Bearer two,Bearer one,Bearer three" || dialled != 1 {
		t.Errorf("asked as %s, %d connections of its own", got, dialled)
	}
}
