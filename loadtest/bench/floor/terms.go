package floor

import "time"

// Terms are what a reader of the parts has to know of how they are measured.
type Terms struct {
	Windows      int           // in one go: of as many the least counts
	PacedWindows int           // at the pace of a call likewise
	PacedWindow  time.Duration // each of these
	Sockets      int           // of the legs, and keys
	Rooms        int           // at the pace of a call, spread over the tick
	Seats        int           // of each such room
	Coders       int           // that talk there, all rooms together; so many encoders and decoders of every format
	Payload      int           // octets of a packet
}

// TheTerms are those that Measure keeps to.
func TheTerms() Terms {
	return Terms{
		Windows: windows, PacedWindows: pacedWindows, PacedWindow: pacedRounds * time.Second / framesPerSecond, Sockets: sockets,
		Rooms: slots, Seats: slotLegs, Coders: slots * slotCoders, Payload: payloadOctets,
	}
}
