package keying

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/conclave/conclave/keying/mikey"
)

// mikeyOffer is an exchange of MIKEY that we began.
type mikeyOffer struct {
	exchange mikey.Initiation
	prior    *csbState // the bundle that the offer updates; nil: it opens one
	profile  Profile
	cert     string // kind of the certificate that we sign with
	mki      []byte
	message  []byte
	bound    []byte   // of an update: the addresses that the answer binds, or those bound before; set by check
	leaf     peerLeaf // that which MIKEYPKE encrypts to, or the update's bundle knows; otherwise set by check
}

// peerLeaf is what is known of a peer's certificate.
type peerLeaf struct {
	chain       [][]byte
	fingerprint string
}

// newMIKEYOffer settles whether the offer updates what runs.
func newMIKEYOffer(c Call, m Method) *mikeyOffer {
	o := &mikeyOffer{profile: c.Policy.profile()}
	s := c.Running.bundle()
	if s == nil || c.Running.Method() != m || !s.updates() || o.profile.FreshBundle {
		return o
	}
	// New keys for another suite need a bundle of their own.
	if runs := s.posture.Suite; c.Refresh || c.Policy.AllowsSuite(runs) && (c.Suite == "" || c.Suite == runs) {
		o.prior, o.leaf = s, s.leaf
	}
	return o
}

// begin makes the I_MESSAGE. An update of the peer's that is verified while ours is made moves the clock of the bundle past our time:
// then ours is made once more.
func (o *mikeyOffer) begin(ctx context.Context, i *Initiation, r refusal) error {
	var err error
	for range offerTries {
		if err = o.compose(ctx, i, r); !errors.Is(err, mikey.ErrOldTime) {
			break
		}
	}
	return err
}

// compose makes it, in the Pool but for a pre-shared key alone.
func (o *mikeyOffer) compose(ctx context.Context, i *Initiation, r refusal) error {
	p, err := o.params(i)
	switch {
	case errors.Is(err, ErrFull):
		return r.own(err)
	case err != nil:
		return r.refuse(mikey.Unspecified, ReasonInternal, err)
	}
	if p.TGK = i.handover(); p.TGK != nil {
		defer clear(p.TGK)
	}
	psk, err := o.preShared(i, r)
	if err != nil {
		return err
	}
	defer psk.Wipe()
	initiate, err := o.recipe(i, p, psk, r)
	if err != nil {
		return err
	}
	var failed error
	run := func() { o.exchange, failed = initiate() }
	if i.method == MIKEYPSK || o.prior.enveloped() {
		run()
	} else if err := i.keyer.pool.do(ctx, run); err != nil {
		return r.own(err)
	}
	if failed != nil {
		return r.mikey(i.method, failed)
	}
	o.message, i.handsOver = slices.Clone(o.exchange.Message()), p.TGK != nil
	i.attributes, i.csbID = Attributes{MIKEY: o.message}, p.CSBID
	return nil
}

// params are the contents of the offer: a fresh CSB, our SSRC in the first crypto session and room for the peer's in the second.
func (o *mikeyOffer) params(i *Initiation) (mikey.Params, error) {
	c := i.call
	p := mikey.Params{
		IDi: c.Local, IDr: c.Peer, SDPIDs: c.SDPIDs,
		V:    true, // also with a pre-shared key or an envelope the peer must prove that it has the key
		Rand: i.keyer.rand,

		Anonymous: o.profile.NoIdentities && i.method == MIKEYPSK, AnyAnswerTime: o.profile.AnyAnswerTime,
		RFC4650Numbers: o.profile.RFC4650Numbers, Cache: !o.profile.FreshBundle,
	}
	if o.profile.NoSDPIDs {
		p.SDPIDs = ""
	}
	if o.prior != nil {
		return o.update(i, p)
	}
	var id [4]byte
	if _, err := io.ReadFull(i.keyer.rand, id[:]); err != nil {
		return p, fmt.Errorf("randomness: %w", err)
	}
	p.CSBID, p.Time = binary.BigEndian.Uint32(id[:]), i.keyer.timestamp()
	if p.Anonymous {
		// Sent back to us, it would pass for the peer's: nothing in it says whose it is, and the key is that of both.
		at, _ := mikey.NewTimestamp(p.Time).NTP()
		if err := i.keyer.replay.commit(stamp{sender: c.Peer, csb: p.CSBID, time: ntp(at)}); err != nil {
			return p, err
		}
	}
	p.Sessions = []mikey.Session{{SSRC: c.SSRC, ROC: c.ROC}, {}}
	p.Policies = []mikey.Policy{i.suite.spPolicy(0)}
	var err error
	if !o.profile.NoMKI && i.method != MIKEYRSAR { // there the responder's key has the responder's identifier
		o.mki, err = i.keyer.newMKI(mkiLen, c.Running.bundle().usedMKIs())
	}
	p.MKI = o.mki
	return p, err
}

// update are the contents of an update (RFC 3830 section 4.5): same bundle, a time above every one in it, crypto sessions
// where they were, and the addresses of the description it travels in.
func (o *mikeyOffer) update(i *Initiation, p mikey.Params) (mikey.Params, error) {
	s := o.prior
	p.Prior, p.CSBID, p.NoKey = s.csb, s.csb.ID(), i.call.Refresh
	p.Time = s.csb.NextTime(i.keyer.timestamp())
	p.Sessions = s.csb.Sessions()
	for n := range p.Sessions {
		p.Sessions[n].SSRC, p.Sessions[n].ROC = 0, 0
		if uint8(n+1) == s.streams.own {
			p.Sessions[n].SSRC, p.Sessions[n].ROC = i.call.SSRC, i.call.ROC
		}
	}
	p.VendorExt = bindAddresses(i.call.Addresses)
	i.suite = s.posture.Suite
	if runs := s.posture.Group; p.NoKey || i.call.Group == "" && i.call.Policy.AllowsGroup(runs) {
		i.group = runs
	}
	if p.NoKey {
		return p, nil
	}
	var err error
	o.mki, err = i.keyer.newMKI(len(s.mkis[0]), s.mkis)
	p.MKI = o.mki
	return p, err
}

// preShared is the key with the peer where the message is under one. Updates of an envelope's bundle are under the envelope key.
func (o *mikeyOffer) preShared(i *Initiation, r refusal) (Secret, error) {
	if !i.method.preShared() {
		return Secret{}, nil
	}
	psk, known := i.keyer.directory.PSK(i.call.Peer)
	if !known {
		return Secret{}, r.refuse(mikey.Unspecified, ReasonNoCredential, fmt.Errorf("%w: no pre-shared key with the peer", ErrNoCredential))
	}
	return psk, nil
}

// recipe finds what the method needs, before a worker is held for it.
func (o *mikeyOffer) recipe(i *Initiation, p mikey.Params, psk Secret, r refusal) (func() (mikey.Initiation, error), error) {
	group, _ := i.group.mikeyGroup()
	switch {
	case o.prior.enveloped():
		return func() (mikey.Initiation, error) { return mikey.InitiatePSK(p, nil) }, nil
	case i.method == MIKEYPSK:
		return func() (mikey.Initiation, error) { return mikey.InitiatePSK(p, psk.Bytes()) }, nil
	case i.method == MIKEYDHHMAC:
		return func() (mikey.Initiation, error) { return mikey.InitiateDHHMAC(p, group, psk.Bytes()) }, nil
	}
	signer, err := o.signer(i, r)
	if err != nil {
		return nil, err
	}
	switch i.method {
	case MIKEYPKE:
		leaf, err := o.findRecipient(i, r)
		if err != nil {
			return nil, err
		}
		return func() (mikey.Initiation, error) { return mikey.InitiatePKE(p, *signer, leaf) }, nil
	case MIKEYRSAR:
		if i.keyer.own.RSA == nil {
			return nil, r.refuse(mikey.Unspecified, ReasonNoCredential,
				fmt.Errorf("%w: %s encrypts to our certificate, which must be RSA: ours is ECDSA; use an account made with cert rsa", ErrNoCredential, i.method))
		}
		return func() (mikey.Initiation, error) { return mikey.InitiateRSAR(p, *signer) }, nil
	}
	return func() (mikey.Initiation, error) { return mikey.InitiateDH(p, group, *signer) }, nil
}

// signer is the certificate that we sign with. An update leaves out what the peer has seen.
func (o *mikeyOffer) signer(i *Initiation, r refusal) (*mikey.Signer, error) {
	kind := i.call.Cert
	switch {
	case i.method == MIKEYRSAR:
		kind = CertRSA
	case o.prior != nil:
		kind = o.prior.cert
	}
	signer := i.keyer.signer(kind)
	if signer == nil {
		return nil, r.refuse(mikey.Unspecified, ReasonNoCredential, fmt.Errorf("%w: no certificate of our own", ErrNoCredential))
	}
	o.cert = signerKind(signer)
	signer.SHA1 = o.profile.SHA1Signatures && i.call.Policy.SHA1Signatures
	if o.prior != nil {
		signer.Chain = nil
	}
	return signer, nil
}

// findRecipient vouches for the certificate that the envelope is encrypted to.
func (o *mikeyOffer) findRecipient(i *Initiation, r refusal) ([]byte, error) {
	if len(i.keyer.peerChain) == 0 {
		return nil, r.refuse(mikey.Unspecified, ReasonNoCredential,
			fmt.Errorf("%w: %s encrypts to the peer's RSA certificate, which we do not have (server_cert of the bundle)", ErrNoCredential, i.method))
	}
	_, leaf, err := i.keyer.vouch(i.keyer.peerChain, i.call.Peer)
	if err == nil {
		err = encryptable(leaf)
	}
	if err != nil {
		return nil, r.refuse(mikey.InvalidCert, ReasonBadCertificate, fmt.Errorf("the peer's RSA certificate: %w", err))
	}
	o.leaf = peerLeaf{i.keyer.peerChain, fingerprint(leaf.Raw)}
	return leaf.Raw, nil
}

func (o *mikeyOffer) wipe() {
	if o.exchange != nil {
		o.exchange.Wipe()
	}
}
