package events

import (
	"encoding/json"
	"time"
)

// Event is one thing that happened. It holds no secret and no content.
type Event struct {
	ID      uint64    `json:"id"` // rises by one, within one run of the server; a later run begins above
	Time    time.Time `json:"time"`
	Type    string    `json:"type"` // out of a closed set, the publisher's
	Room    string    `json:"room,omitempty"`
	Seat    string    `json:"seat,omitempty"`
	Account string    `json:"account,omitempty"`
	Data    any       `json:"data,omitempty"` // a small flat struct, by type, which is shared, and never changed

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
