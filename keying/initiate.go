package keying

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"sync/atomic"

	"github.com/conclave/conclave/keying/mikey"
)

// Initiation is an exchange that we began. It belongs to one leg; Complete or Abandon ends it.
type Initiation struct {
	keyer     *Keyer
	exchange  mikey.Initiation
	message   []byte
	call      Call
	method    Method
	suite     Suite
	group     Group
	recipient string // fingerprint of the certificate that MIKEYPKE encrypted to, "" with other methods
	csbID     uint32
	ended     atomic.Bool
}

// Attributes are what the offer says; they must not be changed.
func (i *Initiation) Attributes() Attributes { return Attributes{MIKEY: i.message} }

// CSBID is the crypto session bundle of the offer, 0 where the method has none; an error message about it bears the same (ReadHint).
func (i *Initiation) CSBID() uint32 { return i.csbID }

// Method is the method of the offer.
func (i *Initiation) Method() Method { return i.method }

// Abandon wipes the exchange; it may be called at any time, also after Complete.
func (i *Initiation) Abandon() {
	if i != nil && !i.ended.Swap(true) {
		i.exchange.Wipe()
	}
}

// Initiate makes an offer to c.Peer. Diffie-Hellman and signatures run in the Pool. Refusals are *Error without Message.
func (k *Keyer) Initiate(ctx context.Context, m Method, c Call) (*Initiation, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if c.Peer == "" {
		return nil, fmt.Errorf("%w: no peer", ErrCall)
	}
	i := &Initiation{keyer: k, call: c, method: m}
	r := refusal{policy: c.Policy, mute: true}
	if err := i.choose(r); err != nil {
		return nil, err
	}
	p, err := i.params()
	if err != nil {
		return nil, r.refuse(mikey.Unspecified, ReasonInternal, err)
	}
	if err := i.begin(ctx, p, r); err != nil {
		return nil, err
	}
	i.message = slices.Clone(i.exchange.Message())
	return i, nil
}

// choose settles method, suite and group within the policy.
func (i *Initiation) choose(r refusal) error {
	c := i.call
	if !i.method.Implemented() || !c.Policy.AllowsMethod(i.method) {
		return r.refuse(mikey.UnsupportedType, ReasonMethodRefused, fmt.Errorf("%w: %s", ErrUnsupportedMethod, i.method))
	}
	i.suite = c.Suite
	if i.suite == "" && len(c.Policy.Suites) > 0 {
		i.suite = c.Policy.Suites[0]
	}
	if !c.Policy.AllowsSuite(i.suite) || i.suite.KeyLen() == 0 {
		return r.refuse(mikey.InvalidSPpar, ReasonNoCommonSuite, fmt.Errorf("%w: %q", ErrUnknownSuite, i.suite))
	}
	if !i.method.agreesGroup() {
		return nil
	}
	i.group = c.Group
	if i.group == "" {
		i.group = c.Policy.group()
	}
	if _, known := i.group.mikeyGroup(); !known || !c.Policy.AllowsGroup(i.group) {
		return r.refuse(mikey.InvalidDH, ReasonNoCommonGroup, fmt.Errorf("%w: %q", ErrUnknownGroup, i.group))
	}
	return nil
}

// params are the contents of the offer: a fresh CSB, our SSRC in the first crypto session and room for the peer's in the second.
func (i *Initiation) params() (mikey.Params, error) {
	var id [4]byte
	if _, err := io.ReadFull(i.keyer.rand, id[:]); err != nil {
		return mikey.Params{}, fmt.Errorf("randomness: %w", err)
	}
	i.csbID = binary.BigEndian.Uint32(id[:])
	return mikey.Params{
		CSBID:    i.csbID,
		Time:     i.keyer.timestamp(),
		IDi:      i.call.Local,
		IDr:      i.call.Peer,
		SDPIDs:   i.call.SDPIDs,
		Sessions: []mikey.Session{{SSRC: i.call.SSRC}, {}},
		Policies: []mikey.Policy{i.suite.spPolicy(0)},
		V:        true, // also with a pre-shared key or an envelope the peer must prove that it has the key
		Rand:     i.keyer.rand,
	}, nil
}

// Complete checks the peer's answer, runs our half of the Diffie-Hellman or the RSA decryption in the Pool and returns the keys. A refused answer
// leaves the exchange open: anybody may have sent it. Refusals are *Error without Message.
func (i *Initiation) Complete(ctx context.Context, answer Attributes) (*Agreement, error) {
	r := refusal{policy: i.call.Policy, mute: true}
	if i.ended.Load() {
		return nil, r.refuse(mikey.Unspecified, ReasonNotAnAnswer, ErrAbandoned)
	}
	m, err := mikey.Parse(answer.MIKEY)
	if err != nil {
		return nil, r.mikey(i.method, err)
	}
	if m.Type() == mikey.TypeError {
		return nil, r.refuse(mikey.Unspecified, ReasonPeerRefused, fmt.Errorf("%w: error numbers %v", mikey.ErrPeer, m.ErrorNumbers()))
	}
	fingerprint, err := i.authenticate(m, r)
	if err != nil {
		return nil, err
	}
	r.auth = true
	if i.ended.Swap(true) {
		return nil, r.refuse(mikey.Unspecified, ReasonNotAnAnswer, ErrAbandoned)
	}
	defer i.exchange.Wipe()
	crypto, err := i.derive(ctx, r)
	if err != nil {
		return nil, err
	}
	defer crypto.Wipe()
	return i.conclude(crypto, fingerprint, r)
}

// authenticate checks who made the answer, and returns the fingerprint of the certificate.
func (i *Initiation) authenticate(m *mikey.Message, r refusal) (string, error) {
	var key mikey.PeerKey
	print := i.recipient
	if i.method == MIKEYDH || i.method == MIKEYRSAR {
		if want := map[Method]mikey.Type{MIKEYDH: mikey.TypeDHResp, MIKEYRSAR: mikey.TypeRSARResp}[i.method]; m.Type() != want {
			return "", r.refuse(mikey.Unspecified, ReasonNotAnAnswer, fmt.Errorf("message type %d", m.Type()))
		}
		public, leaf, err := i.keyer.signatory(m, i.call.Peer, r)
		if err != nil {
			return "", err
		}
		key, print = public, fingerprint(leaf.Raw)
	}
	err := i.exchange.Authenticate(m, key)
	if err != nil && i.method == MIKEYPKE {
		return "", r.mikey(MIKEYPSK, err) // its answer bears a MAC, of the envelope's key
	}
	if err != nil {
		return "", r.mikey(i.method, err)
	}
	return print, nil
}

// derive makes the keys, in the Pool where that is dear: Diffie-Hellman, and the decryption of RSA-R.
func (i *Initiation) derive(ctx context.Context, r refusal) (crypto *mikey.Crypto, err error) {
	var failed error
	if i.method.agreesGroup() || i.method == MIKEYRSAR {
		err = i.keyer.pool.do(ctx, func() { crypto, failed = i.exchange.Complete() })
	} else {
		crypto, failed = i.exchange.Complete()
	}
	if err != nil {
		return nil, r.own(err)
	}
	if failed != nil {
		return nil, r.mikey(i.method, failed)
	}
	return crypto, nil
}

func (i *Initiation) conclude(crypto *mikey.Crypto, fingerprint string, r refusal) (*Agreement, error) {
	keys, err := keysOf(crypto, i.suite, convention.initiator, convention.responder, i.call.SSRC)
	if err == nil {
		err = i.keyer.guard.admit(&keys)
	}
	if err != nil {
		keys.Wipe()
		return nil, r.own(err)
	}
	a := &Agreement{Keys: keys, Role: Initiator, Running: &Running{method: i.method, csbID: i.csbID, role: Initiator, offer: i.message}, Posture: i.keyer.posture(i.method, i.suite, i.group)}
	a.Posture.CSBID, a.Posture.PeerIdentity, a.Posture.PeerFingerprint = i.csbID, i.call.Peer, fingerprint
	return a, nil
}
