package keying

import (
	"context"
	"fmt"

	"github.com/conclave/conclave/keying/mikey"
)

// Respond accepts a verified offer: it commits the offer to the replay cache, runs our Diffie-Hellman or RSA in the Pool,
// refuses keys that were in use before, and returns the agreement and our answer. The answer is empty where the initiator asked
// for none; one of SDES holds a key in the clear, and whoever has written it into a description wipes it.
// Refusals are *Error; ErrBusy and ErrFull among their causes mean that the peer may try again later.
func (k *Keyer) Respond(ctx context.Context, v *Verified, c Call) (*Agreement, Attributes, error) {
	if err := c.check(); err != nil {
		return nil, Attributes{}, err
	}
	r := v.refusal(c.Policy)
	if v.used.Swap(true) {
		return nil, Attributes{}, r.own(ErrReplayed)
	}
	defer v.wipe()
	if c.Local != v.local || v.Authenticates() && c.Peer != "" && c.Peer != v.identity {
		return nil, Attributes{}, r.refuse(mikey.InvalidID, ReasonWrongIdentity, fmt.Errorf("%w: not the call that was verified", ErrCall))
	}
	// The policy may have come to say something else since Verify.
	if err := c.Policy.Permits(v); err != nil {
		return nil, Attributes{}, err
	}
	switch v.method {
	case SDES:
		return k.respondSDES(v, c, r)
	case DTLSSRTP:
		return k.respondDTLS(v, c, r)
	default:
		return k.respondMIKEY(ctx, v, c, r)
	}
}

func (k *Keyer) respondMIKEY(ctx context.Context, v *Verified, c Call, r refusal) (*Agreement, Attributes, error) {
	// What runs now may not be what ran when the offer was verified.
	if v.prior != nil && c.Running.bundle().bundle() != v.prior.csb {
		return nil, Attributes{}, r.refuse(mikey.Unspecified, ReasonUnknownBundle, errOvertaken)
	}
	d := deed{
		keyer: k, call: c, role: Responder, method: v.method, suite: v.suite, group: v.group, csbID: v.stamp.csb,
		identity: v.identity, leaf: v.leaf, cert: v.certificate, offer: v.offer, prior: v.prior,
		streams: answering(v.message.Sessions()), bound: v.bound,
	}
	if v.prior != nil {
		d.streams = v.prior.streams
	}
	crypto, response, err := k.answer(ctx, v, r, c, d.streams.own)
	if err != nil {
		return nil, Attributes{}, err
	}
	defer crypto.Wipe()
	a, err := d.agree(crypto, r)
	if err != nil {
		return nil, Attributes{}, err
	}
	return a, Attributes{MIKEY: response}, nil
}

// answer commits and answers. A worker of the pool is held before the commit, so that a peer turned away because we are busy
// may send the same offer again.
func (k *Keyer) answer(ctx context.Context, v *Verified, r refusal, c Call, own uint8) (*mikey.Crypto, []byte, error) {
	a := mikey.Answer{
		IDi: v.identity, IDr: c.Local, SSRC: map[uint8]uint32{own: c.SSRC}, ROC: map[uint8]uint32{own: c.ROC}, Policy: v.choice,
		Cache: !c.Policy.profile().FreshBundle, Rand: k.rand,
	}
	if v.method == MIKEYRSAR && v.prior == nil && !c.Policy.profile().NoMKI { // elsewhere the key is the initiator's to name
		mki, err := k.newMKI(mkiLen, c.Running.bundle().usedMKIs())
		if err != nil {
			return nil, nil, r.refuse(mikey.Unspecified, ReasonInternal, err)
		}
		a.MKI = mki
	}
	if v.bound != nil { // the peer knows the extension
		a.VendorExt = bindAddresses(c.Addresses)
	}
	run := func(op func()) error { op(); return nil }
	if v.method != MIKEYPSK && !v.prior.enveloped() {
		if v.method.Certified() {
			a.Signer = k.answerSigner(v, c.Policy)
		}
		worker, err := k.pool.reserve(ctx)
		if err != nil {
			return nil, nil, r.own(err)
		}
		defer worker.release()
		run = worker.run
	}
	if err := k.replay.commit(v.stamp); err != nil {
		return nil, nil, r.own(err)
	}
	var crypto *mikey.Crypto
	var response []byte
	var err error
	if broken := run(func() { crypto, response, err = v.response.Answer(a) }); broken != nil {
		return nil, nil, r.own(broken)
	}
	if err != nil {
		return nil, nil, r.mikey(v.method, err)
	}
	return crypto, response, nil
}

// answerSigner is the certificate that we answer with: of the peer's kind, since it can check that, or the one that it has
// seen, which an update leaves out.
func (k *Keyer) answerSigner(v *Verified, p *Policy) *mikey.Signer {
	kind := v.certificate
	if v.prior != nil {
		kind = v.prior.cert
	}
	signer := k.signer(kind)
	if signer == nil {
		return nil
	}
	signer.SHA1 = p.profile().SHA1Signatures && p.SHA1Signatures
	if v.prior != nil {
		signer.Chain = nil
	}
	return signer
}

func (k *Keyer) posture(m Method, s Suite, g Group) Posture {
	return Posture{Method: m, Suite: s, Group: g, ForwardSecrecy: m.ForwardSecret(), Since: k.now()}
}
