package media

import (
	"testing"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/mixer/codec"
)

// FuzzDatagram feeds octets to the receive path as they would come off the socket: nothing authenticates, so nothing may change.
func FuzzDatagram(f *testing.F) {
	f.Add([]byte{0x80, 0, 0, 1, 0, 0, 0, 0, 0xab, 0xcd, 0xef, 1}, false)
	f.Add([]byte{0xbf, 0, 0, 1, 0, 0, 0, 0, 0xab, 0xcd, 0xef, 1, 0xbe, 0xde, 0xff, 0xff}, false)
	f.Add([]byte{0x81, 201, 0, 1, 0xab, 0xcd, 0xef, 1}, true)
	f.Add([]byte{0x16, 0xfe, 0xfd}, false)
	f.Add([]byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42}, true)
	k, s := newTalker(f, keying.AEADAES256GCM, pcmu(), true)
	k.say(0)
	s.Next(0)
	var from [sockaddrSize]byte
	buffer := make([]byte, maxDatagram)
	f.Fuzz(func(t *testing.T, b []byte, control bool) {
		before := s.Snapshot()
		n := copy(buffer, b)
		s.datagram(datagram{buf: buffer[:n], from: &from, arrival: 1}, control)
		after := s.Snapshot()
		if after.PacketsReceived != before.PacketsReceived || after.RTCPReceived != before.RTCPReceived ||
			after.LastHeard != before.LastHeard || after.Remote != before.Remote || after.PeerSSRC != before.PeerSSRC {
			t.Errorf("%x changed the stream", b)
		}
	})
}

// FuzzAuthentic feeds payloads, headers and control packets of a peer that holds the keys: hostile, but authentic.
func FuzzAuthentic(f *testing.F) {
	f.Add([]byte{0x80, 111, 0, 1, 0, 0, 0, 0, 0xab, 0xcd, 0xef, 1, 0xf8, 1, 2, 3})
	f.Add([]byte{0xa0, 111, 0, 2, 0, 0, 3, 0xc0, 0xab, 0xcd, 0xef, 1, 0xf0, 1, 2, 3, 2})
	f.Add([]byte{0x80, 101, 0, 3, 0, 0, 3, 0xc0, 0xab, 0xcd, 0xef, 1, 1, 10, 0, 160})
	f.Add([]byte{0x81, 200, 0, 6, 0xab, 0xcd, 0xef, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	names := []string{"opus", "pcmu", "pcma", "l16"}
	decks := make([]*Stream, 0, len(names))
	for _, name := range names {
		s := open(f)
		configure(f, s, Params{Codec: name, PT: 111, EventPT: 101, RTCPMux: true, Send: true, Receive: true})
		s.Next(0)
		decks = append(decks, s)
	}
	tick := codec.Tick(0)
	f.Fuzz(func(t *testing.T, b []byte) {
		tick++
		for _, s := range decks {
			s.play.buffer.reclaim()
			s.tick = tick
			if classify(b) == kindRTCP {
				s.compoundParts(b, int64(tick))
			} else if h, ok := parseHeader(b, 0); ok {
				if payload, ok := h.payload(b); ok {
					s.source.add(h.sequence, &s.counters)
					s.take(&h, payload, int64(tick)*20e6)
				}
			}
			f := s.play.next(s.set, tick, &s.counters)
			if f.Kind == codec.Voice && len(f.Payload) == 0 {
				t.Errorf("%s: an empty voice frame", s.set.Codec)
			}
		}
	})
}
