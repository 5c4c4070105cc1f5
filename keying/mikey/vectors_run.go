package mikey

import (
	"crypto"
	"crypto/sha256"
	"fmt"
	"strconv"
	"time"
)

// vectorEnd is one end of a bundle.
type vectorEnd struct {
	id     string
	signer Signer
	cs     uint8
	ssrc   uint32
	csb    *CSB
}

// run makes the exchanges of one bundle.
func (r recipe) run(signers map[string]Signer) ([]ownVector, error) {
	alice := &vectorEnd{id: "sip:alice@example.com", signer: signers[r.signerI], cs: 1, ssrc: 0xAABBCCDD}
	bob := &vectorEnd{id: "sip:bob@example.com", signer: signers[r.signerR], cs: 2, ssrc: 0x01020304}
	alice.signer.SHA1, bob.signer.SHA1 = r.sha1, r.sha1
	var vs []ownVector
	for n, step := range vectorSteps() {
		v := ownVector{
			Name: r.name + step.name, Refresh: step.refresh, PRF: r.prf.String(), Suite: r.suite.suite().name,
			SignerI: r.signerI, SignerR: r.signerR, MKI: octets(step.mki), Ext: octets(step.ext),
		}
		from, to := alice, bob
		if step.fromBob {
			from, to, v.SignerI, v.SignerR = bob, alice, r.signerR, r.signerI
		}
		if n > 0 {
			v.Updates = r.name
		}
		if err := r.exchange(&v, step, n, from, to); err != nil {
			return nil, fmt.Errorf("%s: %w", v.Name, err)
		}
		vs = append(vs, v)
	}
	return vs, nil
}

// psk is a key for a bundle.
func (r recipe) psk() []byte {
	key := sha256.Sum256([]byte("psk " + r.name))
	return key[:]
}

// exchange runs one exchange and fills in v.
func (r recipe) exchange(v *ownVector, step vectorStep, n int, from, to *vectorEnd) error {
	random := &stream{seed: v.Name + " i"}
	p := Params{
		Prior: from.csb, NoKey: step.refresh, CSBID: 0x12345678, Time: time.Date(2026, 1, 1, 0, 0, n, 500_000_000, time.UTC),
		IDi: from.id, IDr: to.id, SDPIDs: "mikey", V: true, PRF: r.prf, Cache: true, Rand: random, encipher: random.encipher,
	}
	p.Sessions = make([]Session, 2)
	p.Sessions[from.cs-1] = Session{SSRC: from.ssrc, ROC: uint32(n)}
	if n == 0 {
		p.Policies = []Policy{r.suite}
	}
	if r.method != TypeRSARInit || n > 0 {
		p.MKI = []byte(step.mki)
	}
	if step.ext != "" {
		p.VendorExt = []byte(step.ext)
	}
	if r.change != nil {
		r.change(&p)
	}
	i, err := r.initiate(p, from, to)
	if err != nil {
		return err
	}
	v.describe(i, p)
	answers := &stream{seed: v.Name + " r"}
	a := Answer{
		IDi: from.id, IDr: to.id, SSRC: map[uint8]uint32{to.cs: to.ssrc}, ROC: map[uint8]uint32{to.cs: uint32(10 * n)}, Signer: &to.signer,
		MKI: []byte(step.mki), Cache: true, VendorExt: p.VendorExt, Rand: answers, encipher: answers.encipher,
	}
	x, y, err := r.answer(v, i, a, from, to)
	if err != nil {
		return err
	}
	if v.Group != "" && !v.Refresh {
		v.XR = answers.last
	}
	from.csb, to.csb = x.CSB(), y.CSB()
	return v.conclude(x, r)
}

// initiate makes I.
func (r recipe) initiate(p Params, from, to *vectorEnd) (Initiation, error) {
	switch t := r.typeOf(from.csb); t {
	case TypePKEInit:
		return InitiatePKE(p, from.signer, to.signer.Chain[0])
	case TypeRSARInit:
		return InitiateRSAR(p, from.signer)
	case TypeDHInit:
		return InitiateDH(p, r.group, from.signer)
	case TypeDHHMACInit:
		return InitiateDHHMAC(p, r.group, r.psk())
	default:
		if from.csb != nil && from.csb.Enveloped() {
			return InitiatePSK(p, nil)
		}
		return InitiatePSK(p, r.psk())
	}
}

// typeOf is the type of the next I.
func (r recipe) typeOf(csb *CSB) Type {
	if csb == nil {
		return r.method
	}
	return csb.UpdateType()
}

// answer makes R and lets the initiator complete.
func (r recipe) answer(v *ownVector, i Initiation, a Answer, from, to *vectorEnd) (x, y *Crypto, err error) {
	m, err := Parse(i.Message())
	if err != nil {
		return nil, nil, err
	}
	resp, err := r.authenticate(m, from, to)
	if err != nil {
		return nil, nil, err
	}
	if y, v.R, err = resp.Answer(a); err != nil {
		return nil, nil, err
	}
	answer, err := Parse(v.R)
	if err != nil {
		return nil, nil, err
	}
	if err := i.Authenticate(answer, to.peer()); err != nil {
		return nil, nil, err
	}
	x, err = i.Complete()
	return x, y, err
}

func (r recipe) authenticate(m *Message, from, to *vectorEnd) (Response, error) {
	switch m.Type() {
	case TypePKEInit:
		own, _ := to.signer.Key.(crypto.Decrypter) // none is refused
		return AuthenticatePKE(m, from.peer(), Decrypter{Key: own, Leaf: to.signer.Chain[0]})
	case TypeRSARInit:
		return AuthenticateRSAR(m, from.peer())
	case TypeDHInit:
		return AuthenticateDH(m, from.peer(), to.csb)
	case TypeDHHMACInit:
		return AuthenticateDHHMAC(m, r.psk(), to.csb)
	default:
		if to.csb != nil && to.csb.Enveloped() {
			return AuthenticatePSK(m, nil, to.csb)
		}
		return AuthenticatePSK(m, r.psk(), to.csb)
	}
}

// peer is the key that verifies the end's signatures.
func (e *vectorEnd) peer() PeerKey {
	if e.signer.Key == nil {
		return PeerKey{}
	}
	return PeerKey{Public: e.signer.Key.Public(), SHA1: e.signer.SHA1}
}

// describe notes what went into I.
func (v *ownVector) describe(i Initiation, p Params) {
	v.I, v.CSB, v.IDi, v.IDr = i.Message(), p.CSBID, p.IDi, p.IDr
	switch i := i.(type) {
	case *dhInitiation:
		v.XI = append(octets{}, i.x...)
		if i.group != nil {
			v.Group = i.own.group.String()
		}
	case *pskInitiation:
		if i.crypto.enveloped {
			v.Envelope = append(octets{}, i.psk.key...)
		}
	}
}

// conclude notes what came out.
func (v *ownVector) conclude(c *Crypto, r recipe) error {
	m, err := Parse(v.I)
	if err != nil {
		return err
	}
	v.Mode, v.RAND = m.Type().String(), c.rand
	if m.Type() == TypePSKInit || m.Type() == TypeDHHMACInit {
		v.SignerI, v.SignerR = "", ""
	}
	if c.enveloped {
		v.Envelope = append(octets{}, c.envelope...) // RSA-R: chosen by the responder
	} else if m.Type() != TypeDHInit {
		v.PSK = r.psk()
	}
	if c.Refresh() {
		return nil
	}
	v.TGK, v.CS = append(octets{}, c.key...), map[string]ownKeys{}
	suite := r.suite.suite()
	for cs := uint8(1); cs <= 2; cs++ {
		key, err := c.Key(cs, suite.key)
		if err != nil {
			return err
		}
		salt, err := c.Salt(cs, suite.salt)
		if err != nil {
			return err
		}
		v.CS[strconv.Itoa(int(cs))] = ownKeys{key, salt}
	}
	return nil
}
