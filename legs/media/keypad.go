package media

import "encoding/binary"

// keypad takes the keys that the peer presses (RFC 4733): one event is told by many packets of one timestamp, the last of them three
// times, so that each key is told of once, by whichever of its packets comes first. It belongs to the tick worker but for the channel.
type keypad struct {
	keys   chan byte // bounded; what nobody takes is dropped
	known  bool      // last is valid
	last   uint32    // timestamp of the newest event
	event  byte      // its code
	length uint16    // its longest duration so far
}

// eventSymbols are the keys by event code (RFC 4733 section 3.2). Other events are no keys.
const eventSymbols = "0123456789*#ABCD"

func (k *keypad) init() { k.keys = make(chan byte, maxKeysWaiting) }

// take takes one packet, and says whether it began a key that could not be told.
func (k *keypad) take(timestamp uint32, payload []byte, clock int) (dropped bool) {
	if len(payload) < eventOctets || int(payload[0]) >= len(eventSymbols) {
		return false
	}
	event, length := payload[0], binary.BigEndian.Uint16(payload[2:])
	if k.known {
		ahead := int32(timestamp - k.last)
		switch {
		case ahead == 0:
			k.length = max(k.length, length)
			return false
		case ahead < 0 && ahead > -int32(clock*eventMemory): // overtaken by a newer one
			return false
		case event == k.event && ahead == longestEvent && k.length == longestEvent:
			// One key, held for longer than a duration can tell: it goes on as another event (section 2.5.1.3).
			k.last, k.length = timestamp, length
			return false
		}
	}
	k.known, k.last, k.event, k.length = true, timestamp, event, length
	select {
	case k.keys <- eventSymbols[event]:
		return false
	default:
		return true
	}
}

// forget is for another source, or another clock: their timestamps mean nothing to the old ones.
func (k *keypad) forget() { k.known = false }

// Keys receives the keys that the peer presses, each once, as characters: 0 to 9, *, #, A to D. A few wait for whoever takes them late, the
// rest is dropped.
func (s *Stream) Keys() <-chan byte { return s.keypad.keys }
