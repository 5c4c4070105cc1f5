package offer

import (
	"net/netip"
	"slices"
)

// Answer makes the answer to a peer's offer: the first audio line that can be used with the first of the offer's codecs
// that l lists (the offerer's order, RFC 3264 section 6.1), all other m= lines refused in place, our key management in the
// one kind that was chosen, a MIKEY message at the level where the peer's stood.
func Answer(remote *Description, l Local) (body []byte, n *Negotiated, err error) {
	if err := l.check(); err != nil {
		return nil, nil, err
	}
	index, err := remote.audio()
	if err != nil {
		return nil, nil, err
	}
	m := &remote.Media[index]
	if err := l.answersKeys(m); err != nil {
		return nil, nil, err
	}
	n = &Negotiated{Index: index}
	if n.Codec, err = l.choose(m.Codecs); err != nil {
		return nil, nil, err
	}
	direction := m.Direction.answer(l.Direction)
	if err := n.transport(m, &l, direction); err != nil {
		return nil, nil, err
	}
	codecs := []Codec{n.Codec}
	if event, ok := l.event(m.Codecs, n.Codec.ClockRate); ok {
		n.EventPT, n.EventRate = event.PT, event.ClockRate
		codecs = append(codecs, event)
	}
	s := l.session()
	for i := range remote.Media {
		line := remote.Media[i].line()
		n.Lines = append(n.Lines, line)
		if i != index {
			s.MediaDescriptions = append(s.MediaDescriptions, refused(line))
			continue
		}
		audio := l.audio(m.Proto, codecs, direction)
		if n.RTCPMux {
			audio.WithPropertyAttribute("rtcp-mux")
		} else {
			l.rtcp(audio)
		}
		l.attachKeys(s, audio, remote.keyLevel(m))
		s.MediaDescriptions = append(s.MediaDescriptions, audio)
	}
	body, err = marshal(s)
	return body, n, err
}

// keyLevel is where the key-mgmt attributes that apply to a medium stand.
func (d *Description) keyLevel(m *Media) Level {
	if len(m.KeyMgmt) > 0 {
		return LevelMedia
	}
	return LevelSession
}

// choose finds the first of the peer's codecs that we list.
func (l *Local) choose(codecs []Codec) (Codec, error) {
	for _, c := range codecs {
		if slices.Contains(l.Codecs, c.Name) && l.supports(c) {
			return c, nil
		}
	}
	return Codec{}, ErrNoCodec
}

// supports tells whether a codec's rate and channels are ones that are spoken here.
func (l *Local) supports(c Codec) bool {
	switch c.Name {
	case opus:
		return c.ClockRate == 48000 && c.Channels == 2
	case pcmu, pcma:
		return c.ClockRate == 8000 && c.Channels == 1
	case l16:
		return c.Channels == 1 && slices.Contains(l.l16Rates(), c.ClockRate)
	default:
		return false
	}
}

// event finds the telephone-event of the codec's clock rate (RFC 4733 section 2.6 wants them equal), else one of 8000 Hz,
// which many phones offer beside any codec. Payload type 0 is PCMU and can be none.
func (l *Local) event(codecs []Codec, rate int) (Codec, bool) {
	if !l.Events {
		return Codec{}, false
	}
	for _, want := range []int{rate, 8000} {
		for _, c := range codecs {
			if c.Name == telephoneEvent && c.ClockRate == want && c.PT != 0 {
				return c, true
			}
		}
	}
	return Codec{}, false
}

// transport settles addresses, multiplexing, directions and packet length from the peer's audio line. direction is ours.
func (n *Negotiated) transport(m *Media, l *Local, direction Direction) error {
	ours := l.Addr.Addr().Unmap()
	if !m.Addr.IsValid() || m.Addr.Addr().Is4() != ours.Is4() {
		return ErrAddress
	}
	if m.MaxPtime != 0 && m.MaxPtime < framePtime {
		return ErrPtime
	}
	n.Remote, n.RTCPMux = m.Addr, m.RTCPMux && l.Mux
	n.RemoteRTCP = m.RTCP
	if n.RTCPMux {
		n.RemoteRTCP = m.Addr
	}
	if n.RemoteRTCP.IsValid() && n.RemoteRTCP.Addr().Is4() != ours.Is4() {
		n.RemoteRTCP = netip.AddrPort{}
	}
	// The unspecified address is the old way to hold (RFC 3264 section 8.4): nothing may be sent there.
	n.Send = direction.Sends() && !m.Addr.Addr().IsUnspecified()
	n.Receive = direction.Receives()
	n.Ptime = m.Ptime
	if n.Ptime == 0 {
		n.Ptime = framePtime
	}
	return nil
}
