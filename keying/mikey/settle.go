package mikey

import "slices"

// newCrypto takes over key; the zero key is none, that of a refresh. What an update leaves out is as in prior, the bundle it
// continues, or nil.
func newCrypto(m *Message, key keyData, prior *CSB) *Crypto {
	c := &Crypto{
		csbID: m.header.csbID, prf: m.header.prf, rand: m.RAND(), keyType: key.typ, key: key.key, salt: key.salt,
		validity: key.validity, sessions: m.header.sessions, policies: m.Policies(), refresh: key.key == nil, update: m.header.typ,
	}
	if prior == nil {
		c.clock = newClock(m.Timestamp())
		if c.enveloped = m.header.typ == TypePKEInit || m.header.typ == TypeRSARInit; c.enveloped {
			c.update = TypePSKInit
		}
		return c
	}
	c.rand, c.clock, c.enveloped = prior.rand, prior.clock, prior.enveloped
	if c.enveloped {
		c.envelope, _ = prior.messageKey(nil) // wiped since: then the next bundle cannot be updated either
	}
	if len(c.policies) == 0 {
		c.policies = prior.policies
	}
	c.sessions = nil
	c.settle(prior.sessions)
	c.settle(m.header.sessions)
	return c
}

// settle takes the map as the last message states it. What that leaves open stays as it was.
func (c *Crypto) settle(sessions []Session) {
	out := slices.Clone(c.sessions)
	for n, s := range sessions {
		switch {
		case n >= len(out):
			out = append(out, s)
		case s.SSRC == 0:
			s.SSRC, s.ROC = out[n].SSRC, out[n].ROC
			fallthrough
		default:
			out[n] = s
		}
	}
	c.sessions = out
}

// finish ends an exchange of ours; a Crypto that is refused is wiped.
func (c *Crypto) finish(i *Message, prior *CSB) error {
	if prior == nil {
		return nil
	}
	if err := prior.clock.finish(i.Timestamp()); err != nil {
		c.Wipe()
		return err
	}
	return nil
}

// saw notes that an update was authentic. A nil CSB has no clock yet.
func (c *CSB) saw(m *Message) {
	if c != nil {
		c.clock.saw(m.Timestamp())
	}
}

// accept takes an update of the peer's, once.
func (c *CSB) accept(m *Message) error {
	if c == nil {
		return nil
	}
	return c.clock.accept(m.Timestamp())
}
