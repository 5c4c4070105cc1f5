package mikey

import (
	"bytes"
	"fmt"
)

// pskInitiation is the initiator's side of RFC 3830 section 3.1, and of section 3.2 once the message is made: then psk is the
// envelope key.
type pskInitiation struct {
	secretive
	m        *Message
	answer   Type // of R
	psk      messageKey
	unstated []string // identities that m does not state and V may cover
	anyTime  bool     // R may bear another T than m
	prior    *CSB     // the bundle that is updated, or nil
	crypto   *Crypto
	answered bool
}

// algorithms are the KEMAC algorithms that go with a PRF in messages of ours.
func (p PRF) algorithms() (encr, mac uint8) {
	if p == PRFSHA256 {
		return kemacAESCM256, macHMACSHA256
	}
	return kemacAESCM128, macHMACSHA1
}

// InitiatePSK makes a PSK I_MESSAGE (RFC 3830 section 3.1) with a TGK given or chosen here, or an update (section 4.5). psk has at least
// 16 octets and is copied; it is nil in an update of a bundle that PKE or RSA-R made, which is under the envelope key.
func InitiatePSK(p Params, psk []byte) (Initiation, error) {
	var key keyData
	if !p.NoKey {
		tgk, err := p.tgk()
		if err != nil {
			return nil, err
		}
		key = keyData{typ: KeyTGK, key: tgk, validity: p.validity()}
	}
	i, err := initiatePSK(p, psk, key)
	if err != nil {
		clear(key.key)
		return nil, err
	}
	return i, nil
}

// tgk is the key that a PSK message sends: a copy of the one given, or one drawn for it.
func (p *Params) tgk() ([]byte, error) {
	switch {
	case p.TGK == nil:
		return draw(p.random(), ownTGK)
	case len(p.TGK) < minTGK || p.Prior != nil:
		return nil, fmt.Errorf("%w: a TGK of %d octets, or one for an update", ErrParams, len(p.TGK))
	}
	return bytes.Clone(p.TGK), nil
}

// initiatePSK takes the key, which it owns from then on; a refresh has none.
func initiatePSK(p Params, psk []byte, key keyData) (*pskInitiation, error) {
	if err := p.check(TypePSKInit); err != nil {
		return nil, err
	}
	own, err := p.Prior.messageKey(psk)
	if err != nil {
		return nil, err
	}
	i := &pskInitiation{answer: TypePSKResp, unstated: p.unstated(), anyTime: p.AnyAnswerTime, prior: p.Prior}
	i.psk = messageKey{p.PRF, own, p.CSBID, nil}
	if i.psk.rand, err = p.nonce(); err != nil {
		i.Wipe()
		return nil, err
	}
	if i.m, err = i.psk.transport(p, key); err != nil {
		i.Wipe()
		return nil, err
	}
	i.crypto = newCrypto(i.m, key, p.Prior)
	return i, nil
}

// transport makes the I_MESSAGE that carries key.
func (k messageKey) transport(p Params, key keyData) (*Message, error) {
	encr, mac := p.PRF.algorithms()
	n, _ := macLen(mac)
	kemac := kemacPayload{encr: encr, alg: mac, mac: make([]byte, n)}
	if !p.NoKey {
		plain := key.append(nil, PayloadLast)
		defer clear(plain)
		var err error
		if kemac.data, err = k.crypt(encr, NewTimestamp(p.Time), plain); err != nil {
			return nil, err
		}
	}
	return k.seal(mac, assemble(p.header(TypePSKInit), append(p.opening(k.rand, nil), kemac)), nil)
}

// unstated are the identities that an anonymous message leaves out.
func (p *Params) unstated() []string {
	if !p.Anonymous {
		return nil
	}
	return []string{p.IDi, p.IDr}
}

// seal puts the MAC into the end of b, which was assembled with zeros there, and reads the message back: what we send
// has to pass our own Parse.
func (k messageKey) seal(alg uint8, b, appended []byte) (*Message, error) {
	n, _ := macLen(alg)
	mac, err := k.hmac(alg, b[:len(b)-n], appended)
	if err != nil {
		return nil, err
	}
	copy(b[len(b)-n:], mac)
	return Parse(b)
}

func (i *pskInitiation) Message() []byte { return i.m.raw }

// Authenticate checks the verification message: V covers R || IDi || IDr || T.
func (i *pskInitiation) Authenticate(r *Message, _ PeerKey) error {
	if i.answered || i.crypto == nil { // once wiped, anybody knows the key
		return fmt.Errorf("%w: answered already, or given up", ErrExchange)
	}
	check := checkResponse
	if i.anyTime {
		check = checkAnswer
	}
	if err := check(i.m, r, i.answer, i.prior); err != nil {
		return err
	}
	if err := i.psk.checkV(i.m, r, i.unstated); err != nil {
		return err
	}
	i.answered = true
	i.crypto.settle(r.header.sessions)
	return nil
}

// checkV verifies V of r, the answer to i. Of identities that neither message states a peer may know as well as we do:
// unstated are those, and V may cover them or none.
func (k messageKey) checkV(i, r *Message, unstated []string) error {
	v, ok := find[vPayload](r)
	if !ok {
		return ErrAuth
	}
	err := k.verify(v.alg, v.mac, r.covered(), signedBeside(i, r))
	if err != nil && unstated != nil {
		err = k.verify(v.alg, v.mac, r.covered(), idsAndTime(unstated[0], unstated[1], i.Timestamp()))
	}
	return err
}

func (i *pskInitiation) Complete() (*Crypto, error) {
	if i.crypto == nil || i.m.V() && !i.answered {
		return nil, fmt.Errorf("%w: not answered yet, or completed already", ErrExchange)
	}
	c := i.crypto
	i.crypto = nil
	if err := c.finish(i.m, i.prior); err != nil {
		return nil, err
	}
	return c, nil
}

func (i *pskInitiation) Wipe() {
	clear(i.psk.key)
	if i.crypto != nil {
		i.crypto.Wipe()
		i.crypto = nil
	}
}
