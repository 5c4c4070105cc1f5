package offer

import (
	"net/netip"

	"github.com/conclave/conclave/keying"
)

// Description is a peer's session description, parsed once and then only read.
type Description struct {
	Origin  Origin
	KeyMgmt []KeyMgmt // session level, in order
	Media   []Media   // every m= line, in order
}

// Origin is the o= line (RFC 8866 section 5.2): who made the description, and which version of it this is.
type Origin struct {
	Username  string
	SessionID uint64
	Version   uint64
	Address   string // as written; a name is possible and is never resolved
}

// Media is one m= line with what applies to it, session-level defaults included.
type Media struct {
	Kind    string   // "audio", "video", ... as written
	Port    uint16   // 0: refused or taken away
	Proto   string   // "RTP/SAVP", ...
	Formats []string // the formats of the m= line as written

	Addr    netip.AddrPort // where the peer wants RTP; the zero value when the address is none that can be used
	RTCP    netip.AddrPort // where it wants RTCP without rtcp-mux: a=rtcp, or the next port
	Codecs  []Codec        // RTP formats in the order of the m= line; those without a known meaning are left out
	RTCPMux bool           // a=rtcp-mux (RFC 5761); without it RTCP under DTLS would need a second handshake (RFC 5764 section 3)

	Direction Direction // as the peer sees it
	Ptime     int       // a=ptime in milliseconds, 10 to 60; 0: not stated
	MaxPtime  int       // a=maxptime in milliseconds; 0: not stated

	KeyMgmt []KeyMgmt       // media level, in order
	Crypto  []keying.Crypto // a=crypto lines, unread

	// Of UDP/TLS/RTP/SAVP and SAVPF alone:
	Fingerprints []keying.Fingerprint // a=fingerprint (RFC 8122), the session's where the medium has none
	Setup        string               // a=setup (RFC 4145): actpass, active or passive; "": not stated
	TLSID        string               // a=tls-id (RFC 8842); "": not stated
}

// KeyMgmt is one a=key-mgmt attribute (RFC 4567 section 3.1).
type KeyMgmt struct {
	Protocol string // "mikey"; case-sensitive
	Data     []byte // decoded; nil for a protocol that is not mikey
}

// Level tells where a key-mgmt attribute stands. An answer uses the level of the offer.
type Level uint8

// The two places of a key-mgmt attribute.
const (
	LevelSession Level = iota // before the first m= line
	LevelMedia                // under its m= line
)

// String names the level.
func (l Level) String() string {
	if l == LevelMedia {
		return "media"
	}
	return "session"
}

// Codec is one RTP format with its payload type.
type Codec struct {
	Name      string // lower case: "opus", "pcmu", "pcma", "l16", "telephone-event", ...
	PT        uint8
	ClockRate int    // Hz, as in the rtpmap
	Channels  int    // as in the rtpmap; Opus always says 2
	Fmtp      string // parameters as the peer wrote them
	Bitrate   int    // Opus: the most bit/s that the peer takes (maxaveragebitrate), 0: not bound
	FEC       bool   // Opus: the peer makes use of in-band FEC (useinbandfec=1)
}
