package keying

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// Directory is what keying asks about peers. It must be fast and safe from any goroutine.
type Directory interface {
	// PSK returns a copy of the pre-shared key with that identity (a URI), which the caller wipes, and whether there is one; an
	// account that is not enabled has none.
	PSK(identity string) (Secret, bool)
	// Roots returns the certificate authorities that vouch for peers; nil or empty: nobody's certificate is accepted.
	Roots() *x509.CertPool
	// Known says whether the identity (a URI) is an account that exists and is enabled.
	Known(identity string) bool
}

// Identity is what we sign with; a nil field means that we have no certificate of that kind.
type Identity struct {
	RSA   *Certificate
	ECDSA *Certificate
}

// Config of a Keyer. Directory is required; everything else has a default.
type Config struct {
	Own       Identity
	Directory Directory
	Replay    *Replay          // nil: one of its own, without a restart ceiling
	Guard     *Guard           // nil: one of its own
	Pool      *Pool            // nil: one of its own
	Now       func() time.Time // nil: time.Now
	Skew      time.Duration    // of the Keyer's own Replay; 0: 60 s
	Rand      io.Reader        // nil: crypto/rand
	// PeerIsServer: the peers are rooms, and a certificate of their domain's server vouches for any of them. Callers set it.
	// Without it a certificate vouches only for the account whose URI it carries, and only while the Directory knows it.
	PeerIsServer bool
	// PeerChain is the chain (DER, leaf first) of the server's RSA certificate, to which offers of MIKEYPKE are encrypted. It
	// is vouched for as if the peer had sent it. nil: MIKEYPKE cannot be offered. Answering it needs Own.RSA alone.
	PeerChain [][]byte
	// Issued says whether the account with that identity holds the certificate with that fingerprint (SHA-256 of its DER, hex).
	// With it, an account made anew under an old name, or one whose certificate was replaced, is closed to the old certificate,
	// and a certificate that was never issued costs no signature check. It must be fast and safe from any goroutine. nil: every
	// certificate that the Directory's roots vouch for will do.
	Issued func(identity, fingerprint string) bool
}

// Call describes the leg for which keys are agreed.
type Call struct {
	Local     string   // our identity, a URI; required
	Peer      string   // the peer's identity, a URI; "" when it is not known yet (Verify only)
	SDPIDs    string   // identifiers of the key-mgmt lines of the SDP as sent or received, "mikey" or "mikey;x" (RFC 4567 section 4.1.4)
	SSRC      uint32   // our own, of the stream that we send
	Policy    *Policy  // required
	Running   *Running // what runs already: Initiate makes an update of it, Verify takes one; nil: the first exchange of the leg
	Handover  *Running // an initiator's choice, of a leg of the same two: its TGK goes to this device too, where the policy says MoveRunning
	Refresh   bool     // an initiator's choice, with Running: an update that proves who we are and keeps the keys (RFC 3830 section 4.5)
	ROC       uint32   // of our own stream now, with Running: stands in the map of an update (RFC 3830 section 6.1.1)
	Addresses []byte   // where we want media, as our description says it; updates and the answers to them bind it; nil: not bound
	Secured   bool     // what carries the description is encrypted, or was named an exception: a=crypto may be offered and taken
	Suite     Suite    // an initiator's choice; "": the first of the policy
	Group     Group    // an initiator's choice; "": the first of the policy
	Cert      string   // an initiator's choice, "rsa" or "ecdsa"; "": what we have, RSA first; MIKEYRSAR takes RSA always
}

// Keyer agrees on keys for any number of legs. Any goroutine may use it.
type Keyer struct {
	own          Identity // set once, as all fields but lastTime
	directory    Directory
	replay       *Replay
	guard        *Guard
	pool         *Pool
	now          func() time.Time
	rand         io.Reader
	peerIsServer bool
	peerChain    [][]byte                                // nil: none
	issued       func(identity, fingerprint string) bool // nil: not asked
	decoy        Secret                                  // stands in for the key of an account that does not exist, so that refusing it takes as long

	selfSigned func() (tls.Certificate, error) // for DTLS, where Own has no ECDSA certificate; made when first asked for

	lastTime atomic.Int64 // Unix nanoseconds of our newest offer: no two may bear the same timestamp
}

// New makes a Keyer.
func New(c Config) (*Keyer, error) {
	if c.Directory == nil {
		return nil, fmt.Errorf("%w: no directory", ErrConfig)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	var err error
	if c.Replay == nil {
		if c.Replay, err = NewReplay(ReplayConfig{Skew: c.Skew, Now: c.Now}); err != nil {
			return nil, err
		}
	}
	if c.Guard == nil {
		if c.Guard, err = NewGuard(GuardConfig{Now: c.Now, Rand: c.Rand}); err != nil {
			return nil, err
		}
	}
	if c.Pool == nil {
		c.Pool = NewPool(PoolConfig{})
	}
	decoy := make([]byte, decoyLength)
	if _, err := io.ReadFull(c.Rand, decoy); err != nil {
		return nil, fmt.Errorf("%w: randomness: %w", ErrConfig, err)
	}
	k := &Keyer{
		own: c.Own, directory: c.Directory, replay: c.Replay, guard: c.Guard, pool: c.Pool,
		now: c.Now, rand: c.Rand, peerIsServer: c.PeerIsServer, peerChain: c.PeerChain, issued: c.Issued, decoy: NewSecret(decoy),
	}
	k.selfSigned = sync.OnceValues(k.selfSign)
	return k, nil
}

// timestamp returns the current time, or a nanosecond after that of the last offer when the clock has not moved on: the
// cipher of a MIKEY message repeats with the timestamp (RFC 3830 section 4.2.3).
func (k *Keyer) timestamp() time.Time {
	for {
		last := k.lastTime.Load()
		next := max(k.now().UnixNano(), last+1)
		if k.lastTime.CompareAndSwap(last, next) {
			return time.Unix(0, next).UTC()
		}
	}
}

// check says what a description lacks.
func (c Call) check() error {
	switch {
	case c.Policy == nil:
		return fmt.Errorf("%w: no policy", ErrCall)
	case c.Local == "":
		return fmt.Errorf("%w: no identity of our own", ErrCall)
	}
	return nil
}
