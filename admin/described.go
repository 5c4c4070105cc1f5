package admin

import (
	"encoding/json"
	"net/http"
	"sync"

	"github.com/go-chi/chi/v5"
)

// describedRoutes serve the description of the API for programs. Each form of it is made once, when it is first asked for; huma's own routes
// would make it without a lock, so that two who come first at a time spoil it for each other.
func (a *Admin) describedRoutes(router chi.Router) {
	described := a.api.OpenAPI()
	for _, d := range []struct {
		path, media string
		form        func() ([]byte, error)
	}{
		{"/openapi.json", "application/openapi+json", func() ([]byte, error) { return json.Marshal(described) }},
		{"/openapi-3.0.json", "application/openapi+json", described.Downgrade},
		{"/openapi.yaml", "application/openapi+yaml", described.YAML},
		{"/openapi-3.0.yaml", "application/openapi+yaml", described.DowngradeYAML},
	} {
		form := sync.OnceValues(d.form)
		router.Method(http.MethodGet, d.path, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			text, err := form()
			if err != nil {
				a.log.ErrorContext(r.Context(), "the API cannot be described", "err", err)
				writeProblem(w, http.StatusInternalServerError, "internal error; the server's log has more")
				return
			}
			w.Header().Set("Content-Type", d.media)
			_, _ = w.Write(text) // a client that has gone away is not our concern
		}))
	}
}
