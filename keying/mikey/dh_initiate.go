package mikey

import (
	"bytes"
	"fmt"
)

// dhInitiation is the initiator's side of RFC 3830 section 3.3, and of RFC 4650, where a MAC stands for the signature.
type dhInitiation struct {
	secretive
	m     *Message
	group dhGroup
	own   dhPayload   // DHi as sent
	x     []byte      // secret exponent, nil when completed
	psk   *messageKey // DHHMAC only
	r     *Message    // set by Authenticate
	peer  []byte      // the responder's DH value
}

// beginDH draws RAND and the exponent and computes our value.
func (p *Params) beginDH(g Group) (i *dhInitiation, random []byte, err error) {
	i = &dhInitiation{}
	if i.group, err = g.arithmetic(); err != nil {
		return nil, nil, err
	}
	if random, err = p.nonce(); err != nil {
		return nil, nil, err
	}
	if i.x, err = i.group.secret(p.random()); err != nil {
		return nil, nil, err
	}
	value, err := i.group.public(i.x)
	if err != nil {
		i.Wipe()
		return nil, nil, err
	}
	i.own = dhPayload{group: g, value: value, validity: p.validity()}
	return i, random, nil
}

// InitiateDH makes a DH-SIGN I_MESSAGE (RFC 3830 section 3.3): it computes our value in group g and signs as s. Group and key
// decide the cost; run it where Diffie-Hellman is run.
func InitiateDH(p Params, g Group, s Signer) (Initiation, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	sign, err := s.signature()
	if err != nil {
		return nil, err
	}
	i, random, err := p.beginDH(g)
	if err != nil {
		return nil, err
	}
	payloads := append(p.opening(random, s.Chain), i.own, sign)
	if i.m, err = s.seal(assemble(p.header(TypeDHInit), payloads), len(sign.data)); err != nil {
		i.Wipe()
		return nil, err
	}
	return i, nil
}

func (i *dhInitiation) Message() []byte { return i.m.raw }

// Authenticate checks R: DHr, our DHi octet for octet, and the signature or MAC, which covers both and IDi.
func (i *dhInitiation) Authenticate(r *Message, peer PeerKey) error {
	if i.r != nil || i.x == nil { // once wiped, anybody knows the key of a DHHMAC
		return fmt.Errorf("%w: answered already, or given up", ErrExchange)
	}
	if err := checkResponse(i.m, r, i.answer()); err != nil {
		return err
	}
	values := all[dhPayload](r)
	if len(values) != 2 || !values[1].equal(i.own) {
		return fmt.Errorf("%w: DHi", ErrDHValue)
	}
	if err := i.checkValue(values[0]); err != nil {
		return err
	}
	if err := i.checkAuth(r, peer); err != nil {
		return err
	}
	i.r, i.peer = r, values[0].value
	return nil
}

// answer is the type of R.
func (i *dhInitiation) answer() Type {
	if i.psk != nil {
		return TypeDHHMACResp
	}
	return TypeDHResp
}

func (i *dhInitiation) checkAuth(r *Message, peer PeerKey) error {
	if i.psk != nil {
		return i.psk.checkDH(r)
	}
	return peer.verify(r, nil)
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
	if i.psk != nil {
		clear(i.psk.key)
	}
}
