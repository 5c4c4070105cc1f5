package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/conclave/conclave/server"
)

// answers gives the status and the words for each error of the server (compiled table). The words are ours: what is wrapped
// around a sentinel stays in the log.
var answers = []struct {
	err    error
	status int
	detail string
}{
	{server.ErrUnknownRoom, http.StatusNotFound, "no such room"},
	{server.ErrUnknownSeat, http.StatusNotFound, "no such seat"},
	{server.ErrUnknownAccount, http.StatusNotFound, "no such account"},
	{server.ErrNameTaken, http.StatusConflict, "a room or an account has this name already"},
	{server.ErrUnknownPolicy, http.StatusUnprocessableEntity, "no policy of this name is in the configuration; name one of its policies"},
	{server.ErrInvalid, http.StatusUnprocessableEntity, "a value is not allowed"},
	{server.ErrUnknownMove, http.StatusNotFound, "no such move"},
	{server.ErrMovePending, http.StatusConflict, "a move of this seat is pending; wait for its end"},
	{server.ErrNotMovable, http.StatusConflict, "this seat cannot move: its owner is away, or came by a trunk"},
	{server.ErrNotADevice, http.StatusUnprocessableEntity, "the URI is none of a device of the account, or is one of several; register it, list it with the account, or say which"},
	{errStale, http.StatusPreconditionFailed, "it has been changed since; read it again, and send its new ETag as If-Match"},
	{server.ErrTooManyRooms, http.StatusConflict, "as many rooms are open as limits.rooms lets be, those that are kept aside; end one, or raise it"},
	{server.ErrTooManyKept, http.StatusConflict, "as many rooms are kept as limits.rooms lets be; delete one that is over, or raise it"},
	{server.ErrConfiguredRoom, http.StatusConflict, "the room stands in the configuration; take it out there, or lock it and hang its seats up"},
	{server.ErrModerators, http.StatusUnprocessableEntity, "moderators are up to 100 names of accounts, each 1 to 64 of a-z 0-9 . _ -"},
	{server.ErrMustKeep, http.StatusUnprocessableEntity, "a room with a PIN or moderators is kept where rooms.on_demand is true, since otherwise whoever calls its name once it has closed would be let in; leave permanent out, and delete the room when it is over"},
	{server.ErrCallLimit, http.StatusConflict, "the account has as many calls as limits.calls_per_account lets it, or the room as many seats as max_seats; raise it, or end one"},
	{server.ErrNoMethod, http.StatusUnprocessableEntity, "no keying method suits the room's policy, the account and the device; name another, or leave it to the policy"},
	{server.ErrUnknownToken, http.StatusNotFound, "no such token"},
	{server.ErrTooManyTokens, http.StatusConflict, "no more tokens are kept; revoke some that are not needed"},
	{server.ErrAuditUnreadable, http.StatusServiceUnavailable, "a record of the audit trail cannot be read; run: conclave audit verify"},
	{server.ErrRecorded, http.StatusConflict, "the room is being recorded; end that first"},
	{server.ErrNotRecorded, http.StatusNotFound, "the room is not being recorded"},
	{server.ErrNoRecipients, http.StatusConflict, "the configuration names nobody to seal recordings to; add a public key of age under recording.recipients"},
	{server.ErrUnknownRecording, http.StatusNotFound, "no such recording"},
	{server.ErrRecordingRuns, http.StatusConflict, "the recording is still being written; end it first"},
	{server.ErrRecordingsFull, http.StatusConflict, "the recordings take as much room as recording.max_mb lets them; fetch and delete some, or raise it"},
	{server.ErrNoSpace, http.StatusConflict, "the disk has no more room left than recording.free_mb keeps free; make room, or lower that"},
	{server.ErrDraining, http.StatusServiceUnavailable, "the server is being emptied and takes no new calls; ask another, or end that with DELETE /v1/node/drain"},
	{server.ErrStillModerates, http.StatusServiceUnavailable, "the account is deleted, but a room may list it among its moderators still, since it is too busy to be told or cannot be kept without it; the server's log says which: PATCH its moderators to those that it is to have"},
	{server.ErrRoomDamaged, http.StatusServiceUnavailable, "the account is not deleted: a kept room, which it may moderate, cannot be read; the server's log says which: DELETE that room and try again, or disable the account"},
	{server.ErrUnavailable, http.StatusServiceUnavailable, "not available now; try again"},
	{context.DeadlineExceeded, http.StatusGatewayTimeout, "the server took too long"},
}

// errStale says that a resource is not as it was when its ETag was read.
var errStale = errors.New("admin: stale ETag")

// problem turns an error of the server into the answer, and logs what the answer does not say.
func (a *Admin) problem(ctx context.Context, err error) error {
	for _, known := range answers {
		if errors.Is(err, known.err) {
			a.log.DebugContext(ctx, "admin request refused", "status", known.status, "err", err)
			return huma.NewError(known.status, known.detail)
		}
	}
	if errors.Is(err, context.Canceled) {
		return huma.NewError(http.StatusServiceUnavailable, "the request was given up")
	}
	a.log.ErrorContext(ctx, "admin request failed", "err", err)
	return huma.NewError(http.StatusInternalServerError, "internal error; the server's log has more")
}

// writeProblem answers outside huma: from the middlewares and for unknown routes.
func writeProblem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(&huma.ErrorModel{ // a client that has gone away is not our concern
		Status: status, Title: http.StatusText(status), Detail: detail,
	})
}
