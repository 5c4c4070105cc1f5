package dialog

import "errors"

// What can go wrong, told apart with errors.Is.
var (
	ErrClosed         = errors.New("dialog: the endpoint is closed")
	ErrTimers         = errors.New("dialog: this process already runs with other SIP timers")
	ErrConfig         = errors.New("dialog: unusable configuration")
	ErrTooLarge       = errors.New("dialog: message too large for a datagram")
	ErrConnectionLost = errors.New("dialog: the connection of the dialog is gone")
	ErrNoFlow         = errors.New("dialog: the flow to the device is gone")
	ErrTransport      = errors.New("dialog: transport failed")
	ErrTimeout        = errors.New("dialog: no answer in time")
	ErrCancelled      = errors.New("dialog: cancelled by the caller")
	ErrRemoteBye      = errors.New("dialog: the peer hung up")
	ErrNoAck          = errors.New("dialog: no ACK for our answer")
	ErrNoDialog       = errors.New("dialog: the peer does not know the dialog")
	ErrEnded          = errors.New("dialog: the dialog has ended")
	ErrPending        = errors.New("dialog: another offer is under way")
	ErrAnswered       = errors.New("dialog: the call was already answered")
	ErrBadHeader      = errors.New("dialog: header text holds control characters")
	ErrChallenge      = errors.New("dialog: no credentials for this challenge")
	ErrMalformed      = errors.New("dialog: malformed message")
)
