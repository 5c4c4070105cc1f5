package admin

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/conclave/conclave/server"
)

// selfOutput says what whoever asks may do, so that the console offers no more than that.
type selfOutput struct {
	Body struct {
		Role server.Role `json:"role" enum:"viewer,operator,admin" doc:"Role of the token or certificate"`
		Room string      `json:"room" doc:"The one room that it is good for; empty for all" example:"standup"`
	}
}

// selfRoutes are for everybody who has proven who he is, whatever the room that he is good for.
func (a *Admin) selfRoutes() {
	op := operation(server.Viewer, "get-self", http.MethodGet, "/v1/self", "Tell what the token may do")
	ofRoom(&op, func(ctx huma.Context) string {
		if p := principalOf(ctx.Context()); p != nil {
			return p.room
		}
		return ""
	})
	huma.Register(a.api, op, func(ctx context.Context, _ *struct{}) (*selfOutput, error) {
		out := &selfOutput{}
		if p := principalOf(ctx); p != nil { // permitted has let nobody else pass
			out.Body.Role, out.Body.Room = p.role, p.room
		}
		return out, nil
	})
}
