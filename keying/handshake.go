package keying

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"sync"

	"github.com/conclave/conclave/keying/dtls"
	"github.com/conclave/conclave/keying/mikey"
)

// ErrHandshake says that DTLS over the media path came to no end; it wraps the cause.
var ErrHandshake = errors.New("keying: DTLS handshake")

// Handshake makes the keys of DTLS-SRTP over the media path (RFC 5764), once descriptions told whom to expect there. Run may
// be called once, Close from any goroutine.
type Handshake struct {
	keyer *Keyer
	call  Call
	state *dtlsState
	role  Role // of the exchange of descriptions

	mu          sync.Mutex
	begun       bool               // guarded by mu
	closed      bool               // guarded by mu
	stop        context.CancelFunc // of a Run in progress; guarded by mu
	association *dtls.Association  // nil until it stands; guarded by mu
}

// expect is the agreement whose keys a handshake will make. Its posture claims nothing of keys that are not there yet.
func (k *Keyer) expect(own, theirs DTLS, c Call, role Role) *Agreement {
	state := &dtlsState{own, theirs}
	return &Agreement{
		Role: role, Posture: Posture{Method: DTLSSRTP, Since: k.now()}, Running: &Running{method: DTLSSRTP, kept: state},
		Handshake: &Handshake{keyer: k, call: c, state: state, role: role},
	}
}

// Run shakes hands over path, whose packets are DTLS records, with remote, or with hosts (any port), as a peer behind a
// NAT does not know its address. Strangers' failed attempts do not end it, ctx does. The agreement is whole: keys, posture
// with suite and fingerprint, and what to go on with. Refusals are *Error without Message.
func (h *Handshake) Run(ctx context.Context, path net.PacketConn, remote netip.AddrPort, hosts ...netip.Addr) (*Agreement, error) {
	r := refusal{policy: h.call.Policy, mute: true}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if err := h.begin(stop); err != nil {
		return nil, r.failed(err)
	}
	certificate, err := h.keyer.certificateDTLS()
	if err != nil {
		return nil, r.refuse(mikey.Unspecified, ReasonInternal, err)
	}
	var fingerprints []dtls.Fingerprint
	for _, f := range h.state.theirs.Fingerprints {
		fingerprints = append(fingerprints, dtls.Fingerprint{Hash: f.Hash, Value: f.Value})
	}
	association, err := dtls.Shake(ctx, path, dtls.Config{
		Certificate: certificate, Client: h.state.own.Setup == setupActive, Suites: h.call.suitesDTLS(),
		Fingerprints: fingerprints, Remote: remote, Hosts: hosts,
	})
	if err != nil {
		return nil, r.failed(err)
	}
	if !h.keep(association) {
		return nil, r.failed(errors.Join(ErrAbandoned, association.Close()))
	}
	return h.conclude(association, r)
}

// Last says whether this side's handshake is the one that ends last, by the peer's Finished, so that its end tells that the peer has
// the keys: the client's (RFC 6347 section 4.2.4).
func (h *Handshake) Last() bool { return h.state.own.Setup == setupActive }

// begin makes sure that a handshake is run once.
func (h *Handshake) begin(stop context.CancelFunc) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.begun || h.closed {
		return ErrAbandoned
	}
	h.begun, h.stop = true, stop
	return nil
}

// keep holds the association until Close, unless that came first.
func (h *Handshake) keep(a *dtls.Association) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	h.association = a
	return true
}

// conclude makes the agreement. The guard looks at the keys as it does at every method's.
func (h *Handshake) conclude(a *dtls.Association, r refusal) (*Agreement, error) {
	suite := Suite(a.Suite)
	keys := Keys{
		Suite:   suite,
		Send:    Stream{Key: NewSecret(a.LocalKey), Salt: NewSecret(a.LocalSalt), SSRC: h.call.SSRC, ROC: h.call.ROC},
		Receive: Stream{Key: NewSecret(a.RemoteKey), Salt: NewSecret(a.RemoteSalt)},
	}
	for _, b := range [][]byte{a.LocalKey, a.LocalSalt, a.RemoteKey, a.RemoteSalt} {
		clear(b)
	}
	err := error(nil)
	if !h.call.Policy.AllowsSuite(suite) || !keys.fit() {
		err = r.refuse(mikey.InvalidSPpar, ReasonNoCommonSuite, fmt.Errorf("%w: %q", ErrUnknownSuite, suite))
	} else if reused := h.keyer.guard.admit(&keys); reused != nil {
		err = r.own(reused)
	}
	if err != nil {
		keys.Wipe()
		return nil, err
	}
	posture := h.keyer.posture(DTLSSRTP, suite, "")
	posture.PeerFingerprint = fingerprint(a.PeerCertificate)
	posture.PeerIdentity = h.keyer.holder(a.PeerCertificate, h.call.Peer)
	return &Agreement{Keys: keys, Role: h.role, Posture: posture, Running: &Running{method: DTLSSRTP, kept: h.state}}, nil
}

// Close ends the association, which until then answers the peer's retransmissions, or the handshake.
func (h *Handshake) Close() error {
	if h == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	if h.stop != nil {
		h.stop()
	}
	if h.association == nil {
		return nil
	}
	association := h.association
	h.association = nil
	return association.Close()
}

// holder is the identity for which the peer's certificate stands, if it is the one that calls; "" for a certificate that the peer
// made for itself, of which the description's fingerprint is all that is known.
func (k *Keyer) holder(der []byte, identity string) string {
	if identity == "" || !k.peerIsServer && !k.directory.Known(identity) {
		return ""
	}
	if _, _, err := k.vouch([][]byte{der}, identity); err != nil {
		return ""
	}
	return identity
}

// failed makes the Error of a handshake.
func (r refusal) failed(err error) *Error {
	if errors.Is(err, context.Canceled) {
		return r.own(err)
	}
	return r.refuse(mikey.Unspecified, ReasonHandshake, fmt.Errorf("%w: %w", ErrHandshake, err))
}

// certificateDTLS is what we show in handshakes: our ECDSA certificate, or one that says nothing of us, made once.
func (k *Keyer) certificateDTLS() (tls.Certificate, error) {
	if c := k.own.ECDSA; c != nil {
		return tls.Certificate{Certificate: c.Chain, PrivateKey: c.Signer, Leaf: c.Leaf}, nil
	}
	return k.selfSigned()
}

// selfSign makes a certificate that fingerprints vouch for, and nobody else.
func (k *Keyer) selfSign() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	now := k.now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "conclave"}, KeyUsage: x509.KeyUsageDigitalSignature,
		NotBefore: now.Add(-backdate), NotAfter: now.Add(authorityLife),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
