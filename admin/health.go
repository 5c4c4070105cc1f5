package admin

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// healthOutput says how it is.
type healthOutput struct {
	Body struct {
		Status string `json:"status" enum:"ok,ready" doc:"ok: the process answers; ready: it takes calls"`
	}
}

func (a *Admin) healthRoutes() {
	huma.Register(a.api, huma.Operation{
		OperationID: "health", Method: http.MethodGet, Path: "/healthz", Summary: "Tell whether the process answers",
		Tags: []string{"health"}, Errors: ofAll,
	}, func(context.Context, *struct{}) (*healthOutput, error) {
		out := &healthOutput{}
		out.Body.Status = "ok"
		return out, nil
	})
	huma.Register(a.api, huma.Operation{
		OperationID: "ready", Method: http.MethodGet, Path: "/readyz", Summary: "Tell whether the server takes calls",
		Tags: []string{"health"}, Errors: ofAll,
	}, func(ctx context.Context, _ *struct{}) (*healthOutput, error) {
		if err := a.server.Ready(ctx); err != nil {
			a.log.DebugContext(ctx, "not ready", "err", err)
			return nil, huma.Error503ServiceUnavailable("not ready to take calls")
		}
		out := &healthOutput{}
		out.Body.Status = "ready"
		return out, nil
	})
}
