package mikey

import (
	"bytes"
	"fmt"
)

// pskResponse is the responder's side.
type pskResponse struct {
	secretive
	m      *Message
	psk    messageKey
	crypto *Crypto
}

// AuthenticatePSK checks the MAC of a PSK I_MESSAGE and opens its KEMAC. prior is the state of the CSB that an update
// continues (RFC 3830 section 4.5), nil for a first message; an update without a key keeps prior's.
func AuthenticatePSK(m *Message, psk []byte, prior *Crypto) (Response, error) {
	if err := m.checkInit(TypePSKInit, prior); err != nil {
		return nil, err
	}
	if len(psk) < minPSK {
		return nil, fmt.Errorf("%w: PSK of %d octets", ErrParams, len(psk))
	}
	random := m.RAND()
	if prior != nil {
		random = prior.rand
	}
	p := &pskResponse{m: m, psk: messageKey{m.header.prf, bytes.Clone(psk), m.header.csbID, random}}
	if err := p.authenticate(prior); err != nil {
		p.Wipe()
		return nil, err
	}
	return p, nil
}

func (p *pskResponse) authenticate(prior *Crypto) error {
	kemac, err := p.psk.checkKEMAC(p.m)
	if err != nil {
		return err
	}
	if err := checkPolicies(p.m.Policies(), p.m.header.sessions); err != nil {
		return err
	}
	p.crypto, err = p.psk.open(p.m, kemac, prior)
	return err
}

// checkKEMAC refuses algorithms off the allow-list before it looks at the MAC.
func (k messageKey) checkKEMAC(m *Message) (kemacPayload, error) {
	p, ok := find[kemacPayload](m)
	if !ok {
		return p, ErrAuth
	}
	if p.encr != kemacAESCM128 && p.encr != kemacAESCM256 {
		return p, fmt.Errorf("%w: %d", ErrEncrAlg, p.encr)
	}
	return p, k.verify(p.alg, p.mac, m.covered())
}

// open decrypts the KEMAC of an authenticated message.
func (k messageKey) open(m *Message, p kemacPayload, prior *Crypto) (*Crypto, error) {
	if len(p.data) == 0 && prior != nil {
		key := keyData{prior.keyType, bytes.Clone(prior.key), bytes.Clone(prior.salt), prior.validity}
		return newCrypto(m, key, prior), nil
	}
	plain, err := k.crypt(p.encr, m.Timestamp(), p.data)
	if err != nil {
		return nil, err
	}
	keys, err := parseKeyData(plain)
	if err != nil {
		clear(plain)
		return nil, err
	}
	key, err := single(keys)
	if err != nil {
		clear(plain)
		return nil, err
	}
	return newCrypto(m, key, prior), nil
}

// newCrypto takes over key. RAND, and policies that an update leaves out, are those of prior.
func newCrypto(m *Message, key keyData, prior *Crypto) *Crypto {
	c := &Crypto{
		csbID: m.header.csbID, prf: m.header.prf, rand: m.RAND(), keyType: key.typ, key: key.key, salt: key.salt,
		validity: key.validity, sessions: m.header.sessions, policies: m.Policies(),
	}
	if prior != nil {
		c.rand = prior.rand
		if len(c.policies) == 0 {
			c.policies = prior.policies
		}
	}
	return c
}

// Answer builds R: HDR T [IDr] V, when the initiator asked for it. An initiator that stated no identity gets none back:
// then V covers none, which is what peers without ID payloads expect.
func (p *pskResponse) Answer(a Answer) (*Crypto, []byte, error) {
	if p.crypto == nil {
		return nil, nil, fmt.Errorf("%w: answered already", ErrExchange)
	}
	p.crypto.sessions = fill(p.m.header.sessions, a.SSRC)
	var r []byte
	if p.m.V() {
		m, err := p.psk.verification(p.m, TypePSKResp, p.crypto.sessions, a)
		if err != nil {
			return nil, nil, err
		}
		r = m.raw
	}
	c := p.crypto
	p.crypto = nil
	return c, r, nil
}

// verification makes the verification message of type t for i, with the MAC algorithm of i.
func (k messageKey) verification(i *Message, t Type, sessions []Session, a Answer) (*Message, error) {
	kemac, _ := find[kemacPayload](i)
	idi, idr, haveI, haveR := i.identities()
	payloads := []payload{timestampPayload{i.Timestamp()}}
	if haveI && !haveR && a.IDr != "" {
		idr, haveR = Identity{IDTypeURI, a.IDr}, true
	}
	if haveR {
		payloads = append(payloads, idPayload{idr})
	}
	n, _ := macLen(kemac.alg)
	b := assemble(i.responseHeader(t, sessions), append(payloads, vPayload{kemac.alg, make([]byte, n)}))
	return k.seal(kemac.alg, b, idsAndTime(idi.Data, idr.Data, i.Timestamp()))
}

// responseHeader is HDR of an R: the initiator's CSB and PRF, its map with our SSRCs.
func (m *Message) responseHeader(t Type, sessions []Session) header {
	return header{typ: t, prf: m.header.prf, csbID: m.header.csbID, count: uint8(len(sessions)), sessions: sessions}
}

func (p *pskResponse) Wipe() {
	clear(p.psk.key)
	if p.crypto != nil {
		p.crypto.Wipe()
		p.crypto = nil
	}
}
