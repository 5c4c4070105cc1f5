package mikey

import "fmt"

// pskResponse is the responder's side.
type pskResponse struct {
	secretive
	m      *Message
	psk    messageKey
	prior  *CSB // the bundle that is updated, or nil
	crypto *Crypto
}

// AuthenticatePSK checks the MAC of a PSK I_MESSAGE and opens its KEMAC. prior is the bundle that an update continues (RFC 3830
// section 4.5), nil for a first message. psk is copied; it is nil where the bundle was made by PKE or RSA-R.
func AuthenticatePSK(m *Message, psk []byte, prior *CSB) (Response, error) {
	if err := m.checkInit(TypePSKInit, prior); err != nil {
		return nil, err
	}
	k, err := m.messageKey(psk, prior)
	if err != nil {
		return nil, err
	}
	p := &pskResponse{m: m, psk: k, prior: prior}
	if err := p.authenticate(); err != nil {
		p.Wipe()
		return nil, err
	}
	return p, nil
}

// messageKey is the key that protects m, an I_MESSAGE.
func (m *Message) messageKey(psk []byte, prior *CSB) (messageKey, error) {
	key, err := prior.messageKey(psk)
	if err != nil {
		return messageKey{}, err
	}
	random := m.RAND()
	if prior != nil {
		random = prior.rand
	}
	return messageKey{m.header.prf, key, m.header.csbID, random}, nil
}

func (p *pskResponse) authenticate() error {
	kemac, err := p.psk.checkKEMAC(p.m)
	if err != nil {
		return err
	}
	p.prior.saw(p.m)
	if err := p.m.checkPolicies(p.prior); err != nil {
		return err
	}
	p.crypto, err = p.psk.open(p.m, kemac, p.prior)
	return err
}

// checkKEMAC refuses algorithms off the allow-list before it looks at the MAC. NULL encrypts no key: that is for updates that
// carry none.
func (k messageKey) checkKEMAC(m *Message) (kemacPayload, error) {
	p, ok := find[kemacPayload](m)
	if !ok {
		return p, ErrAuth
	}
	if refresh := p.encr == kemacNULL && m.Refresh(); p.encr != kemacAESCM128 && p.encr != kemacAESCM256 && !refresh {
		return p, fmt.Errorf("%w: %d", ErrEncrAlg, p.encr)
	}
	return p, k.verify(p.alg, p.mac, m.covered())
}

// open decrypts the KEMAC of an authenticated message.
func (k messageKey) open(m *Message, p kemacPayload, prior *CSB) (*Crypto, error) {
	if m.Refresh() {
		return newCrypto(m, keyData{}, prior), nil
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

// Answer builds R: HDR T [IDr] V, when the initiator asked for it. An initiator that stated no identity gets none back:
// then V covers none, which is what peers without ID payloads expect.
func (p *pskResponse) Answer(a Answer) (*Crypto, []byte, error) {
	if p.crypto == nil {
		return nil, nil, fmt.Errorf("%w: answered already", ErrExchange)
	}
	if err := a.check(); err != nil {
		return nil, nil, err
	}
	if err := p.prior.accept(p.m); err != nil {
		return nil, nil, err
	}
	sessions := a.fill(p.m.header.sessions)
	var r []byte
	if p.m.V() {
		m, err := p.psk.verification(p.m, TypePSKResp, sessions, a)
		if err != nil {
			return nil, nil, err
		}
		r = m.raw
	}
	c := p.crypto
	p.crypto = nil
	c.settle(sessions)
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
	payloads = appendVendorExt(payloads, a.VendorExt)
	n, _ := macLen(kemac.alg)
	b := assemble(i.responseHeader(t, sessions), append(payloads, vPayload{kemac.alg, make([]byte, n)}))
	return k.seal(kemac.alg, b, idsAndTime(idi.Data, idr.Data, i.Timestamp()))
}

// responseHeader is HDR of an R: the initiator's CSB and PRF, its map with our SSRCs.
func (m *Message) responseHeader(t Type, sessions []Session) header {
	return header{typ: t, prf: m.header.prf, csbID: m.header.csbID, count: uint8(len(sessions)), sessions: sessions}
}

func (p *pskResponse) SHA1() bool { return false }

func (p *pskResponse) Wipe() {
	clear(p.psk.key)
	if p.crypto != nil {
		p.crypto.Wipe()
		p.crypto = nil
	}
}
