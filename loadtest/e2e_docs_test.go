package loadtest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/conclave/conclave/keying"
)

// curlLine is one line of docs/api.md, and the status that stands before it.
type curlLine struct {
	text string
	want int
}

// curlLines reads the lines of the page, in their order.
func curlLines(t *testing.T, file string) (lines []curlLine) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	stated := regexp.MustCompile(`^# ([1-5][0-9][0-9]): .`)
	said := 0
	for line := range strings.SplitSeq(strings.ReplaceAll(string(text), "\\\n", ""), "\n") {
		if m := stated.FindStringSubmatch(line); m != nil {
			said, _ = strconv.Atoi(m[1])
			continue
		}
		if strings.HasPrefix(line, "curl ") {
			if said == 0 {
				t.Errorf("no status stands before: %s", line)
			}
			lines = append(lines, curlLine{line, said})
		}
		said = 0
	}
	return lines
}

// reader is who follows docs/api.md: a shell with its variables.
type reader struct {
	*house
	vars   map[string]string
	folder string // where it works
	bundle []byte // of the account, the newest
}

// curled is what came of one line.
type curled struct {
	status       int
	method, path string
	header       http.Header
	body         []byte
}

// run executes a line by the shell. The program itself runs as the page has it; what it writes and the status come beside.
func (r *reader) run(line string) curled {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	flags := ""
	endless := strings.Contains(line, " -N ")
	if endless { // a stream: its beginning is enough
		flags = "--max-time 1"
	}
	script := `curl() { command curl --no-progress-meter --dump-header head --write-out '%{stderr}\n%{http_code} %{method} %{url_effective}' ` + flags + ` "$@"; }; ` + line
	cmd := exec.CommandContext(ctx, "sh", "-c", script) //nolint:gosec // the page is ours
	cmd.Dir, cmd.Env = r.folder, append(os.Environ(), "NO_PROXY=*")
	for name, value := range r.vars {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var told bytes.Buffer
	cmd.Stderr = &told
	body, err := cmd.Output()
	const timedOut = 28 // of curl
	if exit := (*exec.ExitError)(nil); err != nil && (!endless || !errors.As(err, &exit) || exit.ExitCode() != timedOut) {
		r.t.Fatalf("%s: %v: %s", line, err, told.String())
	}
	c := curled{body: body}
	var target string
	for said := range strings.Lines(told.String()) { // the last, but for what curl says of a stream's end
		_, _ = fmt.Sscan(said, &c.status, &c.method, &target)
	}
	if c.status == 0 {
		r.t.Fatalf("%s says no status: %s", line, told.String())
	}
	c.path, _, _ = strings.Cut(strings.TrimPrefix(target, r.url), "?")
	head, err := os.ReadFile(filepath.Join(r.folder, "head"))
	if err != nil {
		r.t.Fatal(err)
	}
	c.header = make(http.Header)
	for field := range strings.Lines(string(head)) {
		if name, value, ok := strings.Cut(field, ":"); ok {
			c.header.Add(name, strings.TrimSpace(value))
		}
	}
	return c
}

// learn sets the variables that the page says come out of an answer.
func (r *reader) learn(operation string, c curled) {
	r.t.Helper()
	var view struct {
		ID    string
		Items []struct{ ID string }
	}
	if bytes.HasPrefix(c.body, []byte("{")) {
		if err := json.Unmarshal(c.body, &view); err != nil {
			r.t.Errorf("%s answers %s: %v", operation, c.body, err)
		}
	}
	switch operation {
	case "create-account", "rotate-account":
		r.bundle = c.body
	case "get-room":
		r.vars["ETAG"] = c.header.Get("ETag")
	case "list-seats":
		r.vars["SEAT"] = view.Items[0].ID
	case "move-seat":
		r.vars["MOVE"] = view.ID
	case "begin-recording":
		r.vars["RECORDING"] = view.ID
	case "create-token":
		r.vars["ID"] = view.ID
	}
}

// calls has alice call the room, as the page says she has.
func (r *reader) calls() {
	r.t.Helper()
	b := new(keying.Bundle)
	if err := json.Unmarshal(r.bundle, b); err != nil {
		r.t.Fatal(err)
	}
	newBooth(r.house).call(b, "standup", keying.MIKEYDH)
	r.seatOf("standup", "alice")
}

// operations are those of the description: by method and path, the id.
func (h *house) operations() map[string]string {
	h.t.Helper()
	var api struct {
		Paths map[string]map[string]struct{ OperationID string }
	}
	if err := json.Unmarshal(h.ask(asked{method: http.MethodGet, path: "/openapi.json"}).body, &api); err != nil {
		h.t.Fatal(err)
	}
	all := make(map[string]string)
	for path, methods := range api.Paths {
		for method, op := range methods {
			all[strings.ToUpper(method)+" "+path] = op.OperationID
		}
	}
	return all
}

// operationOf finds the operation of a path; one with fewer parameters comes before one with more.
func operationOf(operations map[string]string, method, path string) string {
	parts := strings.Split(path, "/")
	for _, key := range slices.SortedFunc(maps.Keys(operations), func(a, b string) int { return strings.Count(a, "{") - strings.Count(b, "{") }) {
		m, pattern, _ := strings.Cut(key, " ")
		want := strings.Split(pattern, "/")
		fits := m == method && len(want) == len(parts)
		for i := range want {
			fits = fits && (want[i] == parts[i] || strings.HasPrefix(want[i], "{"))
		}
		if fits {
			return key
		}
	}
	return ""
}

// TestCurlLines executes docs/api.md as it stands, against a server of its own.
func TestCurlLines(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("no curl here: the lines of docs/api.md are not tested; install curl")
	}
	lines := curlLines(t, filepath.Join("..", "docs", "api.md"))
	h := serve(t, "recording: {recipients: [age1q8uhl7q8sst4juw5lezr5yawpjdtqu98dkhvtaq3rdm4jygxx45s2c4pky]}\n")
	desk, err := net.ListenPacket("udp", "127.0.0.1:0") // rings, and nobody comes
	if err != nil {
		t.Fatal(err)
	}
	defer desk.Close()
	token, err := os.ReadFile(h.srv.TokenFile())
	if err != nil {
		t.Fatal(err)
	}
	r := &reader{house: h, folder: t.TempDir(), vars: map[string]string{
		"URL": h.url, "TOKEN": strings.TrimSpace(string(token)), "PHONE": "sip:desk@" + desk.LocalAddr().String(),
	}}
	untold, operations, called := h.operations(), h.operations(), false
	for _, line := range lines {
		if !called && strings.Contains(line.text, "/seats") {
			r.calls()
			called = true
		}
		got := r.run(line.text)
		if got.status != line.want {
			t.Fatalf("%s\nanswers %d %s, the page says %d", line.text, got.status, got.body, line.want)
		}
		key := operationOf(operations, got.method, got.path)
		r.learn(operations[key], got)
		delete(untold, key)
	}
	for key, id := range untold {
		t.Errorf("docs/api.md has no line for %s (%s)", key, id)
	}
}
