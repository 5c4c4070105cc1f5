package media

import (
	"errors"

	"github.com/pion/srtp/v3"
)

// openRTP finds the keys of a packet: replay and authentication, in the library, in that order. A nil generation: refused, counted.
func (s *Stream) openRTP(g *datagram, h *header) ([]byte, *generation) {
	k := s.keys.alive[0]
	if s.keys.n > 1 || !k.settled || s.newKeys.Load() != nil {
		plain, k, again := s.tryRTP(g, h)
		if k == nil && s.applyKeys() {
			plain, k, again = s.tryRTP(g, h)
		}
		if k == nil {
			s.countRefused(again)
		}
		return plain, k
	}
	// In place: a packet that fails is destroyed, and is of no use to anybody else.
	plain, err := k.receive.DecryptRTP(g.buf[:0], g.buf, &s.rtpHeader)
	if err != nil {
		s.countRefused(repeated(err))
		return nil, nil
	}
	return plain, k
}

// tryRTP tries one generation after the other, into the spare buffer: a failure in place would destroy the packet for the next.
// A nil generation: none opened it; again says that it is a repetition.
func (s *Stream) tryRTP(g *datagram, h *header) (plain []byte, opened *generation, again bool) {
	for _, k := range s.keys.order[:s.keys.n] {
		if (k.ssrc != 0 && k.ssrc != h.ssrc) || !k.carries(g.buf, h.size, k.rtp) {
			continue
		}
		plain, err := s.tryUnder(k, g, h)
		if err == nil {
			return plain, k, false
		}
		again = again || repeated(err)
	}
	return nil, nil, again
}

// tryUnder tries one generation. While it has authenticated nothing it knows no roll-over counter, and the library would keep what it
// guesses first: so it is told, by what was heard of the stream so far, then by the agreement (RFC 3711 section 3.3.1).
func (s *Stream) tryUnder(k *generation, g *datagram, h *header) ([]byte, error) {
	known := s.peer.pinned && h.ssrc == s.peer.ssrc
	if k.settled || (k.ssrc == 0 && !known) { // nothing to tell, or a stranger, for whom no state is made
		return k.receive.DecryptRTP(g.spare[:0], g.buf, &s.rtpHeader)
	}
	roc := k.receiveROC
	if known && s.peer.indexed {
		roc = rollOver(s.peer.index, h.sequence)
	}
	k.receive.SetROC(h.ssrc, roc)
	plain, err := k.receive.DecryptRTP(g.spare[:0], g.buf, &s.rtpHeader)
	if err == nil || roc == k.receiveROC {
		return plain, err
	}
	k.receive.SetROC(h.ssrc, k.receiveROC)
	return k.receive.DecryptRTP(g.spare[:0], g.buf, &s.rtpHeader)
}

// rollOver is the roll-over counter that puts sequence closest to index (RFC 3711 appendix A).
func rollOver(index uint64, sequence uint16) uint32 {
	at := int64(index) + int64(int16(sequence-uint16(index)))
	if at < 0 { // before the first turn there is none
		return 0
	}
	return uint32(at >> 16)
}

// openRTCP does the same for a control packet, whose index stands in it.
func (s *Stream) openRTCP(g *datagram, ssrc uint32) ([]byte, *generation) {
	if s.keys.n == 1 && s.newKeys.Load() == nil {
		k := s.keys.alive[0]
		plain, err := k.receive.DecryptRTCP(g.buf[:0], g.buf, &s.rtcpHeader)
		if err != nil {
			s.countRefused(repeated(err))
			return nil, nil
		}
		return plain, k
	}
	plain, k, again := s.tryRTCP(g, ssrc)
	if k == nil && s.applyKeys() {
		plain, k, again = s.tryRTCP(g, ssrc)
	}
	if k == nil {
		s.countRefused(again)
	}
	return plain, k
}

// tryRTCP is its counterpart.
func (s *Stream) tryRTCP(g *datagram, ssrc uint32) (plain []byte, opened *generation, again bool) {
	for _, k := range s.keys.order[:s.keys.n] {
		if (k.ssrc != 0 && k.ssrc != ssrc) || !k.carries(g.buf, rtcpHeader, k.rtcp) {
			continue
		}
		plain, err := k.receive.DecryptRTCP(g.spare[:0], g.buf, &s.rtcpHeader)
		if err == nil {
			return plain, k, false
		}
		again = again || repeated(err)
	}
	return nil, nil, again
}

// authentic notes under which keys the peer speaks. Newer ones than those we send under: it has them, whatever the signalling knows.
func (s *Stream) authentic(k *generation) {
	if k.heard {
		return
	}
	k.heard, k.heardAt = true, s.keys.now
	s.keys.sort()
	if k.number > s.keys.sending.number {
		s.switchTo(k)
	}
}

// settle notes that the SSRC of a generation is certain.
func (s *Stream) settle(k *generation, ssrc uint32) {
	k.settled, k.ssrc = true, ssrc
	if !s.peer.pinned || ssrc != s.peer.ssrc {
		s.takePeer(ssrc)
	}
	s.unify(k)
}

// repeated tells a repetition from a forgery. The library does not export its error for it; what is neither a bad tag nor an unknown
// MKI is one, since the shape was checked before.
func repeated(err error) bool {
	return !errors.Is(err, srtp.ErrFailedToVerifyAuthTag) && !errors.Is(err, srtp.ErrMKINotFound)
}

func (s *Stream) countRefused(again bool) {
	if again {
		s.counters.replayed.Add(1)
		return
	}
	s.counters.authFailed.Add(1)
}
