package offer

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
)

// userAgent is the o= user name and the s= line of our descriptions; it tells a debugging reader which side wrote them.
const userAgent = "conclave"

// check refuses a local description that would make an unusable body.
func (l *Local) check() error {
	switch {
	case l.Session == nil, len(l.Codecs) == 0, !l.Addr.IsValid(), l.Addr.Port() == 0, l.Addr.Addr().Zone() != "":
		return ErrLocal
	}
	return nil
}

// session makes the session level of a description of ours, with the next version.
func (l *Local) session() *sdp.SessionDescription {
	return sessionLevel(l.Addr.Addr(), l.Session.id, l.Session.next())
}

// sessionLevel makes a session level without attributes and media.
func sessionLevel(addr netip.Addr, id, version uint64) *sdp.SessionDescription {
	f, text := family(addr), addr.Unmap().String()
	return &sdp.SessionDescription{
		Origin: sdp.Origin{
			Username: userAgent, SessionID: id, SessionVersion: version,
			NetworkType: "IN", AddressType: f, UnicastAddress: text,
		},
		SessionName: userAgent,
		ConnectionInformation: &sdp.ConnectionInformation{
			NetworkType: "IN", AddressType: f, Address: &sdp.Address{Address: text},
		},
		TimeDescriptions: []sdp.TimeDescription{{}},
	}
}

// audio makes our audio line with the given codecs, telephone-event among them.
func (l *Local) audio(proto string, codecs []Codec, direction Direction) *sdp.MediaDescription {
	m := mediaLevel("audio", int(l.Addr.Port()), proto)
	for _, c := range codecs {
		pt := strconv.Itoa(int(c.PT))
		m.MediaName.Formats = append(m.MediaName.Formats, pt)
		m.WithValueAttribute("rtpmap", pt+" "+c.rtpmap())
		if f := l.fmtp(c); f != "" {
			m.WithValueAttribute("fmtp", pt+" "+f)
		}
	}
	// One tick of the mixer; these say what we like to receive, in both an offer and an answer.
	m.WithValueAttribute("ptime", strconv.Itoa(framePtime))
	m.WithValueAttribute("maxptime", strconv.Itoa(framePtime))
	return m.WithPropertyAttribute(direction.String())
}

// rtcp names our RTCP address where it is not the port after ours.
func (l *Local) rtcp(m *sdp.MediaDescription) {
	if !l.RTCP.IsValid() || l.RTCP == nextPort(l.Addr) {
		return
	}
	value := strconv.Itoa(int(l.RTCP.Port()))
	if l.RTCP.Addr() != l.Addr.Addr() {
		value = fmt.Sprintf("%s IN %s %s", value, family(l.RTCP.Addr()), l.RTCP.Addr().Unmap())
	}
	m.WithValueAttribute("rtcp", value)
}

// mediaLevel makes an m= line without formats and attributes.
func mediaLevel(kind string, port int, proto string) *sdp.MediaDescription {
	return &sdp.MediaDescription{MediaName: sdp.MediaName{
		Media: kind, Port: sdp.RangedPort{Value: port}, Protos: []string{proto},
	}}
}

// refused makes the m= line that says no to one of the peer's (RFC 3264 section 6): port 0, and one format because the
// grammar wants one.
func refused(line Line) *sdp.MediaDescription {
	m := mediaLevel(line.Kind, 0, line.Proto)
	m.MediaName.Formats = []string{line.Format}
	return m
}

// line is what has to be repeated of a peer's m= line.
func (m *Media) line() Line {
	return Line{Kind: m.Kind, Proto: m.Proto, Format: m.Formats[0]}
}

// rtpmap is the encoding of an a=rtpmap. A single channel is the default and is not written; Opus always has two (RFC
// 7587 section 7).
func (c Codec) rtpmap() string {
	name := c.Name
	switch c.Name {
	case pcmu, pcma, l16: // registered in upper case
		name = strings.ToUpper(name)
	}
	s := name + "/" + strconv.Itoa(c.ClockRate)
	if c.Channels > 1 {
		s += "/" + strconv.Itoa(c.Channels)
	}
	return s
}

// fmtp is what we ask for as a receiver. Constant rate without DTX, so that packet lengths tell nothing of the speech
// (RFC 6562); forward error correction; one channel.
func (l *Local) fmtp(c Codec) string {
	switch c.Name {
	case opus:
		rate := l.Bitrate
		if rate == 0 {
			rate = OpusBitrate
		}
		return "useinbandfec=1;cbr=1;usedtx=0;stereo=0;sprop-stereo=0;maxaveragebitrate=" +
			strconv.Itoa(min(max(rate, minOpusBitrate), maxOpusBitrate))
	case telephoneEvent:
		return "0-15"
	default:
		return ""
	}
}

// marshal writes the description.
func marshal(s *sdp.SessionDescription) ([]byte, error) {
	body, err := s.Marshal()
	if err != nil {
		return nil, fmt.Errorf("offer: marshal: %w", err)
	}
	return body, nil
}
