package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// Health gives nil when the process answers.
func (c *Client) Health(ctx context.Context) error {
	return c.ask(ctx, http.MethodGet, "/healthz", nil, nil)
}

// Ready gives nil when the server takes calls, ErrBusy while it does not.
func (c *Client) Ready(ctx context.Context) error {
	return c.ask(ctx, http.MethodGet, "/readyz", nil, nil)
}

// Node gives the server as a whole.
func (c *Client) Node(ctx context.Context) (n Node, err error) {
	return n, c.ask(ctx, http.MethodGet, path("node"), nil, &n)
}

// Drain has the server take no new calls, or take them again, and gives it as it is then.
func (c *Client) Drain(ctx context.Context, on bool) (n Node, err error) {
	method := http.MethodDelete
	if on {
		method = http.MethodPut
	}
	return n, c.ask(ctx, method, path("node", "drain"), nil, &n)
}

// CreateAccount makes an account and gives its bundle, the only copy of its secrets: keep it in a file of mode 0600.
func (c *Client) CreateAccount(ctx context.Context, n NewAccount) (bundle json.RawMessage, err error) {
	return bundle, c.ask(ctx, http.MethodPost, path("accounts"), n, &bundle)
}

// Accounts gives every account, by name.
func (c *Client) Accounts(ctx context.Context) ([]Account, error) {
	return all[Account](ctx, c, path("accounts"))
}

// Account gives one account.
func (c *Client) Account(ctx context.Context, name string) (a Account, err error) {
	return a, c.ask(ctx, http.MethodGet, path("accounts", name), nil, &a)
}

// PatchAccount changes an account and gives it as it is then.
func (c *Client) PatchAccount(ctx context.Context, name string, p AccountPatch) (a Account, err error) {
	return a, c.ask(ctx, http.MethodPatch, path("accounts", name), p, &a)
}

// RotateAccount gives an account new credentials, and gives their bundle; cert is rsa or ecdsa, which "" is too.
func (c *Client) RotateAccount(ctx context.Context, name, cert string) (bundle json.RawMessage, err error) {
	ask := struct {
		Cert string `json:"cert,omitempty"`
	}{cert}
	return bundle, c.ask(ctx, http.MethodPost, path("accounts", name, "rotate"), ask, &bundle)
}

// DeleteAccount ends the account's calls and forgets it.
func (c *Client) DeleteAccount(ctx context.Context, name string) error {
	return c.ask(ctx, http.MethodDelete, path("accounts", name), nil, nil)
}

// Rooms gives every open room, by name.
func (c *Client) Rooms(ctx context.Context) ([]Room, error) { return all[Room](ctx, c, path("rooms")) }

// Room gives one room.
func (c *Client) Room(ctx context.Context, name string) (r Room, err error) {
	return r, c.ask(ctx, http.MethodGet, path("rooms", name), nil, &r)
}

// CreateRoom opens a room.
func (c *Client) CreateRoom(ctx context.Context, n NewRoom) (r Room, err error) {
	return r, c.ask(ctx, http.MethodPost, path("rooms"), n, &r)
}

// PatchRoom changes a room and gives it as it is then.
func (c *Client) PatchRoom(ctx context.Context, name string, p RoomPatch) (r Room, err error) {
	return r, c.ask(ctx, http.MethodPatch, path("rooms", name), p, &r)
}

// DeleteRoom ends a room and the calls in it.
func (c *Client) DeleteRoom(ctx context.Context, name string) error {
	return c.ask(ctx, http.MethodDelete, path("rooms", name), nil, nil)
}

// Seats gives every seat of a room, in the order in which they were taken.
func (c *Client) Seats(ctx context.Context, room string) ([]Seat, error) {
	return all[Seat](ctx, c, path("rooms", room, "seats"))
}

// Seat gives one seat.
func (c *Client) Seat(ctx context.Context, room, seat string) (s Seat, err error) {
	return s, c.ask(ctx, http.MethodGet, path("rooms", room, "seats", seat), nil, &s)
}

// PatchSeat changes a seat and gives it as it is then.
func (c *Client) PatchSeat(ctx context.Context, room, seat string, p SeatPatch) (s Seat, err error) {
	return s, c.ask(ctx, http.MethodPatch, path("rooms", room, "seats", seat), p, &s)
}

// Rekey has a seat's call change its keys. It returns when the server has taken it on; keying.rekeys of the seat rises when it
// is done.
func (c *Client) Rekey(ctx context.Context, room, seat string) error {
	return c.ask(ctx, http.MethodPost, path("rooms", room, "seats", seat, "rekey"), nil, nil)
}

// Reinvite sends a re-INVITE in a seat's call that leaves the keys. It returns when the server has taken it on.
func (c *Client) Reinvite(ctx context.Context, room, seat string) error {
	return c.ask(ctx, http.MethodPost, path("rooms", room, "seats", seat, "reinvite"), nil, nil)
}

// Move begins to move a seat to another device of its account; via is "" or "invite" to have the server call the device, "send" to have the
// device call. MoveState tells how it goes.
func (c *Client) Move(ctx context.Context, room, seat string, ask MoveRequest) (m Move, err error) {
	return m, c.ask(ctx, http.MethodPost, path("rooms", room, "seats", seat, "moves"), ask, &m)
}

// CallOut has the server call a device to a seat of its own. MoveState tells how it goes.
func (c *Client) CallOut(ctx context.Context, room string, ask CallRequest) (m Move, err error) {
	return m, c.ask(ctx, http.MethodPost, path("rooms", room, "seats"), ask, &m)
}

// MoveState gives a move, under way or over.
func (c *Client) MoveState(ctx context.Context, id string) (m Move, err error) {
	return m, c.ask(ctx, http.MethodGet, path("moves", id), nil, &m)
}

// HangUp ends the call of a seat.
func (c *Client) HangUp(ctx context.Context, room, seat string) error {
	return c.ask(ctx, http.MethodDelete, path("rooms", room, "seats", seat), nil, nil)
}

// AuditKey gives what the audit trail is verified with.
func (c *Client) AuditKey(ctx context.Context) (k AuditKey, err error) {
	return k, c.ask(ctx, http.MethodGet, path("audit", "key"), nil, &k)
}

// CreateToken makes a token and gives its only copy.
func (c *Client) CreateToken(ctx context.Context, n NewToken) (text string, t Token, err error) {
	var made struct {
		Token string `json:"token"`
	}
	var body json.RawMessage
	if err = c.ask(ctx, http.MethodPost, path("tokens"), n, &body); err != nil {
		return "", t, err
	}
	if err = errors.Join(json.Unmarshal(body, &made), json.Unmarshal(body, &t)); err != nil {
		return "", t, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	return made.Token, t, nil
}

// Tokens gives every token.
func (c *Client) Tokens(ctx context.Context) ([]Token, error) {
	return all[Token](ctx, c, path("tokens"))
}

// DeleteToken revokes a token.
func (c *Client) DeleteToken(ctx context.Context, id string) error {
	return c.ask(ctx, http.MethodDelete, path("tokens", id), nil, nil)
}

// BeginRecording records a room.
func (c *Client) BeginRecording(ctx context.Context, room string) (r Recording, err error) {
	return r, c.ask(ctx, http.MethodPost, path("rooms", room, "recording"), nil, &r)
}

// EndRecording ends the recording of a room.
func (c *Client) EndRecording(ctx context.Context, room string) error {
	return c.ask(ctx, http.MethodDelete, path("rooms", room, "recording"), nil, nil)
}

// Recordings gives every recording, by the time when it began.
func (c *Client) Recordings(ctx context.Context) ([]Recording, error) {
	return all[Recording](ctx, c, path("recordings"))
}

// DeleteRecording deletes a recording.
func (c *Client) DeleteRecording(ctx context.Context, id string) error {
	return c.ask(ctx, http.MethodDelete, path("recordings", id), nil, nil)
}
