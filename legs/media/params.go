package media

import (
	"fmt"
	"net/netip"

	"github.com/conclave/conclave/mixer/codec"
)

// Params is what SDP settled about one stream.
type Params struct {
	Codec      string         // "opus", "pcmu", "pcma", "l16"
	Rate       int            // Hz of the codec's PCM; 0: the codec's own (opus 48000, pcmu and pcma 8000, l16 8000)
	Bitrate    int            // bit/s of what we send, Opus only; 0: the codec's default
	FEC        bool           // Opus only: the peer makes use of in-band FEC (useinbandfec of RFC 7587), so it gets some when it loses packets
	PT         uint8          // RTP payload type, both ways
	EventPT    uint8          // of telephone-event (RFC 4733), whose keys are told of (Stream.Keys); 0: none
	Remote     netip.AddrPort // where SDP says that RTP goes; the authenticated source of packets wins over it; unspecified only without Send
	RemoteRTCP netip.AddrPort // where RTCP goes; zero: Remote's port + 1 (RFC 3550 section 11); unused with RTCPMux
	RTCPMux    bool           // RTCP on the RTP port (RFC 5761)
	Send       bool           // may we send? false: held by the peer
	Receive    bool           // does the peer send? false: held by us; what arrives is authenticated and thrown away
}

// settings is a Params checked and made ready for the tick worker; immutable once posted.
type settings struct {
	Params
	format     codec.Format
	clock      int            // RTP timestamp units per second (RFC 3551, RFC 7587 section 4.1)
	frame      int            // RTP timestamp units per tick
	sampleSize int            // octets per sample on the wire; 0 for Opus, whose packets are indivisible
	remote     netip.AddrPort // not valid: none
	remoteRTCP netip.AddrPort
}

// prepare checks p.
func prepare(p Params) (*settings, error) {
	id, err := codec.Parse(p.Codec)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrParams, err)
	}
	s := &settings{Params: p}
	if err := s.setFormat(id); err != nil {
		return nil, err
	}
	if p.PT > maxPT || p.EventPT > maxPT || (p.EventPT != 0 && p.EventPT == p.PT) {
		return nil, fmt.Errorf("%w: payload types %d and %d", ErrParams, p.PT, p.EventPT)
	}
	return s, s.setRemote()
}

// setFormat fills in everything that follows from the codec.
func (s *settings) setFormat(id codec.ID) error {
	rate := s.Rate
	switch id {
	case codec.Opus:
		if rate == 0 {
			rate = opusClock
		}
		if rate != opusClock {
			return fmt.Errorf("%w: opus at %d Hz", ErrParams, rate)
		}
	case codec.PCMU, codec.PCMA:
		if rate == 0 {
			rate = narrowClock
		}
		if rate != narrowClock {
			return fmt.Errorf("%w: %s at %d Hz", ErrParams, s.Codec, rate)
		}
		s.sampleSize = 1
	case codec.L16:
		if rate == 0 {
			rate = narrowClock
		}
		if rate != narrowClock && rate != wideClock {
			return fmt.Errorf("%w: l16 at %d Hz", ErrParams, rate)
		}
		s.sampleSize = 2
	default:
		return fmt.Errorf("%w: codec %q", ErrParams, s.Codec)
	}
	s.clock, s.frame = rate, rate/ticksPerSecond
	s.format = codec.Format{Codec: id, Rate: rate}
	if id == codec.Opus {
		s.format.Bitrate = s.Bitrate
		if s.Bitrate == 0 {
			s.format.Bitrate = codec.DefaultBitrate
		}
	}
	if err := s.format.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrParams, err) // the mixer would neither decode nor send anything
	}
	return nil
}

// setRemote checks the addresses of SDP. A stream without a remote address waits for the peer's first packet; one
// that may not send and is told the unspecified address has none either: the old way to hold (RFC 3264 section 8.4).
func (s *settings) setRemote() (err error) {
	if !s.Remote.IsValid() || !s.Send && s.Remote.Addr().IsUnspecified() {
		return nil
	}
	if s.remote, err = destination(s.Remote); err != nil {
		return err
	}
	s.remoteRTCP = s.remote
	if s.RTCPMux {
		return nil
	}
	control := s.RemoteRTCP
	if !control.IsValid() {
		if s.Remote.Port() == maxPort {
			return fmt.Errorf("%w: no port for RTCP above %d", ErrParams, s.Remote.Port())
		}
		control = netip.AddrPortFrom(s.Remote.Addr(), s.Remote.Port()+1)
	}
	s.remoteRTCP, err = destination(control)
	return err
}
