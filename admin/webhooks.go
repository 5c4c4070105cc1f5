package admin

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/conclave/conclave/server"
)

func (a *Admin) webhookRoutes() {
	op := operation(server.Administrator, "list-webhooks", http.MethodGet, "/v1/webhooks", "Show the webhooks, and what they did not get")
	op.Description = "Webhooks stand in the configuration. Dead letters are the events that were given up, or found no room in the queue."
	huma.Register(a.api, op, func(ctx context.Context, _ *struct{}) (*listOutput[server.WebhookView], error) {
		hooks, err := a.server.Webhooks(ctx)
		if err != nil {
			return nil, a.problem(ctx, err)
		}
		return newList(hooks, ""), nil
	})
}
