package admin

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/conclave/conclave/server"
)

// principal is who asks, as far as authorisation goes.
type principal struct {
	id   string      // "file" for the token of the data directory, "token:" and its ID, "cert:" and its fingerprint; for logs and for limits
	role server.Role // what it may do
	room string      // the one room that it is good for; "" for all
	ends func() bool // whether what it came with is good no longer, for answers that go on; nil: it does not end
}

// over says whether an answer that goes on must end, since what it was asked for with was revoked or has expired.
func (p *principal) over() bool { return p == nil || p.ends != nil && p.ends() }

// runs says whether he runs the server: what no token of one room does.
func (p *principal) runs() bool {
	return p != nil && p.role.Includes(server.Administrator) && p.room == ""
}

type principalKey struct{}

// principalOf gives who asked; nil on a route that asks nobody.
func principalOf(ctx context.Context) *principal {
	p, _ := ctx.Value(principalKey{}).(*principal)
	return p
}

// authorize is the one decision about who may do what, for every route: least is the role that the route asks for, room the one that the
// request is about, in lower case, "" where it is about none. It gives why not, "" when it may be. A route that asks for no role lets nobody
// pass.
func authorize(p *principal, least server.Role, room string) (why string) {
	switch {
	case p == nil:
		return "nobody may do this without a token"
	case !p.role.Includes(least):
		return "this needs the role " + string(least) + "; ask an admin for such a token"
	case p.room == "" || p.room == room:
		return ""
	case room == "":
		return "this is not about one room, and the token is good for one only; ask an admin for a token without a room"
	}
	return "the token is good for another room; ask an admin for one of this room"
}

// declared is what a route asks of whoever uses it.
type declared struct {
	least server.Role               // and whatever includes it
	room  func(huma.Context) string // which a request is about; nil: none
}

const declaredKey = "declared" // in huma.Operation.Metadata

// ofRoom says which room a route is about whose path does not tell.
func ofRoom(op *huma.Operation, room func(huma.Context) string) {
	d := op.Metadata[declaredKey].(declared)
	d.room = room
	op.Metadata[declaredKey] = d
}

// permitted puts every route of huma before authorize. It sees the parameters as the route's handler does. Routes that ask nobody
// stand in openRoutes.
func (a *Admin) permitted(ctx huma.Context, next func(huma.Context)) {
	op := ctx.Operation()
	if slices.Contains(openRoutes, op.Path) {
		next(ctx)
		return
	}
	d, _ := op.Metadata[declaredKey].(declared)
	room := ""
	if d.room != nil {
		room = strings.ToLower(d.room(ctx))
	}
	p := principalOf(ctx.Context())
	if why := authorize(p, d.least, room); why != "" {
		a.noteRefusal(ctx.Context(), p, op.OperationID)
		ctx.SetHeader("WWW-Authenticate", insufficient)
		_ = huma.WriteErr(a.api, ctx, http.StatusForbidden, why) // a client that has gone away is not our concern
		return
	}
	next(ctx)
}

// guarded puts a route that is not huma's before authorize.
func (a *Admin) guarded(least server.Role, room func(*http.Request) string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.open(r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		of := ""
		if room != nil {
			of = strings.ToLower(room(r))
		}
		p := principalOf(r.Context())
		if why := authorize(p, least, of); why != "" {
			a.noteRefusal(r.Context(), p, r.URL.Path)
			w.Header().Set("WWW-Authenticate", insufficient)
			writeProblem(w, http.StatusForbidden, why)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// insufficient is the challenge of RFC 6750 section 3.1 to a token that is good, but not for this.
const insufficient = `Bearer realm="conclave admin", error="insufficient_scope"`

// noteRefusal counts and logs that somebody who has proven who he is went for what is not his.
func (a *Admin) noteRefusal(ctx context.Context, p *principal, what string) {
	a.meters.refused.WithLabelValues(reasonRole).Inc()
	id := ""
	if p != nil {
		id = p.id
	}
	a.log.WarnContext(ctx, "admin request forbidden", "by", id, "what", what)
}
