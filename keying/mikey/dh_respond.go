package mikey

import "fmt"

// dhResponse is the responder's side. A DHHMAC's holds the pre-shared key, a signed one's no secret until Answer.
type dhResponse struct {
	secretive
	m     *Message
	group dhGroup // nil in a refresh, as is peer
	peer  dhPayload
	psk   *messageKey // DHHMAC only
	prior *CSB        // the bundle that is updated, or nil
	sha1  bool        // so did the initiator sign
	done  bool
}

// AuthenticateDH checks the signature of a DH-SIGN I_MESSAGE with the key of a peer whose certificate the caller has
// accepted, and that its DH value is one we would compute with. It computes nothing in the group. prior is the bundle that an
// update continues (RFC 3830 section 4.5), nil for a first message.
func AuthenticateDH(m *Message, peer PeerKey, prior *CSB) (Response, error) {
	if err := m.checkInit(TypeDHInit, prior); err != nil {
		return nil, err
	}
	d, err := offeredDH(m, prior)
	if err != nil {
		return nil, err
	}
	d.sha1, err = peer.verifyHash(m, nil)
	if err := d.authenticated(err); err != nil {
		return nil, err
	}
	return d, nil
}

// offeredDH reads DHi, which only a refresh is without.
func offeredDH(m *Message, prior *CSB) (*dhResponse, error) {
	if m.Refresh() {
		return &dhResponse{m: m, prior: prior}, nil
	}
	value, ok := find[dhPayload](m)
	if !ok {
		return nil, fmt.Errorf("%w: no DHi", ErrDHValue)
	}
	group, err := value.group.arithmetic()
	if err != nil {
		return nil, err
	}
	if !group.inRange(value.value) {
		return nil, fmt.Errorf("%w: DHi", ErrDHValue)
	}
	return &dhResponse{m: m, group: group, peer: value, prior: prior}, nil
}

// authenticated takes the outcome of the authentication and looks at the policies, whose faults only a peer that proved
// itself is told.
func (d *dhResponse) authenticated(err error) error {
	if err != nil {
		return err
	}
	d.prior.saw(d.m)
	return d.m.checkPolicies(d.prior)
}

// Answer builds R: HDR T [IDr] {CERTr} [IDi] [DHr DHi] and SIGNr or KEMAC.
func (d *dhResponse) Answer(a Answer) (*Crypto, []byte, error) {
	if d.done {
		return nil, nil, fmt.Errorf("%w: answered already", ErrExchange)
	}
	if err := a.check(); err != nil {
		return nil, nil, err
	}
	var sign signPayload
	if d.psk == nil {
		var err error
		if sign, err = a.Signer.signature(d.prior != nil); err != nil {
			return nil, nil, err
		}
	}
	if err := d.prior.accept(d.m); err != nil {
		return nil, nil, err
	}
	values, key, err := d.values(a)
	if err != nil {
		return nil, nil, err
	}
	c := newCrypto(d.m, key, d.prior)
	sessions := a.fill(d.m.header.sessions)
	c.settle(sessions)
	r, err := d.seal(a, sessions, values, sign)
	if err != nil {
		c.Wipe()
		return nil, nil, err
	}
	d.Wipe()
	return c, r.raw, nil
}

// values are the DH payloads of R, with the key that they make: DHr and DHi, and in a refresh neither.
func (d *dhResponse) values(a Answer) ([]payload, keyData, error) {
	if d.group == nil {
		return nil, keyData{}, nil
	}
	own, tgk, err := d.compute(a)
	if err != nil {
		return nil, keyData{}, err
	}
	return []payload{own, d.peer}, keyData{typ: KeyTGK, key: tgk, validity: d.peer.validity}, nil
}

// compute makes our DH value and the shared secret.
func (d *dhResponse) compute(a Answer) (own dhPayload, tgk []byte, err error) {
	x, err := d.group.secret(orCryptoRand(a.Rand))
	if err != nil {
		return own, nil, err
	}
	defer clear(x)
	value, err := d.group.public(x)
	if err != nil {
		return own, nil, err
	}
	own = dhPayload{group: d.peer.group, value: value, validity: d.peer.validity}
	tgk, err = d.group.shared(d.peer.value, x)
	return own, tgk, err
}

// seal makes R. A DHHMAC is answered in the numbers it was asked in.
func (d *dhResponse) seal(a Answer, sessions []Session, values []payload, sign signPayload) (*Message, error) {
	if d.psk != nil {
		kemac, _ := find[kemacPayload](d.m)
		payloads := append(d.opening(a, nil), values...)
		return d.psk.sealDH(assembleDHHMAC(d.m.responseHeader(TypeDHHMACResp, sessions), payloads, kemac))
	}
	payloads := append(append(d.opening(a, a.Signer.Chain), values...), sign)
	return a.Signer.seal(assemble(d.m.responseHeader(TypeDHResp, sessions), payloads), len(sign.data))
}

// opening is what R begins with. IDi is repeated, so that the signature says to whom we speak.
func (d *dhResponse) opening(a Answer, chain [][]byte) []payload {
	idi, idr, haveI, haveR := d.m.identities()
	if !haveR && a.IDr != "" {
		idr, haveR = Identity{IDTypeURI, a.IDr}, true
	}
	if d.psk != nil && !haveI && a.IDi != "" {
		idi, haveI = Identity{IDTypeURI, a.IDi}, true // RFC 4650 section 3: SHALL, whatever I conveyed
	}
	ps := []payload{timestampPayload{d.m.Timestamp()}}
	if haveR && haveI {
		ps = append(ps, idPayload{idr})
	}
	ps = appendChain(ps, chain)
	if haveI {
		ps = append(ps, idPayload{idi})
	}
	return appendVendorExt(ps, a.VendorExt)
}

func (d *dhResponse) SHA1() bool { return d.sha1 }

func (d *dhResponse) Wipe() {
	d.done = true
	if d.psk != nil {
		clear(d.psk.key)
	}
}
