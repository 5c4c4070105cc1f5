package mikey

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
)

// Marshal writes the message from its parts; what Parse accepted comes out as it went in.
func (m *Message) Marshal() []byte { return assemble(m.header, m.payloads) }

// assemble chains a header and payloads.
func assemble(h header, payloads []payload) []byte {
	nextOf := func(i int) PayloadType {
		if i < len(payloads) {
			return payloads[i].code()
		}
		return PayloadLast
	}
	b := h.append(make([]byte, 0, 512), nextOf(0))
	for i, p := range payloads {
		b = p.append(b, nextOf(i+1))
	}
	return b
}

// append writes HDR.
func (h header) append(b []byte, next PayloadType) []byte {
	vPRF := byte(h.prf)
	if h.v {
		vPRF |= 0x80
	}
	b = append(b, version, byte(h.typ), byte(next), vPRF)
	b = binary.BigEndian.AppendUint32(b, h.csbID)
	b = append(b, h.count, byte(h.mapType))
	for _, s := range h.sessions {
		b = append(b, s.Policy)
		b = binary.BigEndian.AppendUint32(b, s.SSRC)
		b = binary.BigEndian.AppendUint32(b, s.ROC)
	}
	for _, g := range h.generic {
		n := byte(len(g.Policies))
		if g.Flag {
			n |= 0x80
		}
		b = append(append(b, g.CSID, g.Protocol, n), g.Policies...)
		b = append8(append16(b, g.Data), g.SPI)
	}
	return b
}

// NewErrorMessage builds an unauthenticated error message (type 6): errors before authentication cannot be
// authenticated, and the receiver takes any error as a hint only. t is the initiator's time stamp, ours the policies we
// would have accepted, which go with InvalidSP and InvalidSPpar (RFC 3830 section 5.1.2).
func NewErrorMessage(csbID uint32, t Timestamp, number ErrorNumber, ours []Policy) []byte {
	payloads := []payload{timestampPayload{t}, errPayload{number: number}}
	if number == InvalidSP || number == InvalidSPpar {
		for _, p := range ours {
			payloads = append(payloads, spPayload{p})
		}
	}
	return assemble(header{typ: TypeError, csbID: csbID}, payloads)
}

// check refuses parameters that do not fit the wire format or make the exchange unsafe. t is the type of the I_MESSAGE.
func (p *Params) check(t Type) error {
	if err := p.adopt(t); err != nil {
		return err
	}
	switch {
	case p.RAND != nil && (len(p.RAND) < minRAND || len(p.RAND) > 255):
		return fmt.Errorf("%w: RAND of %d octets", ErrParams, len(p.RAND))
	case len(p.Sessions) > MaxSessions, len(p.Policies) > MaxPolicies:
		return fmt.Errorf("%w: %d sessions, %d policies", ErrParams, len(p.Sessions), len(p.Policies))
	case len(p.IDi) > 255, len(p.IDr) > 255, len(p.SDPIDs) > 255, len(p.MKI) > maxMKI, len(p.VendorExt) > MaxVendorExt:
		return fmt.Errorf("%w: identity, SDP IDs, MKI or extension too long", ErrParams)
	case (p.IDi == "") != (p.IDr == ""):
		return fmt.Errorf("%w: one identity without the other", ErrParams)
	case !p.PRF.known():
		return fmt.Errorf("%w: %d", ErrPRF, p.PRF)
	}
	for _, sp := range p.Policies {
		for _, q := range sp.Params {
			if len(q.Value) > 8 {
				return fmt.Errorf("%w: policy parameter of %d octets", ErrParams, len(q.Value))
			}
		}
	}
	if p.Prior != nil {
		return p.Prior.checkPolicies(p.Policies, p.Sessions, p.NoKey)
	}
	return checkPolicies(p.Policies, p.Sessions)
}

// adopt takes what an update has from its bundle.
func (p *Params) adopt(t Type) error {
	switch c := p.Prior; {
	case c == nil && p.NoKey:
		return fmt.Errorf("%w: nothing to refresh", ErrParams)
	case c == nil:
		return nil
	case t != c.update:
		return fmt.Errorf("%w: an update of type %d for a bundle of type %d", ErrParams, t, c.update)
	case p.RAND != nil:
		return fmt.Errorf("%w: a RAND in an update", ErrParams)
	case p.NoKey && len(p.MKI) != 0:
		return fmt.Errorf("%w: an MKI without a key", ErrParams)
	}
	p.CSBID, p.PRF = p.Prior.id, p.Prior.prf
	return p.Prior.checkMap(p.Sessions)
}

// nonce is RAND, a copy of what the caller gave or freshly drawn; an update takes its time stamp here, for good, and has the RAND
// of its bundle.
func (p *Params) nonce() ([]byte, error) {
	if p.Prior != nil {
		return p.Prior.rand, p.Prior.clock.claim(NewTimestamp(p.Time))
	}
	if p.RAND != nil {
		return bytes.Clone(p.RAND), nil
	}
	return draw(p.random(), minRAND)
}

// random is the source of randomness of p.
func (p *Params) random() io.Reader { return orCryptoRand(p.Rand) }

func orCryptoRand(r io.Reader) io.Reader {
	if r == nil {
		return rand.Reader
	}
	return r
}

// draw reads n octets from r.
func draw(r io.Reader, n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, fmt.Errorf("mikey: random octets: %w", err)
	}
	return b, nil
}

// validity is the key validity that carries the MKI.
func (p *Params) validity() validity { return spi(p.MKI) }

func spi(mki []byte) validity {
	if len(mki) == 0 {
		return validity{}
	}
	return validity{kind: kvSPI, spi: mki}
}

// header is HDR of an I_MESSAGE.
func (p *Params) header(t Type) header {
	return header{typ: t, v: p.V, prf: p.PRF, csbID: p.CSBID, count: uint8(len(p.Sessions)), sessions: p.Sessions}
}

// opening is what every I_MESSAGE begins with: T [RAND] [IDi] {CERT} [IDr] {SP} [SDP IDs] [vendor extension].
func (p *Params) opening(rand []byte, chain [][]byte) []payload {
	ps := []payload{timestampPayload{NewTimestamp(p.Time)}}
	if p.Prior == nil {
		ps = append(ps, randPayload{rand})
	}
	if p.IDi != "" && !p.Anonymous {
		ps = append(ps, idPayload{Identity{IDTypeURI, p.IDi}})
	}
	ps = appendChain(ps, chain)
	if p.IDr != "" && !p.Anonymous {
		ps = append(ps, idPayload{Identity{IDTypeURI, p.IDr}})
	}
	for _, sp := range p.Policies {
		ps = append(ps, spPayload{sp})
	}
	if p.SDPIDs != "" {
		ps = append(ps, extPayload{ExtSDPIDs, []byte(p.SDPIDs)})
	}
	return appendVendorExt(ps, p.VendorExt)
}

func appendVendorExt(ps []payload, data []byte) []payload {
	if data != nil {
		ps = append(ps, extPayload{ExtVendor, data})
	}
	return ps
}

func appendChain(ps []payload, chain [][]byte) []payload {
	for _, der := range chain {
		ps = append(ps, certPayload{CertX509Sign, der})
	}
	return ps
}
