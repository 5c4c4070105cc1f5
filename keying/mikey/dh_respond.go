package mikey

import "fmt"

// dhResponse is the responder's side. It holds no secret until Answer.
type dhResponse struct {
	m     *Message
	group *modp
	peer  dhPayload
	done  bool
}

// AuthenticateDH checks the signature of a DH-SIGN I_MESSAGE with the key of a peer whose certificate the caller has
// accepted, and that its DH value is one we would compute with. It computes nothing in the group.
func AuthenticateDH(m *Message, peer PeerKey) (Response, error) {
	if err := m.checkInit(TypeDHInit, nil); err != nil {
		return nil, err
	}
	value, ok := find[dhPayload](m)
	if !ok {
		return nil, fmt.Errorf("%w: no DHi", ErrDHValue)
	}
	group, err := value.group.modp()
	if err != nil {
		return nil, err
	}
	if !group.inRange(value.value) {
		return nil, fmt.Errorf("%w: DHi", ErrDHValue)
	}
	if err := peer.verify(m); err != nil {
		return nil, err
	}
	if err := checkPolicies(m.Policies(), m.header.sessions); err != nil {
		return nil, err
	}
	return &dhResponse{m: m, group: group, peer: value}, nil
}

// Answer builds R: HDR T [IDr] {CERTr} [IDi] DHr DHi SIGNr.
func (d *dhResponse) Answer(a Answer) (*Crypto, []byte, error) {
	if d.done {
		return nil, nil, fmt.Errorf("%w: answered already", ErrExchange)
	}
	sign, err := a.Signer.signature()
	if err != nil {
		return nil, nil, err
	}
	x, err := d.group.secret(orCryptoRand(a.Rand))
	if err != nil {
		return nil, nil, err
	}
	defer clear(x)
	value, err := d.group.public(x)
	if err != nil {
		return nil, nil, err
	}
	tgk, err := d.group.shared(d.peer.value, x)
	if err != nil {
		return nil, nil, err
	}
	c := newCrypto(d.m, keyData{typ: KeyTGK, key: tgk, validity: d.peer.validity}, nil)
	c.sessions = fill(d.m.header.sessions, a.SSRC)
	own := dhPayload{group: d.peer.group, value: value, validity: d.peer.validity}
	payloads := append(d.opening(a), own, d.peer, sign)
	r, err := a.Signer.seal(assemble(d.m.responseHeader(TypeDHResp, c.sessions), payloads), len(sign.data))
	if err != nil {
		c.Wipe()
		return nil, nil, err
	}
	d.done = true
	return c, r.raw, nil
}

// opening is what R begins with. IDi is repeated, so that the signature says to whom we speak.
func (d *dhResponse) opening(a Answer) []payload {
	idi, idr, haveI, haveR := d.m.identities()
	if !haveR && a.IDr != "" {
		idr, haveR = Identity{IDTypeURI, a.IDr}, true
	}
	ps := []payload{timestampPayload{d.m.Timestamp()}}
	if haveR && haveI {
		ps = append(ps, idPayload{idr})
	}
	ps = appendChain(ps, a.Signer.Chain)
	if haveI {
		ps = append(ps, idPayload{idi})
	}
	return ps
}

func (d *dhResponse) Wipe() { d.done = true }
