package media

import (
	"fmt"
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
	streams := fuzzStreams(f)
	var from [sockaddrSize]byte
	buffer, spare := make([]byte, maxDatagram), make([]byte, maxDatagram)
	f.Fuzz(func(t *testing.T, b []byte, control bool) {
		for name, s := range streams {
			before, keys, peer := s.Snapshot(), s.keys, s.peer
			peer.trials = 0
			s.peer.trials = 0
			n := copy(buffer, b)
			s.datagram(&datagram{buf: buffer[:n], spare: spare, from: &from, arrival: 1}, control)
			after := s.Snapshot()
			s.peer.trials = 0
			if after.PacketsReceived != before.PacketsReceived || after.RTCPReceived != before.RTCPReceived ||
				after.LastHeard != before.LastHeard || after.UnderOld != before.UnderOld || after.Rekeys != before.Rekeys ||
				s.keys != keys || s.peer != peer {
				t.Errorf("%s: %x changed the stream", name, b)
			}
		}
	})
}

// fuzzStreams are streams in every state of their keys, some with a path; the peer of all has the same SSRC.
func fuzzStreams(f *testing.F) map[string]*Stream {
	k, running := newTalker(f, keying.AEADAES256GCM, pcmu(), true)
	k.say(0)
	running.Next(0)
	_, unheard := newTalker(f, keying.AESCM128SHA1x80, pcmu(), false)
	unheard.Next(0)
	bare := open(f)
	bare.Path()
	all := map[string]*Stream{"running": running, "unheard": unheard, "path": bare}
	for _, mki := range [][]byte{nil, {1, 2, 3, 4}} {
		k, s := newTalker(f, keying.AEADAES128GCM, pcmu(), true)
		k.say(0)
		s.Next(0)
		ours, _ := keysFor(keying.AESCM256SHA1x80, 1, s.SSRC(), k.ssrc)
		ours.Receive.MKI = mki
		readyKeys(f, s, ours)
		s.Next(1)
		s.Path()
		all[fmt.Sprintf("overlap, MKI %x", mki)] = s
	}
	return all
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
