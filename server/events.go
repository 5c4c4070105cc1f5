package server

import (
	"encoding/json"
	"time"
)

// Event is one thing that happened. It holds no secret and no content.
type Event struct {
	ID      uint64    `json:"id"` // rises by one, within one run of the server; a later run begins above
	Time    time.Time `json:"time"`
	Type    string    `json:"type"` // one of EventTypes
	Room    string    `json:"room,omitempty"`
	Seat    string    `json:"seat,omitempty"`
	Account string    `json:"account,omitempty"`
	Data    any       `json:"data,omitempty"` // a small flat struct, by type (event_data.go); it is shared, and never changed

	text []byte // the whole as JSON, once the crier has written it
}

// JSON is the event as one line of JSON. It is shared by all who listen: nobody changes it.
func (e *Event) JSON() []byte {
	if e.text == nil {
		e.write()
	}
	return e.text
}

// write makes the JSON. What Data holds are strings, numbers and booleans, which cannot fail.
func (e *Event) write() { e.text, _ = json.Marshal(e) }

// The types of events: a closed set, in which webhooks and listeners choose.
const (
	EventRoomOpened       = "room.opened"
	EventRoomClosed       = "room.closed"
	EventRoomChanged      = "room.changed"
	EventSeatJoined       = "seat.joined"
	EventSeatLeft         = "seat.left"
	EventSeatChanged      = "seat.changed"
	EventSeatSpeaking     = "seat.speaking" // while somebody listens, looked at every speakingPace
	EventSeatAway         = "seat.away"     // its leg was lost, and its owner is waited for
	EventLegState         = "leg.state"
	EventLegRekeyed       = "leg.rekeyed"
	EventMoveBegun        = "move.begun"
	EventMoveDone         = "move.done"
	EventMoveFailed       = "move.failed"
	EventCallRefused      = "call.refused" // whatever request it was; first challenges are none, and a flood is told in part
	EventAccountCreated   = "account.created"
	EventAccountChanged   = "account.changed"
	EventAccountDeleted   = "account.deleted"
	EventDeviceRegistered = "device.registered"
	EventDeviceGone       = "device.gone"
	EventNodeShed         = "node.shed"
	EventNodeFull         = "node.full"
	EventRecordingBegun   = "recording.begun"
	EventRecordingEnded   = "recording.ended"
	EventTokenCreated     = "token.created"
	EventTokenRevoked     = "token.revoked"
)

// EventTypes lists the closed set of Event.Type.
func EventTypes() []string {
	return []string{
		EventRoomOpened, EventRoomClosed, EventRoomChanged, EventSeatJoined, EventSeatLeft, EventSeatChanged, EventSeatSpeaking, EventSeatAway,
		EventLegState, EventLegRekeyed, EventMoveBegun, EventMoveDone, EventMoveFailed, EventCallRefused,
		EventAccountCreated, EventAccountChanged, EventAccountDeleted, EventDeviceRegistered, EventDeviceGone, EventNodeShed, EventNodeFull,
		EventRecordingBegun, EventRecordingEnded, EventTokenCreated, EventTokenRevoked,
	}
}

// publish tells an event to whoever listens. It never blocks and never fails: ID and Time are set by it.
func (s *Server) publish(e Event) { s.events.publish(e) }

// Subscribe listens: to what is kept of the events after that ID, then to those that come. LatestEvent is from now on. Whoever subscribes
// closes the Subscription.
func (s *Server) Subscribe(after uint64) *Subscription { return s.events.subscribe(after) }
