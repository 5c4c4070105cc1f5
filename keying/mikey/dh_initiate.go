package mikey

import (
	"bytes"
	"fmt"
)

// dhInitiation is the initiator's side of RFC 3830 section 3.3, and of RFC 4650, where a MAC stands for the signature.
type dhInitiation struct {
	secretive
	m     *Message
	group dhGroup     // nil in a refresh, as are own and x
	own   dhPayload   // DHi as sent
	x     []byte      // secret exponent
	psk   *messageKey // DHHMAC only
	prior *CSB        // the bundle that is updated, or nil
	r     *Message    // set by Authenticate
	peer  []byte      // the responder's DH value
	over  bool        // completed, or given up
}

// beginDH draws RAND and the exponent and computes our value; for a refresh it does neither.
func (p *Params) beginDH(g Group) (i *dhInitiation, random []byte, err error) {
	i = &dhInitiation{prior: p.Prior}
	if p.NoKey {
		random, err = p.nonce()
		return i, random, err
	}
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

// values are the DH payloads of our message.
func (i *dhInitiation) values() []payload {
	if i.group == nil {
		return nil
	}
	return []payload{i.own}
}

// InitiateDH makes a DH-SIGN I_MESSAGE (RFC 3830 section 3.3), or an update (section 4.5): it computes our value in group g,
// which a refresh does not look at, and signs as s. Group and key decide the cost; run it where Diffie-Hellman is run.
func InitiateDH(p Params, g Group, s Signer) (Initiation, error) {
	if err := p.check(TypeDHInit); err != nil {
		return nil, err
	}
	sign, err := s.signature(p.Prior != nil)
	if err != nil {
		return nil, err
	}
	i, random, err := p.beginDH(g)
	if err != nil {
		return nil, err
	}
	payloads := append(append(p.opening(random, s.Chain), i.values()...), sign)
	if i.m, err = s.seal(assemble(p.header(TypeDHInit), payloads), len(sign.data)); err != nil {
		i.Wipe()
		return nil, err
	}
	return i, nil
}

func (i *dhInitiation) Message() []byte { return i.m.raw }

// Authenticate checks R: DHr, our DHi octet for octet, and the signature or MAC, which covers both and IDi.
func (i *dhInitiation) Authenticate(r *Message, peer PeerKey) error {
	if i.r != nil || i.over { // once wiped, anybody knows the key of a DHHMAC
		return fmt.Errorf("%w: answered already, or given up", ErrExchange)
	}
	if err := checkResponse(i.m, r, i.answer(), i.prior); err != nil {
		return err
	}
	value, err := i.checkValues(all[dhPayload](r))
	if err != nil {
		return err
	}
	if err := i.checkAuth(r, peer); err != nil {
		return err
	}
	i.r, i.peer = r, value
	return nil
}

// checkValues finds DHr beside our DHi; a refresh is answered without either.
func (i *dhInitiation) checkValues(values []dhPayload) ([]byte, error) {
	if i.group == nil {
		if len(values) != 0 {
			return nil, fmt.Errorf("%w: a value where none was sent", ErrDHValue)
		}
		return nil, nil
	}
	if len(values) != 2 || !values[1].equal(i.own) {
		return nil, fmt.Errorf("%w: DHi", ErrDHValue)
	}
	return values[0].value, i.checkValue(values[0])
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
	if i.r == nil || i.over {
		return nil, fmt.Errorf("%w: not answered yet, or completed already", ErrExchange)
	}
	var key keyData
	if i.group != nil {
		tgk, err := i.group.shared(i.peer, i.x)
		if err != nil {
			return nil, err
		}
		key = keyData{typ: KeyTGK, key: tgk, validity: i.own.validity}
	}
	i.Wipe()
	c := newCrypto(i.m, key, i.prior)
	c.settle(i.r.header.sessions)
	if err := c.finish(i.m, i.prior); err != nil {
		return nil, err
	}
	return c, nil
}

func (i *dhInitiation) Wipe() {
	clear(i.x)
	i.x, i.over = nil, true
	if i.psk != nil {
		clear(i.psk.key)
	}
}
