package mikey

// Message is one MIKEY message. It is immutable; what its accessors return shares its octets and must not be changed.
type Message struct {
	header   header
	payloads []payload
	raw      []byte // the octets it was parsed from, a copy
	authLen  int    // octets of the MAC or signature at the very end, 0 when it has none
}

// header is HDR (RFC 3830 section 6.1) without its next payload octet, which follows from the payloads.
type header struct {
	typ      Type
	v        bool
	prf      PRF
	csbID    uint32
	count    uint8 // #CS; equals the number of entries, except with an empty map
	mapType  MapType
	sessions []Session        // of an SRTP-ID map
	generic  []GenericSession // of a GENERIC-ID map
}

// Session is one crypto session of an SRTP-ID map (RFC 3830 section 6.1.1): its CS ID is its place, from 1.
type Session struct {
	Policy uint8  // number of the policy it uses
	SSRC   uint32 // 0: not stated by its owner
	ROC    uint32 // rollover counter to start from
}

// GenericSession is one entry of a GENERIC-ID map (RFC 6043 section 6.1.1). It is parsed, and used by no exchange here.
type GenericSession struct {
	CSID     uint8
	Protocol uint8
	Flag     bool // the S bit
	Policies []uint8
	Data     []byte
	SPI      []byte
}

// Type is the data type of the message.
func (m *Message) Type() Type { return m.header.typ }

// CSBID is the crypto session bundle.
func (m *Message) CSBID() uint32 { return m.header.csbID }

// V is set when the initiator asks for a verification message; meaningless in an R.
func (m *Message) V() bool { return m.header.v }

// PRF is the pseudo-random function the message asks for; it may be one we do not know.
func (m *Message) PRF() PRF { return m.header.prf }

// MapType is the CS ID map type.
func (m *Message) MapType() MapType { return m.header.mapType }

// Sessions is the SRTP-ID map; entry i (from 0) is CS ID i+1.
func (m *Message) Sessions() []Session { return m.header.sessions }

// GenericSessions is the GENERIC-ID map.
func (m *Message) GenericSessions() []GenericSession { return m.header.generic }

// Octets is the message as it came over the wire.
func (m *Message) Octets() []byte { return m.raw }

// covered is the message without the octets of its MAC or signature: what RFC 3830 section 5.2 authenticates.
func (m *Message) covered() []byte { return m.raw[:len(m.raw)-m.authLen] }

// find returns the first payload of type T of a message.
func find[T payload](m *Message) (T, bool) {
	for _, p := range m.payloads {
		if t, ok := p.(T); ok {
			return t, true
		}
	}
	var none T
	return none, false
}

// all returns every payload of type T of a message, in order.
func all[T payload](m *Message) []T {
	var ts []T
	for _, p := range m.payloads {
		if t, ok := p.(T); ok {
			ts = append(ts, t)
		}
	}
	return ts
}

// Timestamp is the T payload; every message has one.
func (m *Message) Timestamp() Timestamp {
	t, _ := find[timestampPayload](m)
	return t.value
}

// RAND is the random value of the CSB; nil in a message without one (every R but RSA-R's, and updates).
func (m *Message) RAND() []byte {
	r, _ := find[randPayload](m)
	return r.value
}

// Identity is the content of an ID payload.
type Identity struct {
	Type uint8 // IDTypeNAI, IDTypeURI
	Data string
}

// identities splits the ID payloads by role. With two, the order of the message type decides; with one, what its type
// makes optional does (RFC 3830 sections 3.1 to 3.3, RFC 4650 section 3.1): a certificate may stand for the sender's.
func (m *Message) identities() (i, r Identity, haveI, haveR bool) {
	ids := all[idPayload](m)
	answerFirst := m.header.typ == TypeDHResp || m.header.typ == TypeDHHMACResp
	switch len(ids) {
	case 0:
		return i, r, false, false
	case 1:
		if m.loneIDIsResponder() {
			return i, ids[0].value, false, true
		}
		return ids[0].value, r, true, false
	default:
		if answerFirst {
			return ids[1].value, ids[0].value, true, true
		}
		return ids[0].value, ids[1].value, true, true
	}
}

// loneIDIsResponder tells whose identity a single ID payload is.
func (m *Message) loneIDIsResponder() bool {
	switch m.header.typ {
	case TypePSKResp, TypePKEResp, TypeRSARResp, TypeDHHMACInit:
		return true
	case TypePKEInit, TypeDHInit, TypeRSARInit:
		// CERTi in place of IDi comes first; an ID after it is the responder's.
		for _, p := range m.payloads {
			switch p.(type) {
			case certPayload:
				return true
			case idPayload:
				return false
			}
		}
	}
	return false
}

// IDi is the initiator's identity as the message states it; ok is false when it states none.
func (m *Message) IDi() (id Identity, ok bool) {
	id, _, ok, _ = m.identities()
	return id, ok
}

// IDr is the responder's identity as the message states it; ok is false when it states none.
func (m *Message) IDr() (id Identity, ok bool) {
	_, id, _, ok = m.identities()
	return id, ok
}

// Policies are the SP payloads, in order. Two may bear the same number only where RFC 4738 lets a responder choose.
func (m *Message) Policies() []Policy {
	var ps []Policy
	for _, sp := range all[spPayload](m) {
		ps = append(ps, sp.policy)
	}
	return ps
}

// SDPIDs is the list of key management protocols of RFC 4567 section 4.1.4; ok is false when the message has none.
func (m *Message) SDPIDs() (list string, ok bool) {
	for _, e := range all[extPayload](m) {
		if e.typ == ExtSDPIDs {
			return string(e.data), true
		}
	}
	return "", false
}

// VendorExt is the General Extension of private type that our own callers put in; ok is false when the message has none.
func (m *Message) VendorExt() (data []byte, ok bool) {
	for _, e := range all[extPayload](m) {
		if e.typ == ExtVendor {
			return e.data, true
		}
	}
	return nil, false
}

// Update says that the message asks to update a bundle: an I_MESSAGE without RAND, where a first one has it.
func (m *Message) Update() bool {
	switch m.header.typ {
	case TypePSKInit, TypeDHInit, TypeDHHMACInit, TypePKEInit:
		return m.RAND() == nil
	default:
		return false
	}
}

// Refresh says that the message asks to update a bundle and brings neither a TGK nor a DH value: the keys in use stay.
func (m *Message) Refresh() bool { return m.Update() && m.keyless() }

// keyless says that an I_MESSAGE has no key and no half of one.
func (m *Message) keyless() bool {
	if m.header.typ == TypePSKInit {
		p, _ := find[kemacPayload](m)
		return len(p.data) == 0
	}
	_, ok := find[dhPayload](m)
	return !ok && m.header.typ != TypePKEInit
}

// Certificates are the DER X.509v3 certificates of the CERT payloads, leaf first. URLs and encryption certificates
// are left out.
func (m *Message) Certificates() [][]byte {
	var ders [][]byte
	for _, c := range all[certPayload](m) {
		if c.typ == CertX509 || c.typ == CertX509Sign {
			ders = append(ders, c.data)
		}
	}
	return ders
}

// DHGroup is the group of the first DH payload; ok is false when there is none.
func (m *Message) DHGroup() (g Group, ok bool) {
	d, ok := find[dhPayload](m)
	return d.group, ok
}

// ErrorNumbers are those of the ERR payloads of an error message.
func (m *Message) ErrorNumbers() []ErrorNumber {
	var ns []ErrorNumber
	for _, e := range all[errPayload](m) {
		ns = append(ns, e.number)
	}
	return ns
}
