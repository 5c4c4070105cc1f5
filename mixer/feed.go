package mixer

import (
	"slices"

	"github.com/conclave/conclave/mixer/codec"
)

// feed is a port as the room keeps it.
type feed struct {
	port            Port
	number          int            // of the feeds of the seat, from 1, in the order of attachment
	format          codec.Format   // as of the last tick
	frame           codec.Frame    // of this tick
	quiet, wasQuiet bool           // this frame and the one before it are the codec's silence
	outlet          *outlet        // whose packet the port is sent in this tick; nil: the silence
	silence         []byte         // cached encoding of silence in that format; nil when the port is not configured
	decoder         *codec.Decoder // made when the first frame is decoded; nil before and when the format or the mix rate changed
	broken          bool           // the codec refused the format: not tried again until it changes
	open            bool           // the last Voice frame was decoded, so what it still holds is wanted
	warm            warmth
	energies        codec.Energies
}

// attach adds a port; one that is there already stays as it is.
func (s *Seat) attach(p Port) {
	if s.feedOf(p) >= 0 {
		return
	}
	s.attached++
	s.feeds = append(s.feeds, &feed{port: p, number: s.attached})
	s.gap.Store(0)
	s.room.pool.legs.Add(1)
}

// detach removes a port; the one attached last of those that remain speaks for the seat.
func (s *Seat) detach(p Port) {
	i := s.feedOf(p)
	if i < 0 {
		return
	}
	gone := s.feeds[i]
	s.feeds = slices.Delete(s.feeds, i, i+1)
	s.room.pool.legs.Add(-1)
	if s.voice != gone {
		return
	}
	var next *feed
	if n := len(s.feeds); n > 0 {
		next = s.feeds[n-1]
	}
	s.turnTo(next)
}

func (s *Seat) feedOf(p Port) int {
	return slices.IndexFunc(s.feeds, func(f *feed) bool { return f.port == p })
}

// reformat takes note of a format that changed. Where only what we send is encoded otherwise the decoder goes on.
func (f *feed) reformat(to codec.Format, silence []byte) {
	if to.Codec == f.format.Codec && to.Rate == f.format.Rate && f.silence != nil && silence != nil {
		f.format, f.silence = to, silence
		return
	}
	f.format, f.silence, f.decoder, f.broken, f.open = to, silence, nil, false, false
	f.warm.forget()
	f.energies = codec.Energies{}
}

// follow is the mean square of a frame of CELT, or untold; it takes every frame, so that it knows what the next one refers to. After another mode a
// decoder begins anew.
func (f *feed) follow(payload []byte, rate int) float32 {
	level, ok := f.energies.Read(payload, rate)
	if !ok {
		f.energies = codec.Energies{}
		return untold
	}
	return level
}

// still takes the first frame of silence: what was kept is not what comes before the next sound.
func (f *feed) still() {
	f.energies.Rest()
	f.warm.forget()
}

// rest tells the decoder that what it decoded last does not go on. The end of that sound is left in pcm.
func (f *feed) rest(pcm []int16) {
	if f.open && f.decoder != nil {
		_ = f.decoder.Decode(codec.Frame{}, pcm) // a Silent frame cannot fail
	}
	f.open = false
}

// warmth keeps the last packets that were not decoded, to bring a decoder's memory up to date when the seat starts to speak.
type warmth struct {
	packets [][]byte // ring; made at the first packet kept
	next    int
	n       int
}

// keep copies a packet that is not decoded; one that is too long makes the memory useless.
func (w *warmth) keep(payload []byte) {
	if len(payload) > warmOctets {
		w.forget()
		return
	}
	if w.packets == nil {
		w.packets = make([][]byte, warmPackets)
		for i := range w.packets {
			w.packets[i] = make([]byte, 0, warmOctets)
		}
	}
	w.packets[w.next] = append(w.packets[w.next][:0], payload...)
	w.next = (w.next + 1) % warmPackets
	w.n = min(w.n+1, warmPackets)
}

// play decodes the kept packets, oldest first, into a buffer that is overwritten, forgets them, and says how many they were.
func (w *warmth) play(d *codec.Decoder, pcm []int16) (n int) {
	n = w.n
	for i := w.next - w.n + warmPackets; w.n > 0; i, w.n = i+1, w.n-1 {
		// A packet that does not decode is concealed by the codec, which is all that is needed here.
		_ = d.Decode(codec.Frame{Kind: codec.Voice, Payload: w.packets[i%warmPackets]}, pcm)
	}
	return n
}

func (w *warmth) forget() { w.n = 0 }

// recall takes back the packet kept last.
func (w *warmth) recall() {
	if w.n > 0 {
		w.n, w.next = w.n-1, (w.next+warmPackets-1)%warmPackets
	}
}
