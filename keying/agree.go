package keying

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/conclave/conclave/keying/mikey"
)

// streams says which crypto session is whose: we send in own and receive in theirs.
type streams struct{ own, theirs uint8 }

// answering reads it from an offer to us. What everybody does and no RFC says is that the initiator's stream is 1, the
// responder's 2; but an initiator that put its SSRC into the second session and left the first to us owns the second (RFC
// 3830 section 6.1.1: SSRCs are filled in by their owners).
func answering(offer []mikey.Session) streams {
	if len(offer) >= 2 && offer[0].SSRC == 0 && offer[1].SSRC != 0 {
		return streams{own: 1, theirs: 2}
	}
	return streams{own: 2, theirs: 1}
}

// deed is a MIKEY exchange that both ends have authenticated: what its agreement is made of.
type deed struct {
	keyer    *Keyer
	call     Call
	role     Role
	method   Method
	suite    Suite
	group    Group
	csbID    uint32
	identity string // the peer's
	leaf     peerLeaf
	cert     string    // kind of the certificate that we showed
	offer    []byte    // octets of the I_MESSAGE
	prior    *csbState // the bundle as it was; nil for a new one
	streams  streams   // of a new bundle
	bound    []byte    // what the peer binds of its description; nil: nothing
}

// agree makes the agreement: the keys, which no guard may have seen before, and what to go on with.
func (d *deed) agree(crypto *mikey.Crypto, r refusal) (*Agreement, error) {
	s := d.state(crypto)
	a := &Agreement{Role: d.role, Posture: s.posture}
	if !crypto.Refresh() {
		keys, err := d.keys(crypto, s)
		if err == nil {
			err = d.keyer.guard.admit(&keys)
		}
		if err != nil {
			keys.Wipe()
			s.wipe()
			return nil, r.own(err)
		}
		a.Keys = keys
	}
	a.Running = &Running{method: d.method, csbID: d.csbID, kept: s}
	return a, nil
}

// keys derives both directions. What we send begins at our own ROC whatever the peer wrote into the map: who owns a stream
// states its counter, and one set to its end would stop the stream at the first wrap of its sequence numbers.
func (d *deed) keys(crypto *mikey.Crypto, s *csbState) (Keys, error) {
	if t := crypto.KeyType(); t != mikey.KeyTGK && t != mikey.KeyTGKSalt {
		// One TEK for both directions would be one key stream for both.
		return Keys{}, fmt.Errorf("%w: one TEK for both directions", ErrKeyReuse)
	}
	if _, _, limited := crypto.Interval(); limited {
		// RFC 3830 section 6.14: not good for packets outside of it, and our streams do not watch for its end.
		return Keys{}, fmt.Errorf("%w: a key for an interval of packets", mikey.ErrKeyData)
	}
	if err := d.checkMKI(crypto.MKI()); err != nil {
		return Keys{}, err
	}
	k := Keys{Suite: d.suite}
	var err error
	if k.Send, err = streamOf(crypto, d.suite, s.streams.own); err != nil {
		return k, err
	}
	k.Send.SSRC, k.Send.ROC = d.call.SSRC, d.call.ROC
	k.Receive, err = streamOf(crypto, d.suite, s.streams.theirs)
	return k, err
}

// checkMKI: packets under the keys of an update must tell themselves apart from those under the keys before, by an identifier of
// their own, or as before by none.
func (d *deed) checkMKI(mki []byte) error {
	running := d.call.Running.bundle()
	if len(mki) > 0 && knownMKI(mki, running.usedMKIs()) {
		return ErrMKIReused
	}
	if d.prior != nil && len(mki) != len(d.prior.mkis[0]) {
		return fmt.Errorf("%w: identifier of %d octets after one of %d", ErrMKIReused, len(mki), len(d.prior.mkis[0]))
	}
	return nil
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

// state is what is kept after the exchange.
func (d *deed) state(crypto *mikey.Crypto) *csbState {
	p := d.keyer.posture(d.method, d.suite, d.group)
	p.CSBID, p.PeerIdentity, p.PeerFingerprint = d.csbID, d.identity, d.leaf.fingerprint
	s := &csbState{
		csb: crypto.CSB(), role: d.role, offers: [][]byte{bytes.Clone(d.offer)}, parties: parties{d.call.Local, d.identity},
		streams: d.streams, posture: p, mkis: [][]byte{crypto.MKI()}, bound: d.bound, leaf: d.leaf, cert: d.cert,
		fresh: d.call.Policy.profile().FreshBundle, begin: d.method != MIKEYPKE || len(d.keyer.peerChain) > 0,
	}
	if d.call.Policy.MoveTGK == MoveRunning {
		s.tgk = d.keepTGK(crypto)
	}
	if before := d.call.Running.bundle(); before != nil {
		s.mkis = append(s.mkis, before.mkis...)
		s.mkis = s.mkis[:min(len(s.mkis), keptMKIs)]
	}
	if d.prior == nil {
		return s
	}
	s.streams, s.cert = d.prior.streams, d.prior.cert
	if s.bound == nil {
		s.bound = d.prior.bound
	}
	if crypto.Refresh() {
		s.role, s.posture, s.mkis = d.prior.role, d.prior.posture, slices.Clone(d.prior.mkis)
		s.offers = [][]byte{d.prior.offers[0], s.offers[0]}
	}
	return s
}
