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

// InitiatePSK makes a PSK I_MESSAGE (RFC 3830 section 3.1) with a TGK chosen here. psk has at least 16 octets and is
// copied.
func InitiatePSK(p Params, psk []byte) (Initiation, error) {
	tgk, err := draw(p.random(), ownTGK)
	if err != nil {
		return nil, err
	}
	i, err := initiatePSK(p, psk, tgk)
	if err != nil {
		clear(tgk)
		return nil, err
	}
	return i, nil
}

// initiatePSK takes the TGK, which it owns from then on.
func initiatePSK(p Params, psk, tgk []byte) (*pskInitiation, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	if len(psk) < minPSK {
		return nil, fmt.Errorf("%w: PSK of %d octets", ErrParams, len(psk))
	}
	random, err := p.nonce()
	if err != nil {
		return nil, err
	}
	k := messageKey{p.PRF, bytes.Clone(psk), p.CSBID, random}
	encr, mac := p.PRF.algorithms()
	key := keyData{typ: KeyTGK, key: tgk, validity: p.validity()}
	plain := key.append(nil, PayloadLast)
	defer clear(plain)
	data, err := k.crypt(encr, NewTimestamp(p.Time), plain)
	if err != nil {
		return nil, err
	}
	macOctets, _ := macLen(mac)
	kemac := kemacPayload{encr, data, mac, make([]byte, macOctets)}
	m, err := k.seal(mac, assemble(p.header(TypePSKInit), append(p.opening(random, nil), kemac)), nil)
	if err != nil {
		return nil, err
	}
	return &pskInitiation{m: m, answer: TypePSKResp, psk: k, crypto: newCrypto(m, key, nil)}, nil
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
	if err := checkResponse(i.m, r, i.answer); err != nil {
		return err
	}
	if err := i.psk.checkV(i.m, r); err != nil {
		return err
	}
	i.answered = true
	i.crypto.sessions = r.header.sessions
	return nil
}

// checkV verifies V of r, the answer to i.
func (k messageKey) checkV(i, r *Message) error {
	v, ok := find[vPayload](r)
	if !ok {
		return ErrAuth
	}
	return k.verify(v.alg, v.mac, r.covered(), signedBeside(i, r))
}

func (i *pskInitiation) Complete() (*Crypto, error) {
	if i.m.V() && !i.answered || i.crypto == nil {
		return nil, fmt.Errorf("%w: not answered yet, or completed already", ErrExchange)
	}
	c := i.crypto
	i.crypto = nil
	return c, nil
}

func (i *pskInitiation) Wipe() {
	clear(i.psk.key)
	if i.crypto != nil {
		i.crypto.Wipe()
		i.crypto = nil
	}
}
