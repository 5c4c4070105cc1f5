package mikey

import (
	"bytes"
	"fmt"
)

// dhInitiation is the initiator's side of RFC 3830 section 3.3.
type dhInitiation struct {
	secretive
	m     *Message
	group *modp
	own   dhPayload // DHi as sent
	x     []byte    // secret exponent, nil when completed
	r     *Message  // set by Authenticate
	peer  []byte    // the responder's DH value
}

// InitiateDH makes a DH-SIGN I_MESSAGE (RFC 3830 section 3.3): it computes 2^x in group g and signs as s. Group and key
// decide the cost; run it where Diffie-Hellman is run.
func InitiateDH(p Params, g Group, s Signer) (Initiation, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	group, err := g.modp()
	if err != nil {
		return nil, err
	}
	sign, err := s.signature()
	if err != nil {
		return nil, err
	}
	random, err := p.nonce()
	if err != nil {
		return nil, err
	}
	x, err := group.secret(p.random())
	if err != nil {
		return nil, err
	}
	value, err := group.public(x)
	if err != nil {
		clear(x)
		return nil, err
	}
	own := dhPayload{group: g, value: value, validity: p.validity()}
	payloads := append(p.opening(random, s.Chain), own, sign)
	m, err := s.seal(assemble(p.header(TypeDHInit), payloads), len(sign.data))
	if err != nil {
		clear(x)
		return nil, err
	}
	return &dhInitiation{m: m, group: group, own: own, x: x}, nil
}

func (i *dhInitiation) Message() []byte { return i.m.raw }

// Authenticate checks R: DHr, our DHi octet for octet, and the signature, which covers both and IDi.
func (i *dhInitiation) Authenticate(r *Message, peer PeerKey) error {
	if i.r != nil {
		return fmt.Errorf("%w: answered already", ErrExchange)
	}
	if err := checkResponse(i.m, r, TypeDHResp); err != nil {
		return err
	}
	values := all[dhPayload](r)
	if len(values) != 2 || !values[1].equal(i.own) {
		return fmt.Errorf("%w: DHi", ErrDHValue)
	}
	if err := i.checkValue(values[0]); err != nil {
		return err
	}
	if err := peer.verify(r); err != nil {
		return err
	}
	i.r, i.peer = r, values[0].value
	return nil
}

// checkValue holds DHr against ours. The key has one validity: the initiator's, which the responder may repeat.
func (i *dhInitiation) checkValue(p dhPayload) error {
	if p.group != i.own.group || !i.group.inRange(p.value) {
		return fmt.Errorf("%w: DHr", ErrDHValue)
	}
	if p.validity.kind != kvNone && !bytes.Equal(p.validity.append(nil), i.own.validity.append(nil)) {
		return fmt.Errorf("%w: the responder states another key validity", ErrKeyData)
	}
	return nil
}

func (i *dhInitiation) Complete() (*Crypto, error) {
	if i.r == nil || i.x == nil {
		return nil, fmt.Errorf("%w: not answered yet, or completed already", ErrExchange)
	}
	tgk, err := i.group.shared(i.peer, i.x)
	if err != nil {
		return nil, err
	}
	i.Wipe()
	c := newCrypto(i.m, keyData{typ: KeyTGK, key: tgk, validity: i.own.validity}, nil)
	c.sessions = i.r.header.sessions
	return c, nil
}

func (i *dhInitiation) Wipe() {
	clear(i.x)
	i.x = nil
}
