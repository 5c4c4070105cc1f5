package admin

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// pageStyle is the whole look of the page. Its hash stands in the Content-Security-Policy, so that nothing else is applied.
const pageStyle = `body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%}td{border-top:1px solid #ccc;padding:.4rem .6rem;vertical-align:top}
code{font:14px ui-monospace,monospace;white-space:nowrap}`

// pageText is a plain table of the routes. It runs no script and loads nothing.
var pageText = template.Must(template.New("docs").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{{.Title}}</title><style>{{.Style}}</style></head><body>
<h1>{{.Title}}</h1><p>{{.About}} The whole description is <a href="/openapi.json">openapi.json</a>.</p>
<table>{{range .Routes}}<tr><td><code>{{.Method}}</code></td><td><code>{{.Path}}</code></td><td>{{.Summary}}</td><td>{{.Role}}</td></tr>
{{end}}</table></body></html>
`))

// page is the description of the API for people, made once.
type page struct {
	text   []byte
	policy string
}

// route is one row of the page.
type route struct {
	Method, Path, Summary string
	Role                  string // the least one that may use it
}

// newPage makes the page from the description.
func newPage(api *huma.OpenAPI) (*page, error) {
	routes := []route{{http.MethodGet, "/metrics", "Metrics in the text format of Prometheus", "viewer, or anybody on loopback"}}
	for path, item := range api.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Patch, item.Delete} {
			if op != nil {
				routes = append(routes, route{op.Method, path, op.Summary, roleNeeded(op)})
			}
		}
	}
	slices.SortStableFunc(routes, func(a, b route) int { return strings.Compare(a.Path, b.Path) })
	var text bytes.Buffer
	err := pageText.Execute(&text, map[string]any{
		"Title": api.Info.Title, "About": api.Info.Description, "Routes": routes,
		"Style": template.CSS(pageStyle), //nolint:gosec // a constant of ours
	})
	if err != nil {
		return nil, fmt.Errorf("admin: make the page: %w", err)
	}
	hash := sha256.Sum256([]byte(pageStyle))
	policy := fmt.Sprintf("default-src 'none'; frame-ancestors 'none'; style-src 'sha256-%s'", base64.StdEncoding.EncodeToString(hash[:]))
	return &page{text.Bytes(), policy}, nil
}

// roleNeeded is the role that a route declares.
func roleNeeded(op *huma.Operation) string {
	if d, ok := op.Metadata[declaredKey].(declared); ok {
		return string(d.least)
	}
	return "anybody"
}

// ServeHTTP gives the page.
func (p *page) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Security-Policy", p.policy)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(p.text) // a client that has gone away is not our concern
}
