package console

import (
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func newConsole(t *testing.T) *Console {
	t.Helper()
	c, err := New(http.NotFoundHandler())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func get(t *testing.T, c *Console, name string, edit func(*http.Request)) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/", nil)
	r.URL.Path = name
	if edit != nil {
		edit(r)
	}
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	return w.Result()
}

// TestEveryFileIsServed: each file of the folder that is no Go code is given out, with what keeps a browser from making more of it.
func TestEveryFileIsServed(t *testing.T) {
	c := newConsole(t)
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	names := []string{""}
	for _, e := range entries {
		if path.Ext(e.Name()) != ".go" {
			names = append(names, e.Name())
		}
	}
	if len(names) != len(c.files) {
		t.Errorf("%d names are served, the folder has %d", len(c.files), len(names))
	}
	for _, name := range names {
		resp := get(t, c, Path+name, nil)
		text, _ := io.ReadAll(resp.Body)
		want, err := os.ReadFile(filepath.Clean(strings.TrimSuffix("./"+name, "/")))
		if name == "" {
			want, err = os.ReadFile("index.html")
		}
		if err != nil || resp.StatusCode != http.StatusOK || string(text) != string(want) {
			t.Errorf("%q: %d, %d octets of %d, %v", name, resp.StatusCode, len(text), len(want), err)
		}
		kind := types[path.Ext(name)]
		if name == "" {
			kind = types[".html"]
		}
		for field, value := range map[string]string{
			"Content-Type": kind, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache", "Referrer-Policy": "no-referrer",
			"Content-Security-Policy": policy, "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if got := resp.Header.Get(field); got != value || got == "" {
				t.Errorf("%q: %s is %q, want %q", name, field, got, value)
			}
		}
	}
}

// TestPolicy: nothing but the console's own files runs, and nothing is sent elsewhere.
func TestPolicy(t *testing.T) {
	directives := make(map[string]string)
	for _, d := range strings.Split(policy, "; ") {
		name, value, _ := strings.Cut(d, " ")
		directives[name] = value
	}
	for name, want := range map[string]string{
		"default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "connect-src": "'self'", "img-src": "'self'", "base-uri": "'none'",
		"form-action": "'none'", "frame-ancestors": "'none'", "require-trusted-types-for": "'script'", "trusted-types": "'none'",
	} {
		if directives[name] != want {
			t.Errorf("%s is %q, want %q", name, directives[name], want)
		}
		delete(directives, name)
	}
	if len(directives) > 0 {
		t.Errorf("more is allowed: %v", directives)
	}
}

// TestETag: who has the file is told so, and who has another gets this one.
func TestETag(t *testing.T) {
	c := newConsole(t)
	tags := make(map[string]string)
	for name := range c.files {
		tag := get(t, c, Path+name, nil).Header.Get("ETag")
		if other, double := tags[tag]; tag == "" || double && name != "" && other != "" && name != "index.html" && other != "index.html" {
			t.Errorf("%q has the tag %s, as %q has", name, tag, other)
		}
		tags[tag] = name
		for match, want := range map[string]int{tag: 304, `"other", ` + tag: 304, "*": 304, `"other"`: 200} {
			resp := get(t, c, Path+name, func(r *http.Request) { r.Header.Set("If-None-Match", match) })
			if resp.StatusCode != want || resp.Header.Get("Content-Security-Policy") != policy {
				t.Errorf("%q, If-None-Match %s: %d, want %d", name, match, resp.StatusCode, want)
			}
		}
	}
}

// TestNothingElseIsServed: no listing, no Go code, no way out of the folder.
func TestNothingElseIsServed(t *testing.T) {
	c := newConsole(t)
	for _, name := range []string{
		"/console/console.go", "/console/doc.go", "/console/console_test.go", "/console/.", "/console/..", "/console/../admin.go", "/console//index.html",
		"/console/./index.html", "/console/index.html/", "/console/INDEX.HTML", "/console/testdata", "/console", "/", "", "/index.html", "/console/%2e%2e/", "/console/index.html\x00",
	} {
		if resp := get(t, c, name, nil); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%q: %d", name, resp.StatusCode)
		}
	}
}

// TestFilesStandAlone: no file names another host, holds a script or a style inline, or has a way to make HTML or code of text; every module
// that one imports is there, and every element that one asks for by its id is in the page.
func TestFilesStandAlone(t *testing.T) {
	c := newConsole(t)
	page := string(c.files[""].text)
	banned := []string{
		"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "DOMParser", "createContextualFragment", "setHTML", "srcdoc",
		"<script>", "<style", " style=", " onclick=", " onerror=", "javascript:", "@import", "url(", "localStorage", "document.cookie", "import(",
	}
	address := regexp.MustCompile(`(https?:|wss?:)?//[a-z0-9.-]+\.[a-z]{2,}`)
	imports := regexp.MustCompile(`from '\./([a-z.]+)'`)
	ids := regexp.MustCompile(`byId\('([a-z-]+)'\)`)
	for name, f := range c.files {
		text := string(f.text)
		for _, word := range banned {
			if strings.Contains(text, word) {
				t.Errorf("%s holds %s", name, word)
			}
		}
		for _, found := range address.FindAllString(text, -1) {
			if found != "http://www.w3.org" { // the name space of SVG, which nobody fetches
				t.Errorf("%s names %s", name, found)
			}
		}
		for _, m := range imports.FindAllStringSubmatch(text, -1) {
			if _, ok := c.files[m[1]]; !ok {
				t.Errorf("%s imports %s, which is not there", name, m[1])
			}
		}
		for _, m := range ids.FindAllStringSubmatch(text, -1) {
			if !strings.Contains(page, `id="`+m[1]+`"`) {
				t.Errorf("%s asks for #%s, which is not in the page", name, m[1])
			}
		}
	}
}

// TestEmbeddedIsFlat: New serves what lies in one folder; a file of a type that it does not know is an error there.
func TestEmbeddedIsFlat(t *testing.T) {
	err := fs.WalkDir(embedded, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && name != "." && (d.IsDir() || !slices.Contains([]string{".html", ".css", ".js", ".svg"}, path.Ext(name))) {
			t.Errorf("%s is embedded", name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
