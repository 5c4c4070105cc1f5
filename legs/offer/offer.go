package offer

import "github.com/pion/sdp/v3"

// Offer makes the body of an INVITE, of a re-INVITE, or of the 200 to an INVITE without one. A first offer lists the
// codecs of l in order. A re-offer (l.Running) repeats what runs. The same l, unchanged, reads the answer (Complete).
func Offer(l Local) ([]byte, error) {
	if err := l.check(); err != nil {
		return nil, err
	}
	if err := l.checkKeys(l.proto(), false); err != nil {
		return nil, err
	}
	codecs := l.offered()
	if len(codecs) == 0 {
		return nil, ErrNoCodec
	}
	s := l.session()
	audio := l.audio(l.proto(), codecs, l.Direction)
	if l.Mux {
		audio.WithPropertyAttribute("rtcp-mux")
	}
	l.rtcp(audio) // beside rtcp-mux too: the way back for a peer that does not multiplex (RFC 5761 section 5.1.1)
	l.attachKeys(s, audio, l.KeyLevel)
	s.MediaDescriptions = l.lines(audio)
	return marshal(s)
}

// proto is the profile that is offered: what runs, else what the keys need and as configured.
func (l *Local) proto() string {
	if r := l.Running; r != nil && r.Index < len(r.Lines) {
		return r.Lines[r.Index].Proto
	}
	switch {
	case l.Keys.DTLS != nil && l.Feedback:
		return profileTLSSAVPF
	case l.Keys.DTLS != nil:
		return profileTLSSAVP
	case l.Feedback:
		return profileSAVPF
	default:
		return profileSAVP
	}
}

// lines puts the audio line in its place among those that were refused before; an m= line never goes away or moves
// (RFC 3264 section 8).
func (l *Local) lines(audio *sdp.MediaDescription) []*sdp.MediaDescription {
	if l.Running == nil || l.Running.Index >= len(l.Running.Lines) {
		return []*sdp.MediaDescription{audio}
	}
	list := make([]*sdp.MediaDescription, len(l.Running.Lines))
	for i, line := range l.Running.Lines {
		if i == l.Running.Index {
			list[i] = audio
		} else {
			list[i] = refused(line)
		}
	}
	return list
}

// offered lists the formats of an offer. Names that are unknown are passed over: configuration is checked elsewhere.
func (l *Local) offered() []Codec {
	if r := l.Running; r != nil {
		list := []Codec{r.Codec}
		if r.EventPT != 0 {
			list = append(list, Codec{Name: telephoneEvent, PT: r.EventPT, ClockRate: r.EventRate, Channels: 1})
		}
		return list
	}
	var list []Codec
	events := map[int]uint8{} // clock rate → payload type
	add := func(c Codec) {
		list = append(list, c)
		if c.ClockRate == 48000 {
			events[c.ClockRate] = ptEvent48
		} else {
			events[8000] = ptEvent8
		}
	}
	for _, name := range l.Codecs {
		switch name {
		case opus:
			add(Codec{Name: opus, PT: ptOpus, ClockRate: 48000, Channels: 2})
		case pcmu:
			add(Codec{Name: pcmu, PT: ptPCMU, ClockRate: 8000, Channels: 1})
		case pcma:
			add(Codec{Name: pcma, PT: ptPCMA, ClockRate: 8000, Channels: 1})
		case l16:
			for i, rate := range l.l16Rates() {
				add(Codec{Name: l16, PT: ptL16 + uint8(i), ClockRate: rate, Channels: 1})
			}
		}
	}
	for _, rate := range []int{48000, 8000} {
		if pt, ok := events[rate]; ok && l.Events {
			list = append(list, Codec{Name: telephoneEvent, PT: pt, ClockRate: rate, Channels: 1})
		}
	}
	return list
}

// l16Rates bounds the rates by the payload types kept for them.
func (l *Local) l16Rates() []int {
	if len(l.L16Rates) == 0 {
		return defaultL16Rates
	}
	return l.L16Rates[:min(len(l.L16Rates), ptEvent8-ptL16)]
}
