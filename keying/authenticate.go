package keying

import (
	"crypto/rsa"
	"errors"

	"github.com/conclave/conclave/keying/mikey"
)

// authenticate checks the MAC or the signature.
func (k *Keyer) authenticate(v *Verified, r refusal, c Call) error {
	if v.method.preShared() {
		return k.authenticatePSK(v, r)
	}
	chain := v.message.Certificates()
	if v.prior != nil && len(chain) == 0 {
		chain = v.prior.leaf.chain
	}
	key, leaf, err := k.signatory(chain, v.identity, r)
	if err != nil {
		return err
	}
	if v.prior.enveloped() {
		// Its MAC is all the proof there is; the certificate is looked at again because it may have been replaced since.
		if v.response, err = mikey.AuthenticatePSK(v.message, nil, v.prior.csb); err != nil {
			return r.mikey(MIKEYPSK, err)
		}
		v.leaf = v.prior.leaf
		return nil
	}
	if v.method == MIKEYRSAR {
		if err := encryptable(leaf); err != nil {
			return r.refuse(mikey.InvalidCert, ReasonBadCertificate, err)
		}
	}
	if err := k.authenticateSigned(v, key, c.Policy); err != nil {
		return r.mikey(v.method, err)
	}
	v.certificate, v.leaf = kindOf(leaf), peerLeaf{chain, fingerprint(leaf.Raw)}
	return nil
}

// authenticateSigned notes whether the signature is over SHA-1, which one policy may allow and another not.
func (k *Keyer) authenticateSigned(v *Verified, key mikey.PeerKey, p *Policy) error {
	check := func() (mikey.Response, error) {
		switch v.method {
		case MIKEYPKE:
			own, _ := k.decrypter()
			return mikey.AuthenticatePKE(v.message, key, own)
		case MIKEYRSAR:
			return mikey.AuthenticateRSAR(v.message, key)
		default:
			return mikey.AuthenticateDH(v.message, key, v.prior.bundle())
		}
	}
	response, err := check()
	if _, isRSA := key.Public.(*rsa.PublicKey); isRSA && p.SHA1Signatures && (errors.Is(err, mikey.ErrAuth) || errors.Is(err, mikey.ErrHash)) {
		key.SHA1 = true
		response, err = check()
		v.sha1 = err == nil
	}
	if err != nil {
		return err
	}
	v.response = response
	return nil
}

// bundle is that of the state; nil of none.
func (s *csbState) bundle() *mikey.CSB {
	if s == nil {
		return nil
	}
	return s.csb
}

func (k *Keyer) authenticatePSK(v *Verified, r refusal) error {
	psk, known := k.directory.PSK(v.identity)
	if !known {
		psk = k.decoy
	} else {
		defer psk.Wipe()
	}
	var response mikey.Response
	var err error
	if v.method == MIKEYDHHMAC {
		response, err = mikey.AuthenticateDHHMAC(v.message, psk.Bytes(), v.prior.bundle())
	} else {
		response, err = mikey.AuthenticatePSK(v.message, psk.Bytes(), v.prior.bundle())
	}
	if !known {
		if response != nil {
			response.Wipe()
		}
		return r.refuse(mikey.AuthFailure, ReasonUnknownIdentity, errors.New("no pre-shared key with this identity"))
	}
	if err != nil {
		return r.mikey(v.method, err)
	}
	v.response = response
	return nil
}
