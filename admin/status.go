package admin

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/conclave/conclave/server"
)

type nodeOutput struct{ Body server.NodeView }

func (a *Admin) nodeRoutes(version string) {
	op := operation(server.Viewer, "get-node", http.MethodGet, "/v1/node", "Show the server as a whole: its calls, what it has room for, how hard it works")
	huma.Register(a.api, op, func(ctx context.Context, _ *struct{}) (*nodeOutput, error) {
		view := a.server.Node(ctx)
		view.Version = version
		return &nodeOutput{view}, nil
	})
	const drain = "/v1/node/drain"
	begin := operation(server.Administrator, "begin-drain", http.MethodPut, drain, "Empty the server: take no new calls")
	begin.Description = "New calls get 503 with Retry-After, and so do OPTIONS outside of calls and /readyz; calls that stand go on, move and change. " +
		"calls tells how many are left, away how many seats wait for their owners; node.draining is told when there is none of either. It ends with a DELETE, or with the process."
	huma.Register(a.api, begin, a.drained(version, true))
	huma.Register(a.api, operation(server.Administrator, "end-drain", http.MethodDelete, drain, "Take new calls again"), a.drained(version, false))
}

func (a *Admin) drained(version string, on bool) func(context.Context, *struct{}) (*nodeOutput, error) {
	return func(ctx context.Context, _ *struct{}) (*nodeOutput, error) {
		view := a.server.Drain(ctx, on)
		view.Version = version
		return &nodeOutput{view}, nil
	}
}
