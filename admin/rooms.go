package admin

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/conclave/conclave/server"
)

// The inputs of the routes. Their fields stand in each of them, not in a shared struct: huma sees no embedded struct that is
// not exported.
type (
	roomInput struct {
		Room string `path:"room" maxLength:"256" doc:"Name of the room"`
	}
	roomPatchInput struct {
		Room    string `path:"room" maxLength:"256" doc:"Name of the room"`
		IfMatch string `header:"If-Match" maxLength:"1024" doc:"ETag that the room must still have"`
		Body    server.RoomPatch
	}
	roomDeleteInput struct {
		Room    string `path:"room" maxLength:"256" doc:"Name of the room"`
		IfMatch string `header:"If-Match" maxLength:"1024" doc:"ETag that the room must still have"`
	}
)

type (
	roomOutput struct {
		ETag string `header:"ETag" doc:"For If-Match"`
		Body server.RoomView
	}
	newRoomOutput struct {
		Location string `header:"Location" doc:"Path of the room"`
		ETag     string `header:"ETag" doc:"For If-Match"`
		Body     server.RoomView
	}
)

// What else a route can answer that takes a body, and one that changes what is there.
var (
	ofBody   = []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType}
	ofChange = []int{http.StatusNotFound, http.StatusPreconditionFailed}
)

func (a *Admin) roomRoutes() {
	const all, one = "/v1/rooms", "/v1/rooms/{room}"
	huma.Register(a.api, operation(server.Viewer, "list-rooms", http.MethodGet, all, "List open rooms"), a.listRooms)
	create := operation(server.Operator, "create-room", http.MethodPost, all, "Open a room", append(ofBody, http.StatusConflict)...)
	create.DefaultStatus = http.StatusCreated
	huma.Register(a.api, create, a.createRoom)
	huma.Register(a.api, operation(server.Viewer, "get-room", http.MethodGet, one, "Show a room", http.StatusNotFound), a.getRoom)
	patch := operation(server.Operator, "patch-room", http.MethodPatch, one, "Lock a room, change its limits, mute everybody", append(ofBody, ofChange...)...)
	patch.Description = "A room of the configuration is as that says again after a restart."
	huma.Register(a.api, patch, a.patchRoom)
	end := operation(server.Operator, "delete-room", http.MethodDelete, one, "End a room and everybody's call in it", append(ofChange, http.StatusConflict)...)
	end.Description = "Its name is free at once: where rooms are made on demand, whoever calls it next opens another."
	huma.Register(a.api, end, a.deleteRoom)
}

func (a *Admin) listRooms(ctx context.Context, in *pageInput) (*listOutput[server.RoomView], error) {
	rooms, err := a.server.Rooms(ctx)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return pageOf(rooms, func(r server.RoomView) string { return r.Name }, *in)
}

func (a *Admin) getRoom(ctx context.Context, in *roomInput) (*roomOutput, error) {
	view, err := a.server.Room(ctx, strings.ToLower(in.Room))
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return &roomOutput{roomTag(view), view}, nil
}

func (a *Admin) createRoom(ctx context.Context, in *struct{ Body server.NewRoom }) (*newRoomOutput, error) {
	in.Body.Name = strings.ToLower(in.Body.Name)
	view, err := a.server.CreateRoom(ctx, in.Body)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return &newRoomOutput{Location: "/v1/rooms/" + url.PathEscape(view.Name), ETag: roomTag(view), Body: view}, nil
}

func (a *Admin) patchRoom(ctx context.Context, in *roomPatchInput) (*roomOutput, error) {
	view, err := a.server.PatchRoom(ctx, strings.ToLower(in.Room), in.Body, ifMatch(in.IfMatch, roomTag))
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return &roomOutput{roomTag(view), view}, nil
}

func (a *Admin) deleteRoom(ctx context.Context, in *roomDeleteInput) (*struct{}, error) {
	if err := a.server.DeleteRoom(ctx, strings.ToLower(in.Room), ifMatch(in.IfMatch, roomTag)); err != nil {
		return nil, a.problem(ctx, err)
	}
	return nil, nil //nolint:nilnil // huma's way to say 204
}
