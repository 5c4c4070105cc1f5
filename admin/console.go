package admin

import (
	"net/http"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/conclave/conclave/admin/console"
)

// toConsole are the paths that lead to the console.
var toConsole = []string{"/", "/console"}

// consoleRoutes serve the console. It asks nobody for a token: it says nothing before it is given one, and is the same for everybody.
func consoleRoutes(router chi.Router, notFound http.Handler) error {
	files, err := console.New(notFound)
	if err != nil {
		return err
	}
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		router.Method(method, console.Path+"*", files)
		for _, path := range toConsole {
			router.Method(method, path, http.RedirectHandler(console.Path, http.StatusFound))
		}
	}
	return nil
}

// ofConsole says whether a path is one of the console's.
func ofConsole(path string) bool {
	return strings.HasPrefix(path, console.Path) || slices.Contains(toConsole, path)
}
