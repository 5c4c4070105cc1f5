package mikey

import (
	"bytes"
	"crypto"
	"fmt"
	"slices"
)

// rsarInitiation is the initiator's side of RFC 4738: it asks, and the responder chooses the TGK.
type rsarInitiation struct {
	secretive
	m    *Message
	own  Decrypter
	r    *Message // set by Authenticate
	done bool
}

// InitiateRSAR makes an RSA-R I_MESSAGE (RFC 4738 section 3.1). s must be an RSA identity whose key also decrypts: the
// responder encrypts the envelope key to the certificate sent.
func InitiateRSAR(p Params, s Signer) (Initiation, error) {
	p.V = true // section 3.4: MUST
	if err := p.check(TypeRSARInit); err != nil {
		return nil, err
	}
	if p.IDr == "" || p.Anonymous {
		return nil, fmt.Errorf("%w: an envelope needs the identity of its sender", ErrParams)
	}
	sign, err := s.signature(false)
	if err != nil {
		return nil, err
	}
	key, ok := s.Key.(crypto.Decrypter)
	if !ok || sign.typ != signRSA {
		return nil, fmt.Errorf("%w: RSA-R needs an RSA key that decrypts", ErrCertificate)
	}
	random, err := p.nonce()
	if err != nil {
		return nil, err
	}
	m, err := s.seal(assemble(p.header(TypeRSARInit), append(p.opening(random, s.Chain), sign)), len(sign.data))
	if err != nil {
		return nil, err
	}
	return &rsarInitiation{m: m, own: Decrypter{Key: key}}, nil
}

func (i *rsarInitiation) Message() []byte { return i.m.raw }

// Authenticate checks R and its signature over R || IDi || IDr || T. It does not decrypt.
func (i *rsarInitiation) Authenticate(r *Message, peer PeerKey) error {
	if i.r != nil || i.done {
		return fmt.Errorf("%w: answered already", ErrExchange)
	}
	if err := checkResponse(i.m, r, TypeRSARResp, nil); err != nil {
		return err
	}
	if err := i.checkContents(r); err != nil {
		return err
	}
	if err := i.own.checkEnvelope(r); err != nil {
		return err
	}
	if err := peer.verify(r, signedBeside(i.m, r)); err != nil {
		return err
	}
	i.r = r
	return nil
}

// signedBeside is what V and RSA-R's signature cover besides r, the answer to i. The identities are those of the payloads
// exchanged; one that only r states is r's word for itself.
func signedBeside(i, r *Message) []byte {
	idi, idr, _, haveR := i.identities()
	if _, got, _, gotR := r.identities(); gotR && !haveR {
		idr = got
	}
	return idsAndTime(idi.Data, idr.Data, i.Timestamp())
}

// checkContents holds R against section 3.7: one RAND in the two messages (ours), no policy that we did not offer, and no
// CSB ID of a group, which section 3.6 keeps out of calls between two.
func (i *rsarInitiation) checkContents(r *Message) error {
	if r.RAND() != nil {
		return fmt.Errorf("%w: a second RAND", ErrExchange)
	}
	for _, e := range all[extPayload](r) {
		if e.typ == extCSBID {
			return fmt.Errorf("%w: a group's CSB ID", ErrExchange)
		}
	}
	offered, chosen := all[spPayload](i.m), all[spPayload](r)
	if len(offered) > 0 && len(chosen) == 0 {
		return fmt.Errorf("%w: the responder chose none", ErrPolicy)
	}
	for _, c := range chosen {
		same := func(o spPayload) bool { return bytes.Equal(o.append(nil, 0), c.append(nil, 0)) }
		if !slices.ContainsFunc(offered, same) {
			return fmt.Errorf("%w: not one of those offered", ErrPolicy)
		}
	}
	return checkPolicies(r.Policies(), r.header.sessions)
}

// Complete decrypts the envelope.
func (i *rsarInitiation) Complete() (*Crypto, error) {
	if i.r == nil || i.done {
		return nil, fmt.Errorf("%w: not answered yet, or completed already", ErrExchange)
	}
	i.done = true
	_, idr, _, haveR := i.m.identities()
	who, err := stated(idr, haveR, "")
	if err != nil {
		return nil, err
	}
	own, err := i.own.public()
	if err != nil {
		return nil, err
	}
	envelope, err := i.own.open(i.r, orCryptoRand(nil))
	if err != nil {
		return nil, err
	}
	defer clear(envelope)
	key, err := messageKey{i.m.header.prf, envelope, i.m.header.csbID, i.m.RAND()}.disclose(i.r, who, own.Size())
	if err != nil {
		return nil, err
	}
	c := newCrypto(i.m, key, nil)
	c.settle(i.r.header.sessions)
	pke, _ := find[pkePayload](i.r)
	c.cache(pke, envelope)
	return c, nil
}

func (i *rsarInitiation) Wipe() { i.done = true }
