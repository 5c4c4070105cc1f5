package loadtest_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/conclave/conclave/admin/client"
	"github.com/conclave/conclave/keying"
)

// fuzzVariable is how many requests are made beyond those that are made of every route in any case; fuzzSeed another beginning.
const fuzzVariable, fuzzSeed = "CONCLAVE_API_FUZZ", "CONCLAVE_API_FUZZ_SEED"

// fuzzer asks a server of its own for whatever its description says that there is.
type fuzzer struct {
	*house
	*maker

	booth  *booth
	tokens map[string]string // by who asks
	spill  *canaries
	served map[string]bool   // operations that did what they were asked for
	last   map[string]string // what those answered last that did not
	shots  int
}

// shot is one request, made of an operation.
type shot struct {
	asked

	op     *apiOperation
	who    string
	what   string // is wrong with it
	route  bool   // the path was spoilt, so that it may lead elsewhere
	secret string // that somebody takes for an id
}

// askers are all who ask; what is of the description's roles has all of those before it.
var askers = []string{"nobody", "guesser", "viewer", "operator", "admin", "operator of the room", "admin of another"}

func newFuzzer(t *testing.T, seed uint64) *fuzzer {
	spill := newCanaries(t)
	f := &fuzzer{
		house: serve(t, spill.config()), spill: spill, served: make(map[string]bool), last: make(map[string]string), tokens: make(map[string]string),
		maker: &maker{Rand: rand.New(rand.NewPCG(seed, 0)), desc: new(apiDescription), known: make(map[string][]string)},
	}
	if err := json.Unmarshal(f.ask(asked{method: "GET", path: "/openapi.json"}).body, f.desc); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(f.srv.TokenFile())
	if err != nil {
		t.Fatal(err)
	}
	f.tokens["file"] = strings.TrimSpace(string(text))
	f.tokens["guesser"] = "guessed-by-somebody-0123456789abcdefghijklm"
	spill.add("the admin token", f.tokens["file"])
	spill.add("a wrong token", f.tokens["guesser"])
	f.booth = newBooth(f.house)
	spill.listen(f.house, f.tokens["file"])
	f.refresh()
	return f
}

// as asks by the file's token for what must be.
func (f *fuzzer) as(method, path, body string, want int) told {
	f.t.Helper()
	a := asked{method: method, path: path, token: f.tokens["file"], body: body}
	if body != "" {
		a.kind = "application/json"
	}
	got := f.ask(a)
	if got.status != want {
		f.t.Fatalf("%s %s %s: %d %s", method, path, body, got.status, got.body)
	}
	return got
}

// refresh has the room hall, which stands in the configuration, hold two calls, gives those who ask their tokens anew where they were
// revoked, and learns what there is.
func (f *fuzzer) refresh() {
	f.t.Helper()
	var roles []client.Token
	f.items("/v1/tokens", &roles)
	for who, ask := range map[string]string{
		"viewer": `{"name":"viewer","role":"viewer"}`, "operator": `{"name":"operator","role":"operator"}`, "admin": `{"name":"admin","role":"admin"}`,
		"operator of the room": `{"name":"operator of the room","role":"operator","room":"hall"}`, "admin of another": `{"name":"admin of another","role":"admin","room":"zoo"}`,
	} {
		if !slices.ContainsFunc(roles, func(v client.Token) bool { return v.Name == who }) {
			var made struct{ Token string }
			if err := json.Unmarshal(f.as("POST", "/v1/tokens", ask, 201).body, &made); err != nil {
				f.t.Fatal(err)
			}
			f.tokens[who] = made.Token
			f.spill.add("the token of "+who, made.Token)
		}
	}
	f.as("DELETE", "/v1/node/drain", "", 200)
	f.as("PATCH", "/v1/rooms/hall", `{"locked":false,"max_seats":50,"pin":"","moderators":[],"policy":"standard"}`, 200)
	seats := f.filled()
	for ; len(seats) < 2; seats = f.filled() {
		f.shots++
		b := f.account(fmt.Sprintf("phone%d", f.shots), "ecdsa")
		f.spill.bundle(b)
		f.booth.call(b, "hall", keying.MIKEYDH)
		f.seatOf("hall", b.Account)
	}
	f.learn(seats)
}

// filled are the seats of the room hall that can do what is asked of them: each has a leg, which one that is called and does not come has not,
// and an owner who may call and has a device to go to, whatever requests have made of his account.
func (f *fuzzer) filled() (seats []client.Seat) {
	f.t.Helper()
	f.items("/v1/rooms/hall/seats", &seats)
	return slices.DeleteFunc(seats, func(s client.Seat) bool {
		if s.Leg == nil {
			return true
		}
		got := f.ask(asked{
			method: "PATCH", path: "/v1/accounts/" + url.PathEscape(s.Account), token: f.tokens["file"], kind: "application/json",
			body: `{"devices":[{"name":"desk","uri":"` + f.desk(s.Account) + `"}]}`,
		})
		var owner client.Account
		return got.status != http.StatusOK || json.Unmarshal(got.body, &owner) != nil || owner.Disabled // the call of an account that is gone is about to end
	})
}

// items reads a list.
func (f *fuzzer) items(path string, into any) {
	f.t.Helper()
	var page struct{ Items json.RawMessage }
	err := json.Unmarshal(f.as("GET", path+"?limit=1000", "", 200).body, &page)
	if err == nil {
		err = json.Unmarshal(page.Items, into)
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

// learn notes what there is.
func (f *fuzzer) learn(seats []client.Seat) {
	f.t.Helper()
	list := func(path string) (names []string) {
		var all []struct{ ID, Name string }
		f.items(path, &all)
		for _, v := range all {
			if v.ID != "" {
				v.Name = v.ID
			}
			names = append(names, v.Name)
		}
		f.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		return names[:min(len(names), 8)]
	}
	f.known["seat"], f.known["uri"] = nil, nil
	for _, s := range seats {
		f.known["seat"], f.known["uri"] = append(f.known["seat"], s.ID), append(f.known["uri"], f.desk(s.Account))
	}
	f.known["room"], f.known["token"] = append(list("/v1/rooms"), slices.Repeat([]string{"hall"}, 8)...), list("/v1/tokens")
	f.known["account"], f.known["recording"] = list("/v1/accounts"), list("/v1/recordings")
	if len(f.known["recording"]) == 0 {
		for _, method := range []string{"POST", "DELETE"} { // 409 where one runs
			f.ask(asked{method: method, path: "/v1/rooms/hall/recording", token: f.tokens["file"]})
		}
		f.known["recording"] = list("/v1/recordings")
	}
	f.known["policy"], f.known["pin"], f.known["types"] = []string{"standard"}, f.spill.pins, []string{"seat.joined", "move.done"}
	f.known["target"], f.known["cert"] = f.known["uri"], []string{"ecdsa"} // RSA keys take long to make
}

// desk is a device of an account that rings, and nobody comes.
func (f *fuzzer) desk(account string) string {
	return "sip:" + account + "@" + f.spill.desk.LocalAddr().String()
}

// named asks for everything that has a name or a text with every hostile one.
func (f *fuzzer) named(method, path string, op *apiOperation) {
	f.t.Helper()
	s := f.desc.of(op.RequestBody.Content["application/json"].Schema)
	for name, property := range inOrder(s.Properties) {
		if property = f.desc.of(property); !slices.Contains(property.Type, "string") || len(property.Enum) > 0 {
			continue
		}
		for _, evil := range hostile {
			body := f.object(s)
			body[name] = evil
			shot := f.aim(method, path, op, "admin", "valid")
			shot.what, shot.body = name+" is hostile", written(body)
			f.shoot(shot)
		}
	}
}

// aim makes a request of an operation; what says what is wrong with it: a body of bodies, or one of oddities.
func (f *fuzzer) aim(method, pattern string, op *apiOperation, who, what string) shot {
	f.shots++
	f.known["name"] = []string{"n" + strconv.Itoa(f.shots), "N" + strconv.Itoa(f.shots), "n" + strconv.Itoa(f.shots), "hall"}
	s := shot{asked: asked{method: strings.ToUpper(method), token: f.tokens[who], header: make(http.Header)}, op: op, who: who, what: what, secret: f.tokens["file"]}
	query := make(url.Values)
	for _, p := range op.Parameters {
		value := f.parameter(p, what == p.In)
		switch p.In {
		case "path":
			pattern = strings.Replace(pattern, "{"+p.Name+"}", url.PathEscape(value), 1)
			s.route = s.route || what == "path"
		case "query":
			if what == "query" || f.IntN(3) == 0 {
				query.Set(p.Name, value)
			}
		case "header":
			if what == "header" || f.IntN(8) == 0 {
				s.header.Set(p.Name, strings.Map(fieldable, value))
			}
		}
	}
	if op.RequestBody != nil {
		makes := bodies[what]
		if makes == nil {
			makes = bodies["valid"]
		}
		s.kind, s.body = "application/json", makes(f.maker, f.desc.of(op.RequestBody.Content["application/json"].Schema))
	}
	if s.body == "" {
		s.kind = ""
	}
	s.path = pattern
	if twist := oddities[what]; twist != nil {
		twist(&s, query)
	}
	if len(query) > 0 {
		s.path += "?" + query.Encode()
	}
	return s
}

// parameter makes a value, good or bad.
func (f *fuzzer) parameter(p apiParameter, bad bool) string {
	if bad {
		return fmt.Sprint(f.spoilt(p.Name, p.Schema))
	}
	if list, ok := f.valid(p.Name, p.Schema).([]any); ok {
		return fmt.Sprint(list...)
	}
	return fmt.Sprint(f.valid(p.Name, p.Schema))
}

// fieldable leaves out what Go puts into no field.
func fieldable(r rune) rune {
	if unicode.IsControl(r) {
		return -1
	}
	return r
}

// oddities are wrong beside the body; of those that are places of parameters the parameters are.
var oddities = map[string]func(*shot, url.Values){
	"path": func(*shot, url.Values) {}, "query": func(*shot, url.Values) {}, "header": func(*shot, url.Values) {},
	"unknown parameter": func(_ *shot, q url.Values) { q.Set("access_token\u202e", "<b>") },
	"kind of body":      func(s *shot, _ url.Values) { s.kind, s.body = "text/plain", s.body+" " },
	"no kind of body":   func(s *shot, _ url.Values) { s.kind, s.body = "", s.body+" " },
	"form":              func(s *shot, _ url.Values) { s.kind, s.body = "application/x-www-form-urlencoded", "name=a" },
	"stray body":        func(s *shot, _ url.Values) { s.kind, s.body = "application/json", `{"name":"a"}` },
	"stray large body":  func(s *shot, _ url.Values) { s.kind, s.body = "application/json", strings.Repeat("[", 40<<10) },
	"stale":             func(s *shot, _ url.Values) { s.header.Set("If-Match", `"AAAAAAAAAAAAAAAA"`) },
	"asked again":       func(s *shot, _ url.Values) { s.header.Set("Idempotency-Key", "the-same-one") },
	"odd key":           func(s *shot, _ url.Values) { s.header.Set("Idempotency-Key", strings.Repeat("k ", 80)) },
	"origin":            func(s *shot, _ url.Values) { s.header.Set("Origin", "https://evil.example") },
	"secret path": func(s *shot, _ url.Values) { // taken for an id by mistake
		at := strings.LastIndexByte(s.path, '/') + 1
		s.path, s.route = s.path[:at]+s.secret, true
	},
	"secret query": func(s *shot, q url.Values) { q.Set("access_token", s.secret) },
	"two tokens": func(s *shot, _ url.Values) {
		s.header.Set("Cookie", "token="+s.token)
		s.header.Set("X-Forwarded-For", "127.0.0.1")
	},
}

// TestAPIFuzz asks every route in every role for what its description allows and for what it does not. Whatever comes, the answer is one that
// the description has, errors are problems, and no secret shows anywhere.
func TestAPIFuzz(t *testing.T) {
	number := func(name string, or int) int {
		if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
			return n
		}
		return or
	}
	seed := uint64(number(fuzzSeed, 1))
	f := newFuzzer(t, seed)
	whats := slices.Sorted(maps.Keys(bodies))
	whats = append(whats, slices.Sorted(maps.Keys(oddities))...)
	for path, methods := range inOrder(f.desc.Paths) {
		for method, op := range inOrder(methods) {
			for _, who := range askers {
				f.shoot(f.aim(method, path, op, who, "valid"))
			}
			if op.RequestBody != nil {
				f.named(method, path, op)
			}
			for _, what := range whats {
				if op.RequestBody != nil || bodies[what] == nil {
					f.shoot(f.aim(method, path, op, "admin", what))
				}
			}
		}
	}
	paths := slices.Sorted(maps.Keys(f.desc.Paths))
	for more := number(fuzzVariable, 1000); more > 0 && !t.Failed(); more-- {
		path := pick(f.maker, paths)
		method := pick(f.maker, slices.Sorted(maps.Keys(f.desc.Paths[path])))
		who := pick(f.maker, append([]string{"admin", "admin", "file", "operator", "operator"}, askers...))
		what := "valid"
		if f.IntN(2) == 0 {
			what = pick(f.maker, whats)
		}
		f.shoot(f.aim(method, path, f.desc.Paths[path][method], who, what))
	}
	for path, methods := range inOrder(f.desc.Paths) {
		for method, op := range inOrder(methods) {
			for try := 0; !f.served[op.ID] && try < 200; try++ {
				f.shoot(f.aim(method, path, op, "file", "valid"))
			}
			if !f.served[op.ID] {
				t.Errorf("%s was never done: its requests are of no use; the last was answered %s", op.ID, f.last[op.ID])
			}
		}
	}
	f.spill.sought(f)
	t.Logf("%d requests, seed %d, %d secrets", f.shots, seed, len(f.spill.all))
}

// inOrder goes through a map by its keys.
func inOrder[V any](m map[string]V) func(func(string, V) bool) {
	return func(yield func(string, V) bool) {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if !yield(k, m[k]) {
				return
			}
		}
	}
}

// shoot sends a request and judges the answer.
func (f *fuzzer) shoot(s shot) {
	f.t.Helper()
	if f.shots%40 == 0 {
		f.refresh()
	}
	got := f.ask(s.asked)
	if why := f.judge(s, got); why != "" {
		f.t.Errorf("%s as %s, %s: %s\n%s %q %v %q\nanswers %d %q", s.op.ID, s.who, s.what, why, s.method, s.path, s.header, clip(s.body), got.status, clip(string(got.body)))
	}
	f.last[s.op.ID] = fmt.Sprintf("%d %s", got.status, clip(string(got.body)))
	if got.status < 300 {
		f.served[s.op.ID] = true
		f.spill.learn(f, s.op.ID, got)
	}
}

func clip(s string) string { return s[:min(len(s), 600)] }

// judge says what is wrong with an answer; "" nothing.
func (f *fuzzer) judge(s shot, got told) string {
	documented, ok := s.op.Responses[strconv.Itoa(got.status)]
	if documented == nil {
		documented = s.op.Responses["default"]
	}
	routed := s.route && slices.Contains([]int{401, 404, 405, 429}, got.status)
	media, _, _ := strings.Cut(got.header.Get("Content-Type"), ";")
	switch {
	case got.status >= 500 && (!ok || got.status != 503 && got.status != 504):
		return "a fault of the server"
	case documented == nil && !routed:
		return "the description has no such answer"
	case got.status < 300 && s.op.Role != "" && !f.may(s.who, s.op.Role):
		return "done for somebody who may not"
	case f.spill.shows(s, got) != "":
		return f.spill.shows(s, got)
	case !utf8.Valid(got.body) && media != "application/octet-stream":
		return "no UTF-8"
	case got.header.Get("X-Content-Type-Options") != "nosniff":
		return "a browser may make of it what it likes"
	}
	if got.status >= 400 {
		return f.problem(got, media)
	}
	if len(documented.Content) == 0 {
		if len(got.body) > 0 {
			return "a body that the description has not"
		}
		return ""
	}
	described, ok := documented.Content[media]
	if !ok {
		return "the description has no " + media
	}
	if media != "application/json" {
		return ""
	}
	return f.fits(got.body, described.Schema)
}

// problem holds an error to RFC 9457, and to the words that it must have.
func (f *fuzzer) problem(got told, media string) string {
	if media != "application/problem+json" {
		return "an error that is no problem: " + media
	}
	var p struct {
		Status        int
		Title, Detail string
	}
	if err := json.Unmarshal(got.body, &p); err != nil || p.Status != got.status || p.Title == "" || p.Detail == "" {
		return fmt.Sprintf("a problem that lacks something: %v", err)
	}
	return f.fits(got.body, f.desc.Components.Schemas["ErrorModel"])
}

// fits holds a body to a schema, and what it is called by people to what a terminal and a page can bear.
func (f *fuzzer) fits(body []byte, s *apiSchema) string {
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		return err.Error()
	}
	if err := f.desc.check("body", v, s); err != nil {
		return err.Error()
	}
	if name, bad := misleading(v); bad {
		return fmt.Sprintf("a name that is not what it looks like: %q", name)
	}
	return ""
}

// misleading finds a name with characters that do not print, or that turn the direction of the text. What a problem repeats of its request
// is not a name.
func misleading(v any) (string, bool) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			if name, bad := misleading(item); bad {
				return name, true
			}
		}
	case map[string]any:
		if name, ok := v["name"].(string); ok && v["policy"] != nil && strings.Trim(name, ".") == "" {
			return name, true // of a room or an account: a path swallows it
		}
		for key, item := range v {
			name, text := item.(string)
			if text && (key == "name" || key == "display_name") && strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
				return name, true
			}
			if name, bad := misleading(item); bad && key != "errors" {
				return name, true
			}
		}
	}
	return "", false
}

// may says whether somebody has a role, as the description names them.
func (f *fuzzer) may(who, role string) bool {
	ranks := []string{"viewer", "operator", "admin"}
	rank := slices.IndexFunc(ranks, func(r string) bool { return strings.HasPrefix(who, r) })
	if who == "file" {
		rank = len(ranks)
	}
	return rank >= 0 && rank >= slices.Index(ranks, role)
}
