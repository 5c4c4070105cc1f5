package offer

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"

	"github.com/conclave/conclave/keying"
)

// Session is the identity of our descriptions in one dialog: the o= line's session id, and a version that rises with
// every body we make (RFC 3264 section 8). The leg owns it.
type Session struct {
	id      uint64
	version uint64
}

// NewSession draws a session id from r. The id stays below 2^62, since some peers keep it in a signed number.
func NewSession(r io.Reader) (*Session, error) {
	var b [8]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return nil, fmt.Errorf("offer: session id: %w", err)
	}
	return &Session{id: binary.BigEndian.Uint64(b[:]) >> 2}, nil
}

// next is the version of the body being made.
func (s *Session) next() uint64 {
	s.version++
	return s.version
}

// Local is our side of an offer or an answer.
type Local struct {
	Session *Session       // required; its version rises with every body made
	Addr    netip.AddrPort // where we receive RTP; required
	RTCP    netip.AddrPort // where we receive RTCP without rtcp-mux; zero: the port after Addr

	Codecs   []string // names in our order of preference ("opus", "pcmu", "pcma", "l16"); required
	L16Rates []int    // rates of l16 in our order of preference; empty: 16000, 8000
	Bitrate  int      // most bit/s of Opus that we want to receive; 0: OpusBitrate
	Events   bool     // take telephone-event

	Direction Direction // what we want; an answer keeps to what the offer allows
	Mux       bool      // rtcp-mux wanted
	Feedback  bool      // first offers only: the variant with feedback of the profile

	// Keys is our key management. An offer may hold a MIKEY message, a=crypto lines, or both; DTLS stands alone, since its profile
	// is another. An answer holds the one that was chosen. Empty: an answer to a MIKEY message without V, a re-offer that leaves
	// MIKEY's keys, or a trial that shows whether an offer can be answered at all.
	Keys     keying.Attributes
	KeyLevel Level // of key-mgmt, offers only; an answer uses the offer's level

	// Running is what was negotiated before in this dialog. A re-offer keeps its codec, payload types and the number
	// and order of its m= lines (RFC 3264 sections 8 and 8.3.2). Nil in a first offer; not read by Answer.
	Running *Negotiated
}

// Negotiated is what an offer and its answer agreed for the audio line.
type Negotiated struct {
	Codec      Codec          // the one codec, with the payload type of both directions
	EventPT    uint8          // payload type of telephone-event; 0: none
	EventRate  int            // its clock rate in Hz
	Remote     netip.AddrPort // where to send RTP at first
	RemoteRTCP netip.AddrPort // where to send RTCP at first; equals Remote with rtcp-mux
	RTCPMux    bool
	Send       bool // we send: false while the peer holds us
	Receive    bool // we receive: false while we hold the peer
	Ptime      int  // what the peer asked for in milliseconds; 20 where it did not say
	Index      int  // of the audio line among the m= lines
	Lines      []Line
}

// Line is what a later offer must repeat of an m= line (RFC 3264 section 8).
type Line struct {
	Kind, Proto, Format string
}
