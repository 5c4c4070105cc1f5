package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/conclave/conclave/legs"
	"github.com/conclave/conclave/legs/dialog"
)

// move brings a seat to another device of its owner: a new leg is set up beside the one that fills the seat, and takes its place when
// its first authentic frame has come. Whatever goes wrong before leaves the seat as it was.
type move struct {
	id, room, seat string
	account        string
	target         string // a URI; "": the device calls by itself
	how            how
	began          time.Time

	life    context.Context //nolint:containedctx // of the move as such, beside that of whoever carries it out
	callOff context.CancelCauseFunc

	mu     sync.Mutex
	state  string // inviting, bridged, done or failed
	gap    time.Duration
	reason string // why it failed
}

// patience is how long a move waits for what the new device has to do: take the call, have its leg stand, be heard, and speak.
type patience struct{ ring, call, heard, turn time.Duration }

// how a move comes about.
type how string

// The ways, as metrics and the log name them.
const (
	byReferral how = "refer"    // the owner's device asked us by REFER to call another of his
	byReplaces how = "replaces" // the new device called, with Replaces (RFC 3891)
	byOrder    how = "invite"   // the API had us call the device
	bySending  how = "send"     // the API had us refer the device to the room, with Replaces
	byCall     how = "dial"     // the API had us call the device to a new seat
)

// States of a move, as the API tells them.
const (
	moveInviting = "inviting"
	moveBridged  = "bridged"
	moveDone     = "done"
	moveFailed   = "failed"
)

// Why a move can fail: a closed set, for people who look at it and for metrics.
const (
	failRefused     = "refused"     // the device answered so
	failNoAnswer    = "no_answer"   // it did not answer in time
	failUnreachable = "unreachable" // its connection is gone, or nothing listens there
	failKeying      = "keying"      // its answer does not prove who it is, or cannot be used
	failNoMedia     = "no_media"    // no authentic frame came of it
	failEnded       = "ended"       // it hung up, or its leg ended, before the seat was its own
	failGone        = "gone"        // the seat was given up meanwhile
	failBusy        = "busy"        // we had no port, no time or no room for it
	failInternal    = "internal"
)

// Refusals of a move before it began.
var (
	// ErrNotMovable says that the seat cannot move now: its owner is away, or it is a trunk's (409).
	ErrNotMovable = errors.New("server: this seat cannot move")
	// ErrMovePending says that the seat moves already: one at a time (409).
	ErrMovePending = errors.New("server: a move of this seat is pending")
	// ErrNotADevice says that a seat is to move to what is no device of its account, or that a name means several (422).
	ErrNotADevice = errors.New("server: the target is no device of the seat's owner")
	// ErrUnknownMove says that there is no move with that id, or none any more (404).
	ErrUnknownMove = errors.New("server: no such move")
)

// What ends a move that had begun.
var (
	errNoMedia  = errors.New("server: no authentic frame came of the new device")
	errLegEnded = errors.New("server: the new leg ended before the seat was its own")
	errSilent   = errors.New("server: the new device is silent")
	errSeatGone = errors.New("server: the seat is not there any more")
	errNoCall   = errors.New("server: the device did not call")
)

func newMove(st *seat, way how, target string) *move {
	var id [8]byte
	_, _ = rand.Read(id[:]) // crypto/rand never fails since Go 1.24
	life, callOff := context.WithCancelCause(context.Background())
	return &move{
		life: life, callOff: callOff,
		id: hex.EncodeToString(id[:]), room: st.room.name, seat: st.id, account: st.who.Account, target: target, how: way,
		began: time.Now(), state: moveInviting,
	}
}

// bridged notes that the new leg stands.
func (m *move) bridged() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.state == moveInviting {
		m.state = moveBridged
	}
}

// finish ends the move, once.
func (m *move) finish(gap time.Duration, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.state == moveDone || m.state == moveFailed {
		return
	}
	m.state, m.gap = moveDone, gap
	if err != nil {
		m.state, m.reason = moveFailed, failure(err)
	}
	m.callOff(nil)
}

// failure names what ended a move.
func failure(err error) string {
	var theirs *legs.Refused
	var ours *legs.Reject
	switch {
	case errors.As(err, &theirs):
		return failRefused
	case errors.Is(err, legs.ErrAnswer):
		return failKeying
	case errors.Is(err, errNoMedia):
		return failNoMedia
	case errors.Is(err, errLegEnded), errors.Is(err, legs.ErrEnded):
		return failEnded
	case errors.Is(err, errSeatGone), errors.Is(err, errRoomClosed), errors.Is(err, context.Canceled): // the server stops
		return failGone
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, dialog.ErrTimeout), errors.Is(err, errNoCall):
		return failNoAnswer
	case errors.Is(err, dialog.ErrTransport), errors.Is(err, dialog.ErrNoFlow):
		return failUnreachable
	case errors.As(err, &ours) && ours.Status == 488:
		return failKeying
	case errors.As(err, &ours):
		return failBusy
	}
	return failInternal
}

// fragment is how a move ends for whoever asked for it by REFER: the response that the new device gave, or might have given.
func (m *move) fragment(err error) (status int, reason string) {
	var theirs *legs.Refused
	if errors.As(err, &theirs) {
		return theirs.Status, theirs.Reason
	}
	switch failure(err) {
	case failNoAnswer, failNoMedia:
		return 408, "Request Timeout"
	case failKeying:
		return 488, "Not Acceptable Here"
	case failUnreachable:
		return 480, "Temporarily Unavailable"
	case failBusy:
		return 503, "Service Unavailable"
	case failEnded, failGone:
		return 487, "Request Terminated"
	}
	return 500, "Server Internal Error"
}

// MoveView is what the outside sees of a move at one moment.
type MoveView struct {
	ID      string  `json:"id" doc:"Identifier of the move"`
	Room    string  `json:"room" doc:"Room of the seat"`
	Seat    string  `json:"seat" doc:"Seat that moves"`
	Account string  `json:"account" doc:"Account whose seat it is"`
	Target  string  `json:"target" doc:"Device that gets the seat; empty where it called by itself"`
	How     string  `json:"how" enum:"refer,replaces,invite,send,dial" doc:"How it came about: a REFER of the old device, a call with Replaces of the new one, or the API (invite: we call; send: we have the device call; dial: we call, to a new seat)"`
	State   string  `json:"state" enum:"inviting,bridged,done,failed" doc:"Where it is: bridged while both devices stand and the new one was not heard yet"`
	GapMS   float64 `json:"gap_ms" doc:"Sound of the seat that was missing at the change, in milliseconds" example:"0"`
	Reason  string  `json:"reason" doc:"Why it failed; empty otherwise" example:"no_answer"`
}

func (m *move) view() MoveView {
	m.mu.Lock()
	defer m.mu.Unlock()
	return MoveView{
		ID: m.id, Room: m.room, Seat: m.seat, Account: m.account, Target: m.target, How: string(m.how), State: m.state,
		GapMS: float64(m.gap) / float64(time.Millisecond), Reason: m.reason,
	}
}

// moves keeps what became of the last moves, for whoever asked for them.
type moves struct {
	mu    sync.Mutex
	by    map[string]*move
	order []string // oldest first
}

func newMoves() *moves { return &moves{by: make(map[string]*move)} }

// add keeps a move, and forgets the oldest where too many are kept. One that is pending is not older than so many others.
func (t *moves) add(m *move) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.by[m.id] = m
	t.order = append(t.order, m.id)
	if len(t.order) > keptMoves {
		delete(t.by, t.order[0])
		t.order = t.order[1:]
	}
}

func (t *moves) find(id string) *move {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.by[id]
}

// Move returns a view of a move, or ErrUnknownMove.
func (s *Server) Move(id string) (MoveView, error) {
	m := s.moves.find(id)
	if m == nil {
		return MoveView{}, fmt.Errorf("%w: %q", ErrUnknownMove, id)
	}
	return m.view(), nil
}
