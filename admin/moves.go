package admin

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/conclave/conclave/server"
)

type (
	moveSeatInput struct {
		Room string `path:"room" maxLength:"256" doc:"Name of the room"`
		Seat string `path:"seat" maxLength:"256" doc:"Id of the seat"`
		Body server.MoveRequest
	}
	moveInput struct {
		Move string `path:"move" maxLength:"256" doc:"Id of the move"`
	}
)

type (
	movedOutput struct {
		Location string `header:"Location" doc:"Where the move can be watched"`
		Body     server.MoveView
	}
	moveOutput struct{ Body server.MoveView }
)

func (a *Admin) moveRoutes() {
	begin := operation(server.Operator, "move-seat", http.MethodPost, "/v1/rooms/{room}/seats/{seat}/moves", "Move a seat to another device of its account",
		append(ofBody, http.StatusNotFound, http.StatusConflict)...)
	begin.Description = "Answers once the move is under way. The call goes on where it is until the new device was heard; whatever goes wrong before " +
		"leaves it there."
	begin.DefaultStatus = http.StatusAccepted
	huma.Register(a.api, begin, a.moveSeat)
	get := operation(server.Viewer, "get-move", http.MethodGet, "/v1/moves/{move}", "Show how a move goes, or went", http.StatusNotFound)
	ofRoom(&get, func(ctx huma.Context) string {
		view, err := a.server.Move(ctx.Param("move"))
		if err != nil {
			return "" // which is nobody's room
		}
		return view.Room
	})
	huma.Register(a.api, get, a.getMove)
}

func (a *Admin) moveSeat(ctx context.Context, in *moveSeatInput) (*movedOutput, error) {
	view, err := a.server.MoveSeat(ctx, strings.ToLower(in.Room), in.Seat, in.Body)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return &movedOutput{Location: "/v1/moves/" + view.ID, Body: view}, nil
}

func (a *Admin) getMove(ctx context.Context, in *moveInput) (*moveOutput, error) {
	view, err := a.server.Move(in.Move)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return &moveOutput{view}, nil
}
