package keying

import (
	"context"
	"fmt"

	"github.com/conclave/conclave/keying/mikey"
)

// begin makes the I_MESSAGE, in the Pool but for a pre-shared key alone.
func (i *Initiation) begin(ctx context.Context, p mikey.Params, r refusal) error {
	var psk Secret
	if i.method.preShared() {
		var known bool
		if psk, known = i.keyer.directory.PSK(i.call.Peer); !known {
			return r.refuse(mikey.Unspecified, ReasonNoCredential, fmt.Errorf("%w: no pre-shared key with the peer", ErrNoCredential))
		}
		defer psk.Wipe()
	}
	initiate, err := i.recipe(p, psk, r)
	if err != nil {
		return err
	}
	var failed error
	run := func() { i.exchange, failed = initiate() }
	if i.method == MIKEYPSK {
		run()
	} else if err := i.keyer.pool.do(ctx, run); err != nil {
		return r.own(err)
	}
	if failed != nil {
		return r.mikey(i.method, failed)
	}
	return nil
}

// recipe finds what the method needs, before a worker is held for it.
func (i *Initiation) recipe(p mikey.Params, psk Secret, r refusal) (func() (mikey.Initiation, error), error) {
	group, _ := i.group.mikeyGroup()
	switch i.method {
	case MIKEYPSK:
		return func() (mikey.Initiation, error) { return mikey.InitiatePSK(p, psk.Bytes()) }, nil
	case MIKEYDHHMAC:
		return func() (mikey.Initiation, error) { return mikey.InitiateDHHMAC(p, group, psk.Bytes()) }, nil
	}
	signer := i.keyer.signer(i.call.Cert)
	if i.method == MIKEYRSAR {
		signer = i.keyer.signer(CertRSA)
	}
	if signer == nil {
		return nil, r.refuse(mikey.Unspecified, ReasonNoCredential, fmt.Errorf("%w: no certificate of our own", ErrNoCredential))
	}
	switch i.method {
	case MIKEYPKE:
		leaf, err := i.findRecipient(r)
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

// findRecipient vouches for the certificate that the envelope is encrypted to.
func (i *Initiation) findRecipient(r refusal) ([]byte, error) {
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
	i.recipient = fingerprint(leaf.Raw)
	return leaf.Raw, nil
}
