package offer

import (
	"net/netip"

	"github.com/conclave/conclave/keying"
)

// ContentType is the media type of all bodies of this package.
const ContentType = "application/sdp"

// Refusal makes the body of a 488 that carries a MIKEY error message (RFC 4567 section 4.1.2): every m= line of the
// offer refused, the message where the offer's stood. addr only fills the o= and c= lines; nothing is received there, so
// it may be the zero value. The body has no state: session id and version are the offer's.
func Refusal(remote *Description, addr netip.Addr, message []byte) ([]byte, error) {
	if len(message) > MaxMessage || len(remote.Media) == 0 {
		return nil, ErrLocal
	}
	if !addr.IsValid() || addr.Zone() != "" {
		addr = netip.IPv4Unspecified()
	}
	s := sessionLevel(addr, remote.Origin.SessionID, remote.Origin.Version)
	for i := range remote.Media {
		s.MediaDescriptions = append(s.MediaDescriptions, refused(remote.Media[i].line()))
	}
	index, level := 0, LevelSession
	if i, err := remote.audio(); err == nil {
		index, level = i, remote.keyLevel(&remote.Media[i])
	}
	if len(message) > 0 {
		l := Local{Keys: keying.Attributes{MIKEY: message}}
		l.attachKeys(s, s.MediaDescriptions[index], level)
	}
	return marshal(s)
}
