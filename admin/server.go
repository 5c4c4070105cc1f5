package admin

import (
	"context"
	"crypto/sha256"
	"io"

	"github.com/conclave/conclave/server"
)

// Server is what the API asks. Errors are the sentinels of package server (ErrUnknownRoom and so on); any other error is
// answered with 500 and logged. What changes something asks its conditions in the same step, and gives their error. All methods may be called from any goroutine at once and must heed their context.
type Server interface {
	// Ready gives nil while the server takes calls.
	Ready(ctx context.Context) error

	// Node gives the server as a whole; the version is the API's to fill in.
	Node(ctx context.Context) server.NodeView
	// Drain has the server take no new calls, or take them again, and gives it as it is then.
	Drain(ctx context.Context, on bool) server.NodeView

	// Rooms gives every open room.
	Rooms(ctx context.Context) ([]server.RoomView, error)
	// Room gives one room.
	Room(ctx context.Context, name string) (server.RoomView, error)
	// CreateRoom opens a room.
	CreateRoom(ctx context.Context, n server.NewRoom) (server.RoomView, error)
	// PatchRoom changes a room and gives it as it is then.
	PatchRoom(ctx context.Context, name string, p server.RoomPatch, musts ...server.Must[server.RoomView]) (server.RoomView, error)
	// DeleteRoom ends a room and the calls in it.
	DeleteRoom(ctx context.Context, name string, musts ...server.Must[server.RoomView]) error
	// Seats gives every seat of a room.
	Seats(ctx context.Context, room string) ([]server.SeatView, error)
	// Seat gives one seat.
	Seat(ctx context.Context, room, seat string) (server.SeatView, error)
	// PatchSeat changes a seat and gives it as it is then.
	PatchSeat(ctx context.Context, room, seat string, p server.SeatPatch, musts ...server.Must[server.SeatView]) (server.SeatView, error)
	// Rekey has the call of a seat change its keys. It returns when that is taken on; the seat's view tells the outcome.
	Rekey(ctx context.Context, room, seat string) error
	// Reinvite sends a re-INVITE in the call of a seat that leaves its keys. It returns when that is taken on.
	Reinvite(ctx context.Context, room, seat string) error
	// MoveSeat begins to move a seat to another device of its account. It returns when that is under way; Move tells how it goes.
	MoveSeat(ctx context.Context, room, seat string, ask server.MoveRequest) (server.MoveView, error)
	// Move gives a move, under way or over.
	Move(id string) (server.MoveView, error)
	// CallOut has the server call a device to a seat of its own. It returns when that is under way; Move tells how it goes.
	CallOut(ctx context.Context, room string, ask server.CallRequest) (server.MoveView, error)
	// HangUp ends the call of a seat and frees the seat.
	HangUp(ctx context.Context, room, seat string, musts ...server.Must[server.SeatView]) error

	// RecordAdmin takes a request to the API into the audit trail, and waits until it is there.
	RecordAdmin(ctx context.Context, a server.AdminAction) error
	// AuditTrail gives up to limit records of the audit trail after the one of that number, and the number to go on after, 0 at the end.
	AuditTrail(ctx context.Context, after uint64, limit int) ([]server.AuditRecord, uint64, error)
	// AuditKey gives what the audit trail is verified with.
	AuditKey(ctx context.Context) (server.AuditKey, error)
	// BeginRecording records a room and has that announced in it.
	BeginRecording(ctx context.Context, room string) (server.RecordingView, error)
	// EndRecording ends the recording of a room.
	EndRecording(ctx context.Context, room string) error
	// Recordings gives every recording.
	Recordings(ctx context.Context) ([]server.RecordingView, error)
	// Recording gives one recording.
	Recording(ctx context.Context, id string) (server.RecordingView, error)
	// OpenRecording opens the sealed file of a recording, which whoever opens it closes.
	OpenRecording(ctx context.Context, id string) (io.ReadCloser, server.RecordingView, error)
	// DeleteRecording forgets a recording.
	DeleteRecording(ctx context.Context, id string) error

	// TokenOf gives the token of that hash: server.ErrUnknownToken, or server.ErrTokenExpired with the token.
	TokenOf(hash [sha256.Size]byte) (server.TokenView, error)
	// CreateToken makes a token; text is its only copy.
	CreateToken(ctx context.Context, n server.NewToken) (text string, view server.TokenView, err error)
	// Tokens gives every token.
	Tokens(ctx context.Context) ([]server.TokenView, error)
	// Token gives one token.
	Token(ctx context.Context, id string) (server.TokenView, error)
	// DeleteToken revokes a token.
	DeleteToken(ctx context.Context, id string, musts ...server.Must[server.TokenView]) error

	// Subscribe listens to events: to those that are kept after that ID, then to those that come.
	Subscribe(after uint64) *server.Subscription
	// Webhooks gives the webhooks of the configuration.
	Webhooks(ctx context.Context) ([]server.WebhookView, error)

	// Accounts gives up to limit accounts by name, after the name after ("" from the start), and the name to go on after.
	Accounts(ctx context.Context, after string, limit int) ([]server.AccountView, string, error)
	// Account gives one account.
	Account(ctx context.Context, name string) (server.AccountView, error)
	// CreateAccount makes an account; the bundle holds the only copy of its secrets in the clear.
	CreateAccount(ctx context.Context, n server.NewAccount) (*server.Bundle, server.AccountView, error)
	// PatchAccount changes an account and gives it as it is then.
	PatchAccount(ctx context.Context, name string, p server.AccountPatch, musts ...server.Must[server.AccountView]) (server.AccountView, error)
	// RotateAccount gives an account new credentials; the bundle holds the only copy of them in the clear.
	RotateAccount(ctx context.Context, name string, ask server.Rotation) (*server.Bundle, server.AccountView, error)
	// DeleteAccount ends the account's calls and forgets it.
	DeleteAccount(ctx context.Context, name string, musts ...server.Must[server.AccountView]) error
}
