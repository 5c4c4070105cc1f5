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
	callInput struct {
		Room string `path:"room" maxLength:"256" doc:"Name of the room"`
		Body server.CallRequest
	}
	seatDeleteInput struct {
		Room    string `path:"room" maxLength:"256" doc:"Name of the room"`
		Seat    string `path:"seat" maxLength:"256" doc:"Id of the seat"`
		IfMatch string `header:"If-Match" maxLength:"1024" doc:"ETag that the seat must still have"`
	}
)

// Resolve checks what no schema can say.
func (in *seatPatchInput) Resolve(huma.Context) []error {
	if in.Body.Position != nil {
		if _, ok := in.Body.Position.Place(); !ok {
			return []error{&huma.ErrorDetail{Location: "body.position", Message: "give azimuth alone, or all of x, y and z"}}
		}
	}
	return nil
}

type seatOutput struct {
	ETag string `header:"ETag" doc:"For If-Match"`
	Body server.SeatView
}

func (a *Admin) seatRoutes() {
	const all, one = "/v1/rooms/{room}/seats", "/v1/rooms/{room}/seats/{seat}"
	huma.Register(a.api, operation(server.Viewer, "list-seats", http.MethodGet, all, "List the seats of a room", http.StatusNotFound), a.listSeats)
	call := operation(server.Operator, "call-out", http.MethodPost, all, "Call a device to a seat of its own",
		append(ofBody, http.StatusNotFound, http.StatusConflict)...)
	call.Description = "Devices of accounts alone are called. Answers once the call is under way; the seat in the answer is there from then on, without a leg " +
		"until the device was heard. A locked room and its PIN are no hindrance; DELETE of the seat gives up."
	call.DefaultStatus = http.StatusAccepted
	huma.Register(a.api, call, a.callOut)
	huma.Register(a.api, operation(server.Viewer, "get-seat", http.MethodGet, one, "Show a seat", http.StatusNotFound), a.getSeat)
	huma.Register(a.api, operation(server.Operator, "patch-seat", http.MethodPatch, one, "Mute, deafen, turn up and down or place a seat",
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

func (a *Admin) callOut(ctx context.Context, in *callInput) (*movedOutput, error) {
	view, err := a.server.CallOut(ctx, strings.ToLower(in.Room), in.Body)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return &movedOutput{Location: "/v1/moves/" + view.ID, Body: view}, nil
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
