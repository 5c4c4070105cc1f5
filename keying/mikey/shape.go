package mikey

import (
	"fmt"
	"slices"
)

// counts says how often each payload may occur in a message; one that is not listed may not.
type counts [PayloadGeneralExt + 1]uint8

// shape is what a message type consists of. The order is free (RFC 3830 section 3: recommended), except for the
// payload that authenticates, which is the last.
type shape struct {
	most counts
	need []PayloadType
	last []PayloadType // which may be the last
}

// maxExt bounds General Extension payloads: SDP IDs, vendor ID, key ID and our vendor extension.
const maxExt = 4

// shapes are those of the message types (RFC 3830 section 3, RFC 4650 section 3.1, RFC 4738 section 3), beside T and extensions, which all have.
var shapes = map[Type]shape{
	TypePSKInit: {
		counts{PayloadRAND: 1, PayloadID: 2, PayloadSP: MaxPolicies, PayloadKEMAC: 1}, nil, last(PayloadKEMAC),
	},
	TypePSKResp: {counts{PayloadID: 1, PayloadV: 1}, nil, last(PayloadV)},
	TypePKEInit: {
		counts{
			PayloadRAND: 1, PayloadID: 2, PayloadCERT: MaxChain, PayloadSP: MaxPolicies,
			PayloadKEMAC: 1, PayloadCHASH: 1, PayloadPKE: 1, PayloadSIGN: 1,
		}, []PayloadType{PayloadKEMAC, PayloadPKE}, last(PayloadSIGN),
	},
	TypePKEResp: {counts{PayloadID: 1, PayloadV: 1}, nil, last(PayloadV)},
	TypeDHInit: {
		counts{PayloadRAND: 1, PayloadID: 2, PayloadCERT: MaxChain, PayloadSP: MaxPolicies, PayloadDH: 1, PayloadSIGN: 1},
		nil, last(PayloadSIGN),
	},
	TypeDHResp: {
		counts{PayloadID: 2, PayloadCERT: MaxChain, PayloadDH: 2, PayloadSIGN: 1}, nil, last(PayloadSIGN),
	},
	TypeError: {
		counts{PayloadERR: MaxPolicies, PayloadSP: MaxPolicies, PayloadV: 1, PayloadSIGN: 1}, []PayloadType{PayloadERR},
		last(PayloadT, PayloadERR, PayloadSP, PayloadGeneralExt, PayloadV, PayloadSIGN),
	},
	TypeDHHMACInit: {
		counts{PayloadRAND: 1, PayloadID: 2, PayloadSP: MaxPolicies, PayloadDH: 1, PayloadKEMAC: 1}, nil, last(PayloadKEMAC),
	},
	TypeDHHMACResp: {counts{PayloadID: 2, PayloadDH: 2, PayloadKEMAC: 1}, nil, last(PayloadKEMAC)},
	TypeRSARInit: {
		counts{PayloadRAND: 1, PayloadID: 2, PayloadCERT: MaxChain, PayloadSP: MaxPolicies, PayloadSIGN: 1}, nil, last(PayloadSIGN),
	},
	TypeRSARResp: {
		counts{
			PayloadRAND: 1, PayloadID: 1, PayloadCERT: MaxChain, PayloadSP: MaxPolicies,
			PayloadKEMAC: 1, PayloadPKE: 1, PayloadSIGN: 1,
		}, []PayloadType{PayloadKEMAC, PayloadPKE}, last(PayloadSIGN),
	},
}

// last names what may stand last.
func last(codes ...PayloadType) []PayloadType { return codes }

// checkShape holds the message against the shape of its type.
func (m *Message) checkShape() error {
	s, ok := shapes[m.header.typ] // a copy
	if !ok {
		return fmt.Errorf("%w: %d", ErrType, m.header.typ)
	}
	s.most[PayloadT], s.most[PayloadGeneralExt] = 1, maxExt
	var seen counts
	var exts [256]uint8
	for i, p := range m.payloads {
		code := p.code()
		seen[code]++
		if seen[code] > s.most[code] {
			return fmt.Errorf("%w: too many of payload %d in a message of type %d", ErrMalformed, code, m.header.typ)
		}
		if (code == PayloadSIGN || code == PayloadV) && i != len(m.payloads)-1 {
			return fmt.Errorf("%w: payloads after payload %d", ErrMalformed, code)
		}
		if e, ok := p.(extPayload); ok {
			exts[e.typ]++
			if e.typ == ExtVendor && len(e.data) > MaxVendorExt {
				return fmt.Errorf("%w: vendor extension of %d octets", ErrMalformed, len(e.data))
			}
		}
	}
	for _, code := range append(s.need, PayloadT) {
		if seen[code] == 0 {
			return fmt.Errorf("%w: a message of type %d without payload %d", ErrMalformed, m.header.typ, code)
		}
	}
	if code := m.payloads[len(m.payloads)-1].code(); !slices.Contains(s.last, code) {
		return fmt.Errorf("%w: payload %d at the end of a message of type %d", ErrMalformed, code, m.header.typ)
	}
	if exts[ExtSDPIDs] > 1 || exts[ExtVendor] > 1 {
		return fmt.Errorf("%w: two lists of SDP IDs, or two vendor extensions", ErrMalformed)
	}
	return nil
}

// authLen is the length of the MAC or signature of a last payload.
func authLen(p payload) int {
	switch p := p.(type) {
	case kemacPayload:
		return len(p.mac)
	case vPayload:
		return len(p.mac)
	case signPayload:
		return len(p.data)
	}
	return 0
}
