package keying

import (
	"context"
	"fmt"

	"github.com/conclave/conclave/keying/mikey"
)

// sessionPair says which crypto session is whose stream.
type sessionPair struct{ initiator, responder uint8 }

// convention is what everybody does and no RFC says: the initiator's stream is 1, the responder's 2.
var convention = sessionPair{initiator: 1, responder: 2}

// pairOf reads it from an offer: an initiator that put its SSRC into the second session and left the first to us owns the
// second (RFC 3830 section 6.1.1: SSRCs are filled in by their owners).
func pairOf(offer []mikey.Session) sessionPair {
	if len(offer) >= 2 && offer[0].SSRC == 0 && offer[1].SSRC != 0 {
		return sessionPair{initiator: 2, responder: 1}
	}
	return convention
}

// Respond accepts a verified offer: it commits the offer to the replay cache, runs our Diffie-Hellman or RSA in the Pool,
// refuses keys that were in use before, and returns the keys and our answer. The answer is empty where the initiator asked for none.
// Refusals are *Error; ErrBusy and ErrFull among their causes mean that the peer may try again later.
func (k *Keyer) Respond(ctx context.Context, v *Verified, c Call) (*Agreement, Attributes, error) {
	if err := c.check(); err != nil {
		return nil, Attributes{}, err
	}
	r := v.refusal(c.Policy)
	if v.used.Swap(true) {
		return nil, Attributes{}, r.own(ErrReplayed)
	}
	defer v.response.Wipe()
	if err := k.permit(v, r, c); err != nil {
		return nil, Attributes{}, err
	}
	crypto, response, err := k.answer(ctx, v, r, c)
	if err != nil {
		return nil, Attributes{}, err
	}
	defer crypto.Wipe()
	cs := pairOf(v.message.Sessions())
	keys, err := keysOf(crypto, v.suite, cs.responder, cs.initiator, c.SSRC)
	if err == nil {
		err = k.guard.admit(&keys)
	}
	if err != nil {
		keys.Wipe()
		return nil, Attributes{}, r.own(err)
	}
	a := &Agreement{Keys: keys, Role: Responder, Running: &Running{method: v.method, csbID: v.stamp.csb, role: Responder, offer: v.offer}, Posture: k.posture(v.method, v.suite, v.group)}
	a.Posture.CSBID, a.Posture.PeerIdentity, a.Posture.PeerFingerprint = v.stamp.csb, v.identity, v.fingerprint
	return a, Attributes{MIKEY: response}, nil
}

// permit looks again at what the policy may have come to say since Verify, and at who is called.
func (k *Keyer) permit(v *Verified, r refusal, c Call) error {
	if c.Local != v.local || c.Peer != "" && c.Peer != v.identity {
		return r.refuse(mikey.InvalidID, ReasonWrongIdentity, fmt.Errorf("%w: not the call that was verified", ErrCall))
	}
	return c.Policy.Permits(v)
}

// answer commits and answers. A worker of the pool is held before the commit, so that a peer turned away because we are busy
// may send the same offer again.
func (k *Keyer) answer(ctx context.Context, v *Verified, r refusal, c Call) (*mikey.Crypto, []byte, error) {
	a := mikey.Answer{IDi: v.identity, IDr: c.Local, SSRC: map[uint8]uint32{pairOf(v.message.Sessions()).responder: c.SSRC}, Rand: k.rand}
	if v.method == MIKEYPSK {
		if err := k.replay.commit(v.stamp); err != nil {
			return nil, nil, r.own(err)
		}
		crypto, response, err := v.response.Answer(a)
		if err != nil {
			return nil, nil, r.mikey(v.method, err)
		}
		return crypto, response, nil
	}
	a.Policy = v.choice
	if v.method.Certified() {
		a.Signer = k.signer(v.certificate)
	}
	worker, err := k.pool.reserve(ctx)
	if err != nil {
		return nil, nil, r.own(err)
	}
	defer worker.release()
	if err := k.replay.commit(v.stamp); err != nil {
		return nil, nil, r.own(err)
	}
	var crypto *mikey.Crypto
	var response []byte
	worker.run(func() { crypto, response, err = v.response.Answer(a) })
	if err != nil {
		return nil, nil, r.mikey(v.method, err)
	}
	return crypto, response, nil
}

func (k *Keyer) posture(m Method, s Suite, g Group) Posture {
	return Posture{Method: m, Suite: s, Group: g, ForwardSecrecy: m.ForwardSecret(), Since: k.now()}
}

// keysOf derives both directions: we send as crypto session send, with our own SSRC, and receive as the other. What we send
// begins at ROC 0 whatever the peer wrote into the map: who owns a stream states its counter, and one set to its end would
// stop the stream at the first wrap of its sequence numbers.
func keysOf(crypto *mikey.Crypto, suite Suite, send, receive uint8, own uint32) (Keys, error) {
	if t := crypto.KeyType(); t != mikey.KeyTGK && t != mikey.KeyTGKSalt {
		// One TEK for both directions would be one key stream for both.
		return Keys{}, fmt.Errorf("%w: one TEK for both directions", ErrKeyReuse)
	}
	if _, _, limited := crypto.Interval(); limited {
		// RFC 3830 section 6.14: not good for packets outside of it, and our streams do not watch for its end.
		return Keys{}, fmt.Errorf("%w: a key for an interval of packets", mikey.ErrKeyData)
	}
	k := Keys{Suite: suite}
	var err error
	if k.Send, err = streamOf(crypto, suite, send); err != nil {
		return k, err
	}
	k.Send.SSRC, k.Send.ROC = own, 0
	k.Receive, err = streamOf(crypto, suite, receive)
	return k, err
}

func streamOf(crypto *mikey.Crypto, suite Suite, cs uint8) (Stream, error) {
	key, err := crypto.Key(cs, suite.KeyLen())
	if err != nil {
		return Stream{}, fmt.Errorf("keying: TEK: %w", err)
	}
	defer clear(key)
	salt, err := crypto.Salt(cs, suite.SaltLen())
	if err != nil {
		return Stream{}, fmt.Errorf("keying: salt: %w", err)
	}
	defer clear(salt)
	s := Stream{Key: NewSecret(key), Salt: NewSecret(salt), MKI: crypto.MKI()}
	if sessions := crypto.Sessions(); int(cs) <= len(sessions) {
		s.SSRC, s.ROC = sessions[cs-1].SSRC, sessions[cs-1].ROC
	}
	return s, nil
}
