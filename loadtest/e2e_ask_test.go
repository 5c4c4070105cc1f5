package loadtest_test

import (
	"io"
	"net/http"
	"strings"
)

// asked is one request to the admin API, as a stranger to the client package writes it.
type asked struct {
	method, path string
	token        string // none where empty
	kind         string // Content-Type; none where empty
	body         string
	header       http.Header // more fields
}

// told is the answer.
type told struct {
	status int
	header http.Header
	body   []byte
}

// ask sends it and reads the answer whole.
func (h *house) ask(a asked) told {
	h.t.Helper()
	var body io.Reader
	if a.body != "" {
		body = strings.NewReader(a.body)
	}
	req, err := http.NewRequestWithContext(within(h.t), a.method, h.url+a.path, body)
	if err != nil {
		h.t.Fatalf("%s %q: %v", a.method, a.path, err)
	}
	for name, values := range a.header {
		req.Header[name] = values
	}
	if a.token != "" {
		req.Header.Set("Authorization", "Bearer "+a.token)
	}
	if a.kind != "" {
		req.Header.Set("Content-Type", a.kind)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatalf("%s %q: %v", a.method, a.path, err)
	}
	defer resp.Body.Close()
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") { // without end; its beginning is enough
		first := make([]byte, 512)
		n, err := resp.Body.Read(first)
		if err != nil {
			h.t.Fatalf("%s %q: %v", a.method, a.path, err)
		}
		return told{resp.StatusCode, resp.Header, first[:n]}
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatalf("%s %q: %v", a.method, a.path, err)
	}
	return told{resp.StatusCode, resp.Header, text}
}
