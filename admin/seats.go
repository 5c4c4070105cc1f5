package admin

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/conclave/conclave/server"
)

type (
	seatsInput struct {
		Room   string `path:"room" maxLength:"256" doc:"Name of the room"`
		Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"Most items to give"`
		Cursor string `query:"cursor" maxLength:"256" doc:"The next of the page before; the first page when absent"`
	}
	seatInput struct {
		Room string `path:"room" maxLength:"256" doc:"Name of the room"`
		Seat string `path:"seat" maxLength:"256" doc:"Id of the seat"`
	}
	seatPatchInput struct {
		Room    string `path:"room" maxLength:"256" doc:"Name of the room"`
		Seat    string `path:"seat" maxLength:"256" doc:"Id of the seat"`
		IfMatch string `header:"If-Match" maxLength:"1024" doc:"ETag that the seat must still have"`
		Body    server.SeatPatch
	}
	seatDeleteInput struct {
		Room    string `path:"room" maxLength:"256" doc:"Name of the room"`
		Seat    string `path:"seat" maxLength:"256" doc:"Id of the seat"`
		IfMatch string `header:"If-Match" maxLength:"1024" doc:"ETag that the seat must still have"`
	}
)

type seatOutput struct {
	ETag string `header:"ETag" doc:"For If-Match"`
	Body server.SeatView
}

func (a *Admin) seatRoutes() {
	const all, one = "/v1/rooms/{room}/seats", "/v1/rooms/{room}/seats/{seat}"
	huma.Register(a.api, operation(server.Viewer, "list-seats", http.MethodGet, all, "List the seats of a room", http.StatusNotFound), a.listSeats)
	huma.Register(a.api, operation(server.Viewer, "get-seat", http.MethodGet, one, "Show a seat", http.StatusNotFound), a.getSeat)
	huma.Register(a.api, operation(server.Operator, "patch-seat", http.MethodPatch, one, "Mute, deafen or turn a seat up and down",
		append(ofBody, ofChange...)...), a.patchSeat)
	for _, change := range []struct {
		name, summary, outcome string
		of                     func(ctx context.Context, room, seat string) error
	}{
		{
			"rekey", "Change the keys of a seat's call",
			"The outcome is in keying.rekeys of the seat and in conclave_rekeys_total; a call whose peer refuses is ended.", a.server.Rekey,
		},
		{
			"reinvite", "Send a re-INVITE that leaves the keys",
			"Where MIKEY runs the peer has to prove itself anew. A refusal changes nothing and is told by the log alone.", a.server.Reinvite,
		},
	} {
		op := operation(server.Operator, change.name+"-seat", http.MethodPost, one+"/"+change.name, change.summary, http.StatusNotFound)
		op.Description = "Answers once it is taken on. " + change.outcome
		op.DefaultStatus = http.StatusAccepted
		huma.Register(a.api, op, a.changed(change.of))
	}
	huma.Register(a.api, operation(server.Operator, "hang-up-seat", http.MethodDelete, one, "Hang up", ofChange...), a.hangUp)
}

func (a *Admin) listSeats(ctx context.Context, in *seatsInput) (*listOutput[server.SeatView], error) {
	seats, err := a.server.Seats(ctx, strings.ToLower(in.Room))
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return pageOf(seats, seatKey, pageInput{in.Limit, in.Cursor})
}

// seatKey orders the seats of a room by the time they were taken.
func seatKey(s server.SeatView) string { return fmt.Sprintf("%020d %s", s.JoinedAt.UnixNano(), s.ID) }

func (a *Admin) getSeat(ctx context.Context, in *seatInput) (*seatOutput, error) {
	view, err := a.server.Seat(ctx, strings.ToLower(in.Room), in.Seat)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return &seatOutput{seatTag(view), view}, nil
}

func (a *Admin) patchSeat(ctx context.Context, in *seatPatchInput) (*seatOutput, error) {
	view, err := a.server.PatchSeat(ctx, strings.ToLower(in.Room), in.Seat, in.Body, ifMatch(in.IfMatch, seatTag))
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return &seatOutput{seatTag(view), view}, nil
}

// changed asks the server for a change within a call, which goes on after the answer.
func (a *Admin) changed(ask func(ctx context.Context, room, seat string) error) func(context.Context, *seatInput) (*struct{}, error) {
	return func(ctx context.Context, in *seatInput) (*struct{}, error) {
		if err := ask(ctx, strings.ToLower(in.Room), in.Seat); err != nil {
			return nil, a.problem(ctx, err)
		}
		return nil, nil //nolint:nilnil // huma's way to answer without a body
	}
}

func (a *Admin) hangUp(ctx context.Context, in *seatDeleteInput) (*struct{}, error) {
	if err := a.server.HangUp(ctx, strings.ToLower(in.Room), in.Seat, ifMatch(in.IfMatch, seatTag)); err != nil {
		return nil, a.problem(ctx, err)
	}
	return nil, nil //nolint:nilnil // huma's way to say 204
}
