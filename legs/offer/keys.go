package offer

import "github.com/pion/sdp/v3"

// checkKeys refuses key management of ours that does not go with the profile of its line, or that no peer could read. An answer
// chooses one of what was offered, so it holds one kind; an answer without any is a trial.
func (l *Local) checkKeys(proto string, answer bool) error {
	k := &l.Keys
	others := len(k.MIKEY) > 0 || len(k.Crypto) > 0
	switch {
	case len(k.MIKEY) > MaxMessage, len(k.Crypto) > maxCrypto:
		return ErrLocal
	case answer && (len(k.Crypto) > 1 || len(k.Crypto) > 0 && len(k.MIKEY) > 0):
		return ErrLocal
	case !overDTLS(proto):
		if k.DTLS != nil {
			return ErrLocal
		}
	case others, k.DTLS == nil && !answer:
		return ErrLocal
	case k.DTLS != nil && !usable(k.DTLS):
		return ErrLocal
	}
	for _, c := range k.Crypto {
		if line := c.Line(); line == "" || len(line) > maxCryptoLine || !printable(line) {
			return ErrLocal
		}
	}
	return nil
}

// answersKeys holds what we answer to what was offered in m.
func (l *Local) answersKeys(m *Media) error {
	if overDTLS(m.Proto) {
		d, err := m.dtls()
		if err != nil {
			return err
		}
		if l.Keys.DTLS != nil && !fits(d.Setup, l.Keys.DTLS.Setup) {
			return ErrLocal
		}
	}
	return l.checkKeys(m.Proto, true)
}

// attachKeys writes our key management: a MIKEY message at its level, the rest under the audio line.
func (l *Local) attachKeys(s *sdp.SessionDescription, audio *sdp.MediaDescription, level Level) {
	if len(l.Keys.MIKEY) > 0 {
		if level == LevelMedia {
			audio.Attributes = append(audio.Attributes, keyMgmt(l.Keys.MIKEY))
		} else {
			s.Attributes = append(s.Attributes, keyMgmt(l.Keys.MIKEY))
		}
	}
	for _, c := range l.Keys.Crypto {
		audio.WithValueAttribute("crypto", c.Line())
	}
	if d := l.Keys.DTLS; d != nil {
		for _, f := range d.Fingerprints {
			audio.WithValueAttribute("fingerprint", formatFingerprint(f))
		}
		audio.WithValueAttribute("setup", d.Setup)
		if d.TLSID != "" {
			audio.WithValueAttribute("tls-id", d.TLSID)
		}
	}
}

// completeKeys holds the key management of an answer to ours: exactly one of the a=crypto lines where only those were offered,
// and a role in the handshake that goes with the offered one. Whether keys come of it is for package keying to say.
func (l *Local) completeKeys(m *Media) error {
	if len(m.Crypto) > 1 {
		return ErrCrypto
	}
	if len(l.Keys.Crypto) > 0 && len(l.Keys.MIKEY) == 0 && len(m.Crypto) == 0 {
		return ErrCrypto
	}
	if l.Keys.DTLS == nil {
		return nil
	}
	d, err := m.dtls()
	if err != nil {
		return err
	}
	if !fits(l.Keys.DTLS.Setup, d.Setup) {
		return ErrSetup
	}
	return nil
}
