package mikey

import (
	"bytes"
	"fmt"
)

// Parse reads one message. It takes a copy of b, refuses more than MaxMessage octets, unknown payloads, payloads that
// the message type does not have, octets that are missing or left over, and believes nothing else: what it returns
// is not authenticated.
func Parse(b []byte) (*Message, error) {
	if len(b) > MaxMessage {
		return nil, fmt.Errorf("%w: %d octets", ErrMalformed, len(b))
	}
	m := &Message{raw: bytes.Clone(b)}
	if err := m.parse(); err != nil {
		return nil, err
	}
	if err := m.checkShape(); err != nil {
		return nil, err
	}
	m.authLen = authLen(m.payloads[len(m.payloads)-1])
	return m, nil
}

// Peek finds what an error message needs, the CSB ID and the time stamp, in a message that Parse may have refused; ok is
// false when it does not get as far as the time stamp.
func Peek(b []byte) (csbID uint32, t Timestamp, ok bool) {
	m := &Message{raw: b[:min(len(b), MaxMessage)]}
	_ = m.parse() // how far it gets is the question
	p, ok := find[timestampPayload](m)
	return m.header.csbID, p.value, ok
}

// parse fills header and payloads as far as the octets allow.
func (m *Message) parse() error {
	r := &reader{b: m.raw}
	next, err := m.header.parse(r)
	for err == nil && next != PayloadLast {
		if len(m.payloads) == MaxPayloads {
			return fmt.Errorf("%w: more than %d payloads", ErrMalformed, MaxPayloads)
		}
		code := next
		var p payload
		p, next, err = parsePayload(r, code, m.header.typ)
		switch {
		case err != nil:
		case r.short:
			err = fmt.Errorf("%w: ends within payload %d", ErrMalformed, code)
		default:
			m.payloads = append(m.payloads, p)
		}
	}
	if err == nil && len(r.b) != 0 {
		err = fmt.Errorf("%w: %d octets after the last payload", ErrMalformed, len(r.b))
	}
	return err
}

// parse reads HDR.
func (h *header) parse(r *reader) (next PayloadType, err error) {
	if v := r.u8(); v != version {
		return 0, fmt.Errorf("%w: version %d", ErrMalformed, v)
	}
	h.typ = Type(r.u8())
	next = PayloadType(r.u8())
	vPRF := r.u8()
	h.v, h.prf = vPRF&0x80 != 0, PRF(vPRF&0x7F)
	h.csbID = r.u32()
	h.count = r.u8()
	h.mapType = MapType(r.u8())
	if h.count > MaxSessions {
		return 0, fmt.Errorf("%w: %d crypto sessions", ErrMalformed, h.count)
	}
	switch h.mapType {
	case MapSRTP:
		for range h.count {
			h.sessions = append(h.sessions, Session{Policy: r.u8(), SSRC: r.u32(), ROC: r.u32()})
		}
	case MapEmpty:
	case MapGeneric:
		for range h.count {
			h.generic = append(h.generic, parseGeneric(r))
		}
	default:
		return 0, fmt.Errorf("%w: type %d", ErrMap, h.mapType)
	}
	if r.short {
		return 0, fmt.Errorf("%w: ends within the header", ErrMalformed)
	}
	return next, nil
}

// parseGeneric reads one entry of a GENERIC-ID map.
func parseGeneric(r *reader) GenericSession {
	g := GenericSession{CSID: r.u8(), Protocol: r.u8()}
	n := r.u8()
	g.Flag = n&0x80 != 0
	g.Policies = r.take(int(n & 0x7F))
	g.Data = r.vec16()
	g.SPI = r.vec8()
	return g
}

// parsePayload reads the payload of type code in a message of type t. What it returns counts only when the reader did not
// run short.
func parsePayload(r *reader, code PayloadType, t Type) (p payload, next PayloadType, err error) {
	if code == PayloadSIGN { // has no next payload octet: it is always the last
		n := r.u16()
		return signPayload{typ: uint8(n >> 12), data: r.take(int(n & 0xFFF))}, PayloadLast, nil
	}
	next = PayloadType(r.u8())
	switch code {
	case PayloadT:
		p, err = parseTimestamp(r)
	case PayloadRAND:
		p = randPayload{r.vec8()}
	case PayloadID:
		p = idPayload{Identity{Type: r.u8(), Data: string(r.vec16())}}
	case PayloadCERT:
		p = certPayload{typ: r.u8(), data: r.vec16()}
	case PayloadGeneralExt:
		p = extPayload{typ: r.u8(), data: r.vec16()}
	case PayloadERR:
		p = errPayload{number: ErrorNumber(r.u8()), reserved: r.u16()}
	case PayloadPKE:
		n := r.u16()
		p = pkePayload{cache: uint8(n >> 14), data: r.take(int(n & 0x3FFF))}
	case PayloadSP:
		p, err = parsePolicy(r)
	case PayloadCHASH:
		p, err = parseCertHash(r)
	case PayloadKEMAC:
		k := kemacPayload{encr: r.u8(), data: r.vec16(), alg: r.u8()}
		k.mac, err = parseKEMACMAC(r, k.alg, next, t)
		p = k
	case PayloadV:
		v := vPayload{alg: r.u8()}
		v.mac, err = parseMAC(r, v.alg)
		p = v
	case PayloadDH:
		p, err = parseDH(r)
	default:
		err = fmt.Errorf("%w: payload %d", ErrMalformed, code)
	}
	return p, next, err
}
