package mikey

import "fmt"

// InitiatePKE makes a public key I_MESSAGE (RFC 3830 section 3.2): a TGK chosen here, under an envelope key that is
// encrypted to the RSA key of the certificate leaf (DER), signed as s. The caller has checked whose leaf is; CHASH names it.
func InitiatePKE(p Params, s Signer, leaf []byte) (Initiation, error) {
	if err := p.check(TypePKEInit); err != nil {
		return nil, err
	}
	if p.IDi == "" {
		return nil, fmt.Errorf("%w: an envelope needs the identity of its sender", ErrParams)
	}
	to, err := recipient(leaf)
	if err != nil {
		return nil, err
	}
	sign, err := s.signature(false)
	if err != nil {
		return nil, err
	}
	i, err := p.beginEnvelope()
	if err != nil {
		return nil, err
	}
	key := keyData{typ: KeyTGK, key: i.crypto.key, validity: p.validity()}
	kemac, err := i.psk.enclose(Identity{IDTypeURI, p.IDi}, key, NewTimestamp(p.Time))
	if err != nil {
		i.Wipe()
		return nil, err
	}
	pke, err := encryptTo(to, i.psk.key, p.Cache, p.encipher)
	if err != nil {
		i.Wipe()
		return nil, err
	}
	payloads := append(p.opening(i.psk.rand, s.Chain), kemac, p.PRF.certHash(leaf), pke, sign)
	if i.m, err = s.seal(assemble(p.header(TypePKEInit), payloads), len(sign.data)); err != nil {
		i.Wipe()
		return nil, err
	}
	i.crypto = newCrypto(i.m, key, nil)
	i.crypto.cache(pke, i.psk.key)
	i.unstated, i.anyTime = p.unstated(), p.AnyAnswerTime
	return i, nil
}

// beginEnvelope draws RAND, envelope key and TGK. From then on the envelope key is what a pre-shared key is in section 3.1.
func (p *Params) beginEnvelope() (*pskInitiation, error) {
	random, err := p.nonce()
	if err != nil {
		return nil, err
	}
	envelope, err := draw(p.random(), ownTGK)
	if err != nil {
		return nil, err
	}
	tgk, err := draw(p.random(), ownTGK)
	if err != nil {
		clear(envelope)
		return nil, err
	}
	return &pskInitiation{
		answer: TypePKEResp, psk: messageKey{p.PRF, envelope, p.CSBID, random}, crypto: &Crypto{key: tgk},
	}, nil
}

// certHash is the CHASH that goes with a PRF in messages of ours.
func (p PRF) certHash(leaf []byte) chashPayload {
	hash := cacheHashSHA1
	if p == PRFSHA256 {
		hash = cacheHashSHA256
	}
	return chashPayload{hash, certHash(hash, leaf)}
}

// pkeResponse is the responder's side. It holds no secret until Answer.
type pkeResponse struct {
	secretive
	m    *Message
	own  Decrypter
	sha1 bool // so did the initiator sign
	done bool
}

// AuthenticatePKE checks the signature of a public key I_MESSAGE with the key of a peer whose certificate the caller has
// accepted, and that its envelope is for our key. It does not decrypt.
func AuthenticatePKE(m *Message, peer PeerKey, own Decrypter) (Response, error) {
	if err := m.checkInit(TypePKEInit, nil); err != nil {
		return nil, err
	}
	if err := own.checkEnvelope(m); err != nil {
		return nil, err
	}
	old, err := peer.verifyHash(m, nil)
	if err != nil {
		return nil, err
	}
	if err := checkPolicies(m.Policies(), m.header.sessions); err != nil {
		return nil, err
	}
	return &pkeResponse{m: m, own: own, sha1: old}, nil
}

// Answer decrypts the envelope and builds R, HDR T [IDr] V, where the initiator asked for it.
func (p *pkeResponse) Answer(a Answer) (*Crypto, []byte, error) {
	if p.done {
		return nil, nil, fmt.Errorf("%w: answered already", ErrExchange)
	}
	p.done = true
	if err := a.check(); err != nil {
		return nil, nil, err
	}
	idi, _, haveI, _ := p.m.identities()
	who, err := stated(idi, haveI, a.IDi)
	if err != nil {
		return nil, nil, err
	}
	own, err := p.own.public()
	if err != nil {
		return nil, nil, err
	}
	envelope, err := p.own.open(p.m, orCryptoRand(a.Rand))
	if err != nil {
		return nil, nil, err
	}
	defer clear(envelope)
	k := messageKey{p.m.header.prf, envelope, p.m.header.csbID, p.m.RAND()}
	key, err := k.disclose(p.m, who, own.Size())
	if err != nil {
		return nil, nil, err
	}
	c := newCrypto(p.m, key, nil)
	c.settle(a.fill(p.m.header.sessions))
	pke, _ := find[pkePayload](p.m)
	c.cache(pke, envelope)
	if !p.m.V() {
		return c, nil, nil
	}
	r, err := k.verification(p.m, TypePKEResp, c.sessions, a)
	if err != nil {
		c.Wipe()
		return nil, nil, err
	}
	return c, r.raw, nil
}

func (p *pkeResponse) SHA1() bool { return p.sha1 }

func (p *pkeResponse) Wipe() { p.done = true }
