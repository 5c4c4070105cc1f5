package offer

// Complete reads the answer to an offer that l made (RFC 3264 section 7): same m= lines in the same order, our profile,
// one of our codecs under the payload type that we gave it, key management that goes with ours. A peer that answers with another payload type for a codec is
// refused, because a leg keeps one for both directions.
func Complete(l Local, answer *Description) (*Negotiated, error) {
	if err := l.check(); err != nil {
		return nil, err
	}
	if err := l.checkKeys(l.proto(), false); err != nil {
		return nil, err
	}
	n := &Negotiated{Lines: []Line{{Kind: "audio", Proto: l.proto(), Format: "0"}}}
	if l.Running != nil && l.Running.Index < len(l.Running.Lines) {
		n.Index, n.Lines = l.Running.Index, l.Running.Lines
	}
	if len(answer.Media) != len(n.Lines) {
		return nil, ErrMismatch
	}
	for i, line := range n.Lines {
		m := &answer.Media[i]
		if m.Kind != line.Kind || i != n.Index && m.Port != 0 {
			return nil, ErrMismatch
		}
	}
	m := &answer.Media[n.Index]
	if m.Port == 0 {
		return nil, ErrRejected
	}
	if m.Proto != l.proto() {
		return nil, ErrMismatch
	}
	if err := l.completeKeys(m); err != nil {
		return nil, err
	}
	if err := n.formats(&l, m.Codecs); err != nil {
		return nil, err
	}
	direction := m.Direction.answer(l.Direction)
	if err := n.transport(m, &l, direction); err != nil {
		return nil, err
	}
	return n, nil
}

// formats picks the first codec of the answer that we offered, and the events.
func (n *Negotiated) formats(l *Local, answered []Codec) error {
	offered := l.offered()
	for _, c := range answered {
		if !listed(offered, c) {
			continue
		}
		switch {
		case c.Name == telephoneEvent:
			if n.EventPT == 0 {
				n.EventPT, n.EventRate = c.PT, c.ClockRate
			}
		case n.Codec.Name == "":
			n.Codec = c
		}
	}
	if n.Codec.Name == "" {
		return ErrNoCodec
	}
	return nil
}

// listed tells whether an answered format is one of ours. Some peers answer telephone-event and G.711 without naming a
// channel, and Opus must name two; parsing has put one where none is written.
func listed(offered []Codec, c Codec) bool {
	for _, o := range offered {
		if o.Name == c.Name && o.PT == c.PT && o.ClockRate == c.ClockRate && o.Channels == c.Channels {
			return true
		}
	}
	return false
}
