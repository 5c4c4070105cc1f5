package keying

import (
	"context"
	"fmt"

	"github.com/conclave/conclave/keying/mikey"
)

// check looks at who made the answer.
func (o *mikeyOffer) check(i *Initiation, answer Attributes, r refusal) error {
	m, err := mikey.Parse(answer.MIKEY)
	if err != nil {
		return r.mikey(i.method, err)
	}
	if m.Type() == mikey.TypeError {
		return r.refuse(mikey.Unspecified, ReasonPeerRefused, fmt.Errorf("%w: error numbers %v", mikey.ErrPeer, m.ErrorNumbers()))
	}
	var key mikey.PeerKey
	if i.method == MIKEYDH || i.method == MIKEYRSAR && o.prior == nil {
		if want := map[Method]mikey.Type{MIKEYDH: mikey.TypeDHResp, MIKEYRSAR: mikey.TypeRSARResp}[i.method]; m.Type() != want {
			return r.refuse(mikey.Unspecified, ReasonNotAnAnswer, fmt.Errorf("message type %d", m.Type()))
		}
		chain := m.Certificates()
		if len(chain) == 0 && o.prior != nil {
			chain = o.prior.leaf.chain
		}
		public, leaf, err := i.keyer.signatory(chain, i.call.Peer, r)
		if err != nil {
			return err
		}
		public.SHA1 = i.call.Policy.SHA1Signatures
		key, o.leaf = public, peerLeaf{chain, fingerprint(leaf.Raw)}
	}
	if o.prior != nil {
		// Before the proof, which is good for one answer: a true one in a forged description must not use it up.
		if o.bound, err = checkAnswer(m, answer.Addresses, o.prior.bound); err != nil {
			return r.refuse(mikey.Unspecified, ReasonAddressChanged, err)
		}
	}
	if err := o.exchange.Authenticate(m, key); err != nil {
		return r.mikey(i.method.answered(o.prior != nil), err)
	}
	return nil
}

// answered is the method that an answer's proof is of: that to an envelope, and under its key, bears a MAC.
func (m Method) answered(update bool) Method {
	if m == MIKEYPKE || m == MIKEYRSAR && update {
		return MIKEYPSK
	}
	return m
}

func (o *mikeyOffer) conclude(ctx context.Context, i *Initiation, r refusal) (*Agreement, error) {
	crypto, err := o.derive(ctx, i, r)
	if err != nil {
		return nil, err
	}
	defer crypto.Wipe()
	d := deed{
		keyer: i.keyer, call: i.call, role: Initiator, method: i.method, suite: i.suite, group: i.group, csbID: i.csbID,
		identity: i.call.Peer, leaf: o.leaf, cert: o.cert, offer: o.message, prior: o.prior,
		streams: streams{own: 1, theirs: 2}, bound: o.bound,
	}
	return d.agree(crypto, r)
}

// derive makes the keys, in the Pool where that is dear: Diffie-Hellman, and the decryption of RSA-R.
func (o *mikeyOffer) derive(ctx context.Context, i *Initiation, r refusal) (crypto *mikey.Crypto, err error) {
	var failed error
	if i.method.agreesGroup() || i.method == MIKEYRSAR && o.prior == nil {
		err = i.keyer.pool.do(ctx, func() { crypto, failed = o.exchange.Complete() })
	} else {
		crypto, failed = o.exchange.Complete()
	}
	if err != nil {
		return nil, r.own(err)
	}
	if failed != nil {
		return nil, r.mikey(i.method, failed)
	}
	return crypto, nil
}
