package offer

import (
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"

	"github.com/conclave/conclave/keying"
)

// Parse reads a session description of at most MaxSize octets. It accepts bare LF line ends and a missing last line end.
// Media that this package cannot use are kept, so that an answer can refuse them in place; what is wrong inside them
// does not matter. pion's own error texts quote the description and are dropped.
func Parse(raw []byte) (*Description, error) {
	text, lines, err := scan(raw)
	if err != nil {
		return nil, err
	}
	var s sdp.SessionDescription
	if err := s.UnmarshalString(text); err != nil {
		return nil, ErrSyntax
	}
	// pion takes an end anywhere; without the mandatory lines it is no description (RFC 8866 section 5).
	if len(s.TimeDescriptions) == 0 || len(s.MediaDescriptions) != len(lines) {
		return nil, ErrSyntax
	}
	d := &Description{
		Origin: Origin{
			Username: s.Origin.Username, SessionID: s.Origin.SessionID,
			Version: s.Origin.SessionVersion, Address: s.Origin.UnicastAddress,
		},
		Media: make([]Media, len(lines)),
	}
	if d.KeyMgmt, err = parseKeyMgmt(s.Attributes); err != nil {
		return nil, err
	}
	direction := lastDirection(s.Attributes, SendRecv)
	for i, m := range s.MediaDescriptions {
		c := m.ConnectionInformation
		if c == nil {
			c = s.ConnectionInformation
		}
		medium := &d.Media[i]
		if err := medium.parse(lines[i], c, m.Attributes, direction); err != nil {
			return nil, err
		}
		if medium.Kind != "audio" || medium.Port == 0 || !overDTLS(medium.Proto) {
			continue
		}
		if err := medium.handshake(s.Attributes, m.Attributes); err != nil {
			return nil, err
		}
	}
	if d.keyMgmtCount() > MaxKeyMgmt {
		return nil, ErrTooLarge
	}
	return d, nil
}

// parse fills a medium. Only RTP audio is read in full; of other media the key-mgmt attributes are kept, since they count
// in the list of RFC 4567 section 4.1.4.
func (m *Media) parse(line mediaLine, c *sdp.ConnectionInformation, attributes []sdp.Attribute, inherited Direction) error {
	m.Kind, m.Port, m.Proto, m.Formats = line.kind, line.port, line.proto, line.formats
	m.Direction = lastDirection(attributes, inherited)
	var err error
	if m.KeyMgmt, err = parseKeyMgmt(attributes); err != nil {
		return err
	}
	if m.Kind != "audio" || !strings.Contains(m.Proto, "RTP/") {
		return nil
	}
	m.Addr = mediaAddress(c, m.Port)
	m.RTCP = nextPort(m.Addr)
	formats := newFormats(line.formats)
	for _, a := range attributes {
		if err := m.attribute(a, formats); err != nil {
			return err
		}
	}
	m.Codecs = formats.codecs()
	return nil
}

// attribute reads one media attribute of RTP audio.
func (m *Media) attribute(a sdp.Attribute, f *formats) error {
	switch a.Key {
	case "rtpmap":
		return f.rtpmap(a.Value)
	case "fmtp":
		return f.fmtp(a.Value)
	case "rtcp-mux":
		m.RTCPMux = true
	case "rtcp":
		return m.rtcp(a.Value)
	case "ptime":
		m.Ptime = milliseconds(a.Value)
		if m.Ptime < minPtime || m.Ptime > maxPtime {
			m.Ptime = 0
		}
	case "maxptime":
		m.MaxPtime = milliseconds(a.Value)
	case "crypto":
		if len(m.Crypto) == maxCrypto {
			return ErrTooLarge
		}
		m.Crypto = append(m.Crypto, keying.NewCrypto(a.Value))
	}
	return nil
}

// lastDirection finds the direction attribute of a level; the last one wins where a writer gives several.
func lastDirection(attributes []sdp.Attribute, direction Direction) Direction {
	for _, a := range attributes {
		if d, ok := parseDirection(a.Key); ok && a.Value == "" {
			direction = d
		}
	}
	return direction
}

// milliseconds reads a small whole number; anything else is 0, not stated. The bound keeps it far from overflow.
func milliseconds(value string) int {
	n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 12)
	if err != nil {
		return 0
	}
	return int(n)
}
