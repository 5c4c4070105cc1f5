package admin

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"

	"github.com/conclave/conclave/server"
)

type (
	auditInput struct {
		Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"Most items to give"`
		Cursor string `query:"cursor" maxLength:"256" doc:"The next of the page before; the first page when absent"`
		After  uint64 `query:"after" doc:"Number of the record to begin after, where there is no cursor"`
	}
	auditKeyOutput struct{ Body server.AuditKey }
)

func (a *Admin) auditRoutes() {
	list := operation(server.Administrator, "list-audit", http.MethodGet, auditPath, "Read the audit trail", http.StatusServiceUnavailable)
	list.Description = "Oldest first. Each item is a line of the trail, octet by octet; how to verify it stands in docs/audit.md."
	huma.Register(a.api, list, a.listAudit)
	key := operation(server.Viewer, "get-audit-key", http.MethodGet, auditPath+"/key", "Show what the audit trail is verified with")
	key.Description = "Keep the answer where nobody who can write to the server's disk can change it."
	huma.Register(a.api, key, a.getAuditKey)
}

const auditPath = "/v1/audit"

func (a *Admin) listAudit(ctx context.Context, in *auditInput) (*listOutput[server.AuditRecord], error) {
	after := in.After
	if in.Cursor != "" {
		key, err := pageInput{in.Limit, in.Cursor}.number()
		if err != nil {
			return nil, err
		}
		after = key
	}
	items, next, err := a.server.AuditTrail(ctx, after, in.Limit)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return newList(items, numbered(next)), nil
}

func (a *Admin) getAuditKey(ctx context.Context, _ *struct{}) (*auditKeyOutput, error) {
	key, err := a.server.AuditKey(ctx)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return &auditKeyOutput{key}, nil
}

// audited has the server record what the API is used for: all but looking, the trail itself, and whatever was forbidden to somebody who has
// proven who he is. It is recorded before it is answered.
func (a *Admin) audited(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := principalOf(r.Context())
		if p == nil { // a route that asks nobody
			next.ServeHTTP(w, r)
			return
		}
		w = &auditWriter{ResponseWriter: w, note: func(status int) {
			looks := r.Method == http.MethodGet || r.Method == http.MethodHead
			if looks && status != http.StatusForbidden && r.URL.Path != auditPath {
				return
			}
			if route := chi.RouteContext(r.Context()).RoutePattern(); route != "" { // there is such a route
				a.toTrail(r, server.AdminAction{By: p.id, Operation: r.Method + " " + route, Path: r.URL.Path, Status: status})
			}
		}}
		next.ServeHTTP(w, r)
	})
}

// toTrail waits until the trail has it, also where the client did not wait for its answer.
func (a *Admin) toTrail(r *http.Request, act server.AdminAction) {
	act.Source = peer(r).String()
	act.Path = clip(act.Path, maxAuditedPath)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), auditPatience)
	defer cancel()
	if err := a.server.RecordAdmin(ctx, act); err != nil {
		a.log.ErrorContext(ctx, "the audit trail lacks a request to the admin API", "by", act.By, "operation", act.Operation, "status", act.Status, "err", err)
	}
}

// clip cuts a text to so many octets, between characters.
func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "")
}

// auditWriter tells the status of an answer before it is written.
type auditWriter struct {
	http.ResponseWriter
	note func(status int) // nil: it was told
}

// WriteHeader tells the status and passes it on.
func (w *auditWriter) WriteHeader(status int) {
	if w.note != nil && status >= http.StatusOK {
		w.note(status)
		w.note = nil
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write tells 200 where no other status was written.
func (w *auditWriter) Write(p []byte) (int, error) {
	if w.note != nil {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController find what the writer can do.
func (w *auditWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
