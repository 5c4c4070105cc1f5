package keying

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/conclave/conclave/keying/dtls"
	"github.com/conclave/conclave/keying/mikey"
)

// Values of a=setup (RFC 4145 section 4).
const (
	setupActPass = "actpass" // the offerer leaves it to the answerer who begins
	setupActive  = "active"  // its sender begins the handshake: it is the client
	setupPassive = "passive" // its sender is the server
)

// hashLens are the hashes of fingerprints that we take, with their lengths in octets. RFC 8122 section 5 still knows SHA-1 and MD5, for
// whose sake somebody could make a second certificate.
var hashLens = map[string]int{"sha-256": 32, "sha-384": 48, "sha-512": 64}

// dtlsOffer is an exchange of DTLS-SRTP that we began.
type dtlsOffer struct {
	own    DTLS
	theirs DTLS // set by check
}

func (o *dtlsOffer) begin(_ context.Context, i *Initiation, r refusal) error {
	i.suite = ""
	if len(i.call.suitesDTLS()) == 0 {
		return r.refuse(mikey.InvalidSPpar, ReasonNoCommonSuite, fmt.Errorf("%w: none that DTLS-SRTP has", ErrUnknownSuite))
	}
	own, err := i.keyer.describe(setupActPass, true)
	if err != nil {
		return r.refuse(mikey.Unspecified, ReasonInternal, err)
	}
	o.own = own
	i.attributes = Attributes{DTLS: &own}
	return nil
}

// check takes no other certificate than the one that runs where the answer came in the clear: whoever reads the signalling could race
// the peer's answer with a certificate of his own. An offer with another has to prove itself by digest, an answer cannot.
func (o *dtlsOffer) check(i *Initiation, answer Attributes, r refusal) error {
	if answer.DTLS == nil || answer.DTLS.Setup != setupActive && answer.DTLS.Setup != setupPassive {
		return r.refuse(mikey.Unspecified, ReasonNotAnAnswer, errors.New("the answer does not say who begins the handshake"))
	}
	theirs, err := answer.DTLS.usable()
	if err != nil {
		return r.refuse(mikey.InvalidHA, ReasonWeakProtection, err)
	}
	if running := i.call.Running.association(); running != nil && !i.call.Secured && !running.knows(theirs) {
		return r.refuse(mikey.InvalidCert, ReasonBadCertificate, fmt.Errorf("%w: not the one that runs", ErrCertificate))
	}
	o.theirs = theirs
	return nil
}

func (o *dtlsOffer) conclude(_ context.Context, i *Initiation, _ refusal) (*Agreement, error) {
	o.own.Setup = setupActive
	if o.theirs.Setup == setupActive {
		o.own.Setup = setupPassive
	}
	return i.keyer.expect(o.own, o.theirs, i.call, Initiator), nil
}

func (o *dtlsOffer) wipe() {}

// verifyDTLS looks at what an offer says of a handshake. Nothing in it proves anything: the handshake will.
func (v *Verified) verifyDTLS(a Attributes, c Call, r refusal) error {
	if !slices.Contains([]string{"", setupActPass, setupActive, setupPassive}, a.DTLS.Setup) {
		return r.refuse(mikey.Unspecified, ReasonMalformed, errors.New("a=setup says nobody begins the handshake"))
	}
	if len(c.suitesDTLS()) == 0 {
		return r.refuse(mikey.InvalidSPpar, ReasonNoCommonSuite, fmt.Errorf("%w: none that DTLS-SRTP has", ErrUnknownSuite))
	}
	theirs, err := a.DTLS.usable()
	if err != nil {
		return r.refuse(mikey.InvalidHA, ReasonWeakProtection, err)
	}
	v.dtls = theirs
	return nil
}

// respondDTLS leaves the beginning to the peer where it leaves it to us: it may be behind a NAT, we are not.
func (k *Keyer) respondDTLS(v *Verified, c Call, r refusal) (*Agreement, Attributes, error) {
	setup := setupPassive
	if v.dtls.Setup == setupPassive {
		setup = setupActive
	}
	own, err := k.describe(setup, v.dtls.TLSID != "")
	if err != nil {
		return nil, Attributes{}, r.refuse(mikey.Unspecified, ReasonInternal, err)
	}
	return k.expect(own, v.dtls, c, Responder), Attributes{DTLS: &own}, nil
}

// describe is our side of a handshake to come. Each has an identifier of its own (RFC 8842 section 5.2), where the peer knows such.
func (k *Keyer) describe(setup string, identified bool) (DTLS, error) {
	certificate, err := k.certificateDTLS()
	if err != nil {
		return DTLS{}, err
	}
	sum := sha256.Sum256(certificate.Certificate[0])
	d := DTLS{Fingerprints: []Fingerprint{{Hash: "sha-256", Value: sum[:]}}, Setup: setup}
	if !identified {
		return d, nil
	}
	id := make([]byte, 16)
	if _, err := io.ReadFull(k.rand, id); err != nil {
		return DTLS{}, fmt.Errorf("randomness: %w", err)
	}
	d.TLSID = hex.EncodeToString(id)
	return d, nil
}

// usable copies d without the fingerprints that we do not take; one at least must be left.
func (d *DTLS) usable() (DTLS, error) {
	u := DTLS{Setup: d.Setup, TLSID: d.TLSID}
	for _, f := range d.Fingerprints {
		if n, known := hashLens[f.Hash]; known && len(f.Value) == n && len(u.Fingerprints) < maxFingerprints {
			u.Fingerprints = append(u.Fingerprints, Fingerprint{Hash: f.Hash, Value: slices.Clone(f.Value)})
		}
	}
	if len(u.Fingerprints) == 0 {
		return u, fmt.Errorf("%w: no fingerprint of SHA-256 or better", ErrCertificate)
	}
	return u, nil
}

// suitesDTLS are the suites of the policy that DTLS-SRTP has numbers for (RFC 5764 section 4.1.2, RFC 7714 section 14.2), by name.
func (c Call) suitesDTLS() []string {
	var names []string
	for _, s := range c.Policy.Suites {
		if dtls.Supports(string(s)) && (c.Suite == "" || c.Suite == s) {
			names = append(names, string(s))
		}
	}
	return names
}
