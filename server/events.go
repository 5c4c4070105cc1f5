package server

import "github.com/conclave/conclave/server/events"

// Event is one thing that happened, and Subscription one who listens.
type (
	Event        = events.Event
	Subscription = events.Subscription
)

// LatestEvent is what to subscribe after to hear of what comes, and of nothing before.
const LatestEvent = events.Latest

// ErrSlowListener is why a Subscription ends that does not take what comes.
var ErrSlowListener = events.ErrSlow

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
	EventNodeDraining     = "node.draining" // it begins, no call is left, or it ends
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
		EventAccountCreated, EventAccountChanged, EventAccountDeleted, EventDeviceRegistered, EventDeviceGone, EventNodeShed, EventNodeFull, EventNodeDraining,
		EventRecordingBegun, EventRecordingEnded, EventTokenCreated, EventTokenRevoked,
	}
}

// publish tells an event to whoever listens. It never blocks and never fails: ID and Time are set by it.
func (s *Server) publish(e Event) {
	s.record(e)
	s.events.Publish(e)
}

// Subscribe listens: to what is kept of the events after that ID, then to those that come. LatestEvent is from now on. Whoever subscribes
// closes the Subscription.
func (s *Server) Subscribe(after uint64) *Subscription { return s.events.Subscribe(after) }
