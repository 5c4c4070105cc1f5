package admin

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/conclave/conclave/server"
)

// ErrConfig says that the API cannot be made of what it was given.
var ErrConfig = errors.New("admin: bad configuration")

// Config is what the API is made of.
type Config struct {
	Server       Server              // answers everything; required
	Tokens       []TokenHash         // who may use the API; at least one, there is no default secret
	Hosts        []string            // names allowed in Host and Origin beside the listening address and localhost
	Metrics      prometheus.Gatherer // the server's metrics; nil: only the API's own
	MetricsToken bool                // metrics need the token too; meant for listeners beyond loopback
	TLS          *tls.Config         // nil: plain HTTP, for loopback only
	Log          *slog.Logger        // nil: slog.Default
	Version      string              // of the program, for the description of the API
	Now          func() time.Time    // nil: time.Now; for tests

	stalled time.Duration // 0: stalledPatience; for tests
}

// Admin is the API, ready to serve. Any goroutine; serves any number of listeners.
type Admin struct {
	server       Server        // set once, as are the others
	tokens       []TokenHash   //
	hosts        []string      // lower case
	metricsToken bool          //
	tls          *tls.Config   //
	log          *slog.Logger  //
	stalled      time.Duration // bounds a write to a listener, and an answer to a stranger
	failures     *failures     // locks by itself
	paces        *paces        // locks by itself
	idempotency  *idempotency  // locks by itself
	inFlight     *places       // locks by itself
	strangers    *places       // likewise
	listening    *places       // likewise
	underway     *underway     // locks by itself
	meters       *meters       // atomics
	handler      http.Handler  //
	api          huma.API      // description only
}

// New makes the API and its routes.
func New(c Config) (*Admin, error) {
	if c.Server == nil {
		return nil, errors.Join(ErrConfig, errors.New("no server to ask"))
	}
	if len(c.Tokens) == 0 {
		return nil, errors.Join(ErrConfig, errors.New("no token: make one with NewToken"))
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.stalled == 0 {
		c.stalled = stalledPatience
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	a := &Admin{
		server: c.Server, tokens: slices.Clone(c.Tokens), metricsToken: c.MetricsToken, tls: c.TLS, log: c.Log,
		stalled: c.stalled, failures: newFailures(c.Now), paces: newPaces(c.Now), idempotency: newIdempotency(c.Now), inFlight: newInFlight(),
		strangers: newStrangers(), listening: newListening(), underway: newUnderway(), meters: newMeters(),
	}
	for _, host := range c.Hosts {
		a.hosts = append(a.hosts, strings.ToLower(strings.Trim(host, "[]")))
	}
	return a, a.route(c)
}

// route makes the chain that every request passes and the routes at its end.
func (a *Admin) route(c Config) error {
	router := chi.NewMux()
	router.Use(a.recovered, headed, a.addressed, a.identified, a.bounded, a.audited, a.meters.counted, a.typed, timed, a.once)
	notFound := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeProblem(w, http.StatusNotFound, "no such route; see /docs")
	})
	router.NotFound(notFound)
	router.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", strings.Join(allowed(router, r.URL.Path), ", "))
		writeProblem(w, http.StatusMethodNotAllowed, "the route has other methods; see the Allow field")
	})
	router.Method(http.MethodGet, "/metrics", a.guarded(server.Viewer, nil, a.meters.handler(c.Metrics)))
	a.api = humachi.New(router, description(c.Version))
	a.api.UseMiddleware(a.permitted)
	a.accountRoutes()
	a.roomRoutes()
	a.seatRoutes()
	a.moveRoutes()
	a.tokenRoutes()
	a.auditRoutes()
	a.selfRoutes()
	a.recordingRoutes()
	a.nodeRoutes(c.Version)
	a.eventRoutes()
	a.webhookRoutes()
	a.healthRoutes()
	a.describedRoutes(router)
	if err := consoleRoutes(router, notFound); err != nil {
		return err
	}
	page, err := newPage(a.api.OpenAPI())
	if err != nil {
		return err
	}
	router.Method(http.MethodGet, "/docs", a.guarded(server.Viewer, nil, page))
	a.handler = router
	return nil
}

// allowed lists the methods that the path has.
func allowed(router *chi.Mux, path string) []string {
	var methods []string
	for _, m := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		if router.Match(chi.NewRouteContext(), m, path) {
			methods = append(methods, m)
		}
	}
	return methods
}

// description is the head of the OpenAPI document. What huma would add of its own is left out: a page that loads scripts from
// elsewhere, $schema links in every answer, and its routes of the description (describedRoutes).
func description(version string) huma.Config {
	c := huma.DefaultConfig("Conclave admin API", version)
	c.DocsPath, c.SchemasPath, c.OpenAPIPath, c.CreateHooks = "", "", "", nil
	c.RejectUnknownQueryParameters = true
	c.Info.Description = "Accounts, rooms, seats and events of a Conclave server. Errors are RFC 9457 problems."
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token":       {Type: "http", Scheme: "bearer", Description: "A token: the first one is in the file that ready.json names, others come from POST /v1/tokens."},
		"certificate": {Type: "mutualTLS", Description: "A client certificate of admin.client_ca whose organizational unit is a role."},
	}
	return c
}

// operation fills in what all routes with a token share; least is the role that they ask for. A path with {room} is about that room.
func operation(least server.Role, id, method, path, summary string, errs ...int) huma.Operation {
	d := declared{least: least}
	if strings.Contains(path, "{room}") {
		d.room = func(ctx huma.Context) string { return ctx.Param("room") }
	}
	op := huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary,
		Tags:         []string{strings.Split(path, "/")[2]},
		MaxBodyBytes: maxBody, BodyReadTimeout: readPatience,
		Security: []map[string][]string{{"token": {}}, {"certificate": {}}},
		Errors:   append(append(slices.Clone(ofAll), http.StatusUnauthorized, http.StatusTooManyRequests), errs...),
		Metadata: map[string]any{declaredKey: d}, Extensions: map[string]any{"x-role": string(least)},
	}
	if method == http.MethodPost {
		takesKey(&op)
	}
	slices.Sort(op.Errors)
	op.Errors = slices.Compact(op.Errors)
	return op
}

// ofAll is what every route answers to a stranger's Origin, a Host that is not ours, a body that is no JSON, parameters that it does not know, and
// when there is no time for it.
var ofAll = []int{
	http.StatusForbidden, http.StatusMisdirectedRequest, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity, http.StatusServiceUnavailable,
}
