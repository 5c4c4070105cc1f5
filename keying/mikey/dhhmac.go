package mikey

import (
	"bytes"
	"fmt"
)

// InitiateDHHMAC makes a DHHMAC I_MESSAGE (RFC 4650 section 3): it computes a value in group g and protects it with a MAC
// under psk, which has at least 16 octets and is copied.
func InitiateDHHMAC(p Params, g Group, psk []byte) (Initiation, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	if len(psk) < minPSK {
		return nil, fmt.Errorf("%w: PSK of %d octets", ErrParams, len(psk))
	}
	i, random, err := p.beginDH(g)
	if err != nil {
		return nil, err
	}
	i.psk = &messageKey{p.PRF, bytes.Clone(psk), p.CSBID, random}
	_, mac := p.PRF.algorithms()
	payloads := append(p.opening(random, nil), i.own)
	if i.m, err = i.psk.sealDH(assembleDHHMAC(p.header(TypeDHHMACInit), payloads, kemacPayload{encr: kemacNULL, alg: mac})); err != nil {
		i.Wipe()
		return nil, err
	}
	return i, nil
}

// assembleDHHMAC ends a message with the codes of kemac and zeros in place of its MAC.
func assembleDHHMAC(h header, payloads []payload, kemac kemacPayload) ([]byte, uint8) {
	alg := kemac.macOfDH()
	n, _ := macLen(alg)
	kemac.mac = make([]byte, n)
	return assemble(h, append(payloads, kemac)), alg
}

// sealDH puts the MAC at the end of what assembleDHHMAC made.
func (k messageKey) sealDH(b []byte, alg uint8) (*Message, error) { return k.seal(alg, b, nil) }

// macOfDH is the MAC algorithm of a DHHMAC's KEMAC in the numbers of RFC 3830. A KEMAC without a MAC stays one without.
func (p kemacPayload) macOfDH() uint8 {
	if n, _ := macLen(macHMACSHA1); p.alg == macHMAC4650 && len(p.mac) == n {
		return macHMACSHA1
	}
	return p.alg
}

// checkDH verifies the MAC of a DHHMAC message. Its KEMAC carries nothing: "NULL" is what that encryption is called, by
// either RFC's number.
func (k messageKey) checkDH(m *Message) error {
	p, ok := find[kemacPayload](m)
	if !ok {
		return ErrAuth
	}
	if p.encr != kemacNULL && p.encr != kemacNULL4650 || len(p.data) != 0 {
		return fmt.Errorf("%w: %d, %d octets", ErrEncrAlg, p.encr, len(p.data))
	}
	return k.verify(p.macOfDH(), p.mac, m.covered())
}

// AuthenticateDHHMAC checks the MAC of a DHHMAC I_MESSAGE, and that its DH value is one we would compute with. It computes
// nothing in the group. psk is copied.
func AuthenticateDHHMAC(m *Message, psk []byte) (Response, error) {
	if err := m.checkInit(TypeDHHMACInit, nil); err != nil {
		return nil, err
	}
	if len(psk) < minPSK {
		return nil, fmt.Errorf("%w: PSK of %d octets", ErrParams, len(psk))
	}
	d, err := offeredDH(m)
	if err != nil {
		return nil, err
	}
	d.psk = &messageKey{m.header.prf, bytes.Clone(psk), m.header.csbID, m.RAND()}
	if err := d.authenticated(d.psk.checkDH(m)); err != nil {
		d.Wipe()
		return nil, err
	}
	return d, nil
}
