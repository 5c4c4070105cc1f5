package mikey

import (
	"crypto/rsa"
	"fmt"
	"slices"
)

// rsarResponse is the responder's side of RFC 4738. It holds no secret until Answer.
type rsarResponse struct {
	secretive
	m    *Message
	to   *rsa.PublicKey // the initiator's
	sha1 bool           // so did it sign
	done bool
}

// AuthenticateRSAR checks the signature of an RSA-R I_MESSAGE with the RSA key of a peer whose certificate the caller has
// accepted; the envelope key will be encrypted to it.
func AuthenticateRSAR(m *Message, peer PeerKey) (Response, error) {
	if err := m.checkInit(TypeRSARInit, nil); err != nil {
		return nil, err
	}
	to, ok := peer.Public.(*rsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("%w: RSA-R needs an RSA certificate of the initiator", ErrCertificate)
	}
	old, err := peer.verifyHash(m, nil)
	if err != nil {
		return nil, err
	}
	if err := checkPolicies(m.Policies(), m.header.sessions); err != nil {
		return nil, err
	}
	return &rsarResponse{m: m, to: to, sha1: old}, nil
}

// Answer chooses TGK and envelope key and builds R: HDR T [RAND] IDr {CERTr} {SP} KEMAC PKE SIGNr.
func (p *rsarResponse) Answer(a Answer) (*Crypto, []byte, error) {
	if p.done {
		return nil, nil, fmt.Errorf("%w: answered already", ErrExchange)
	}
	p.done = true
	if err := a.check(); err != nil {
		return nil, nil, err
	}
	sign, err := a.Signer.signature(false)
	if err != nil {
		return nil, nil, err
	}
	_, idr, _, haveR := p.m.identities()
	if idr, err = stated(idr, haveR, a.IDr); err != nil {
		return nil, nil, err
	}
	c, err := p.choose(a)
	if err != nil {
		return nil, nil, err
	}
	kemac, pke, err := p.envelope(a, c, idr)
	if err != nil {
		c.Wipe()
		return nil, nil, err
	}
	payloads := append(p.opening(a, c, idr), kemac, pke, sign)
	b := assemble(p.m.responseHeader(TypeRSARResp, c.sessions), payloads)
	idi, _, _, _ := p.m.identities()
	r, err := a.Signer.sealBeside(b, len(sign.data), idsAndTime(idi.Data, idr.Data, p.m.Timestamp()))
	if err != nil {
		c.Wipe()
		return nil, nil, err
	}
	return c, r.raw, nil
}

// choose draws the TGK, and RAND where the initiator left that to us, and sets the policy (RFC 4738 section 3.5: one of those
// proposed).
func (p *rsarResponse) choose(a Answer) (*Crypto, error) {
	if a.Policy != nil && !slices.ContainsFunc(p.m.Policies(), func(o Policy) bool { return o.Number == *a.Policy }) {
		return nil, fmt.Errorf("%w: policy %d was not offered", ErrParams, *a.Policy)
	}
	random := orCryptoRand(a.Rand)
	tgk, err := draw(random, ownTGK)
	if err != nil {
		return nil, err
	}
	c := newCrypto(p.m, keyData{typ: KeyTGK, key: tgk, validity: spi(a.MKI)}, nil)
	c.settle(a.fill(p.m.header.sessions))
	for i := range c.sessions {
		if a.Policy != nil {
			c.sessions[i].Policy = *a.Policy
		}
	}
	if c.rand == nil {
		if c.rand, err = draw(random, minRAND); err != nil {
			c.Wipe()
			return nil, err
		}
	}
	return c, nil
}

// envelope encrypts the TGK under a fresh envelope key, and that to the initiator.
func (p *rsarResponse) envelope(a Answer, c *Crypto, idr Identity) (kemac kemacPayload, pke pkePayload, err error) {
	envelope, err := draw(orCryptoRand(a.Rand), ownTGK)
	if err != nil {
		return kemac, pke, err
	}
	defer clear(envelope)
	k := messageKey{p.m.header.prf, envelope, p.m.header.csbID, c.rand}
	if kemac, err = k.enclose(idr, keyData{typ: KeyTGK, key: c.key, validity: c.validity}, p.m.Timestamp()); err != nil {
		return kemac, pke, err
	}
	if pke, err = encryptTo(p.to, envelope, a.Cache, a.encipher); err == nil {
		c.cache(pke, envelope)
	}
	return kemac, pke, err
}

// opening is what R begins with. Of the policies offered it repeats those that the map names now.
func (p *rsarResponse) opening(a Answer, c *Crypto, idr Identity) []payload {
	ps := []payload{timestampPayload{p.m.Timestamp()}}
	if p.m.RAND() == nil {
		ps = append(ps, randPayload{c.rand})
	}
	ps = appendChain(append(ps, idPayload{idr}), a.Signer.Chain)
	for i, sp := range p.m.Policies() {
		mapless := len(c.sessions) == 0 && (a.Policy == nil && i == 0 || a.Policy != nil && *a.Policy == sp.Number)
		if named(c.sessions, sp.Number) || mapless {
			ps = append(ps, spPayload{sp})
		}
	}
	return appendVendorExt(ps, a.VendorExt)
}

// named tells whether a session uses the policy.
func named(sessions []Session, policy uint8) bool {
	for _, s := range sessions {
		if s.Policy == policy {
			return true
		}
	}
	return false
}

func (p *rsarResponse) SHA1() bool { return p.sha1 }

func (p *rsarResponse) Wipe() { p.done = true }
