package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

// Path is where the console is served; the files are below it.
const Path = "/console/"

// policy is the Content-Security-Policy of the page and of every file: scripts and styles are these files alone, the page speaks to the
// server that it came from, nobody frames it, and no text becomes HTML.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; " +
	"frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// embedded are the files of the page; tests and Go code lie beside them and are not among them.
//
//go:embed index.html *.css *.js *.svg
var embedded embed.FS

// types of the files that there are, by extension. The system's own table is not asked: it differs from machine to machine.
var types = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// file is one file, ready to be given out.
type file struct {
	text []byte
	kind string // Content-Type
	tag  string // ETag
}

// Console gives out the page and its files. Any goroutine.
type Console struct {
	files    map[string]file // by name below Path; "" is the page
	notFound http.Handler
}

// New reads the files. notFound answers for names that there are not.
func New(notFound http.Handler) (*Console, error) {
	entries, err := embedded.ReadDir(".")
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	c := &Console{files: make(map[string]file), notFound: notFound}
	for _, entry := range entries {
		text, err := fs.ReadFile(embedded, entry.Name())
		if err != nil {
			return nil, fmt.Errorf("console: %w", err)
		}
		kind := types[path.Ext(entry.Name())]
		if kind == "" {
			return nil, fmt.Errorf("console: %s is of no type that is served", entry.Name())
		}
		sum := sha256.Sum256(text)
		f := file{text: text, kind: kind, tag: `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`}
		c.files[entry.Name()] = f
		if entry.Name() == "index.html" {
			c.files[""] = f
		}
	}
	return c, nil
}

// ServeHTTP gives a file, or 304 to who has it. A browser asks each time whether it has the newest: the files belong to the server's
// version, and a page of one with modules of another would be neither.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f, ok := c.files[strings.TrimPrefix(r.URL.Path, Path)]
	if !ok || !strings.HasPrefix(r.URL.Path, Path) {
		c.notFound.ServeHTTP(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("Content-Type", f.kind)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=()")
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", f.tag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.text))
}
