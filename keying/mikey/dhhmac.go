package mikey

import "fmt"

// InitiateDHHMAC makes a DHHMAC I_MESSAGE (RFC 4650 section 3), or an update (section 3.1): it computes a value in group g, which
// a refresh does not look at, and protects it with a MAC under psk, which has at least 16 octets and is copied.
func InitiateDHHMAC(p Params, g Group, psk []byte) (Initiation, error) {
	if err := p.check(TypeDHHMACInit); err != nil {
		return nil, err
	}
	key, err := p.Prior.messageKey(psk)
	if err != nil {
		return nil, err
	}
	i, random, err := p.beginDH(g)
	if err != nil {
		clear(key)
		return nil, err
	}
	i.psk = &messageKey{p.PRF, key, p.CSBID, random}
	payloads := append(p.opening(random, nil), i.values()...)
	if i.m, err = i.psk.sealDH(assembleDHHMAC(p.header(TypeDHHMACInit), payloads, p.kemacOfDH())); err != nil {
		i.Wipe()
		return nil, err
	}
	return i, nil
}

// kemacOfDH is a KEMAC that carries nothing, in the numbers of the RFC that the peer goes by.
func (p *Params) kemacOfDH() kemacPayload {
	_, mac := p.PRF.algorithms()
	if p.RFC4650Numbers && mac == macHMACSHA1 {
		n, _ := macLen(mac)
		return kemacPayload{encr: kemacNULL4650, alg: macHMAC4650, mac: make([]byte, n)}
	}
	return kemacPayload{encr: kemacNULL, alg: mac}
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
// nothing in the group. psk is copied. prior is the bundle that an update continues, nil for a first message.
func AuthenticateDHHMAC(m *Message, psk []byte, prior *CSB) (Response, error) {
	if err := m.checkInit(TypeDHHMACInit, prior); err != nil {
		return nil, err
	}
	d, err := offeredDH(m, prior)
	if err != nil {
		return nil, err
	}
	k, err := m.messageKey(psk, prior)
	if err != nil {
		return nil, err
	}
	d.psk = &k
	if err := d.authenticated(d.psk.checkDH(m)); err != nil {
		d.Wipe()
		return nil, err
	}
	return d, nil
}
