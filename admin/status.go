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
}
