package keying

import (
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
		response, err := mikey.AuthenticatePSK(v.message, nil, v.prior.csb)
		if err != nil {
			return r.mikey(MIKEYPSK, err)
		}
		v.response = response
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
func (k *Keyer) authenticateSigned(v *Verified, key mikey.PeerKey, p *Policy) (err error) {
	key.SHA1 = p.SHA1Signatures
	switch v.method {
	case MIKEYPKE:
		own, _ := k.decrypter()
		v.response, err = mikey.AuthenticatePKE(v.message, key, own)
	case MIKEYRSAR:
		v.response, err = mikey.AuthenticateRSAR(v.message, key)
	default:
		v.response, err = mikey.AuthenticateDH(v.message, key, v.prior.bundle())
	}
	if err != nil {
		v.response = nil // no interface around a nil pointer
		return err
	}
	v.sha1 = v.response.SHA1()
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
