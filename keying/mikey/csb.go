package mikey

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"time"
)

// CSB is what the two ends of a crypto session bundle keep of it so that an update can continue it (RFC 3830 section 4.5): its
// number, the RAND of its first message, the map, the policies, the time stamps used, and with PKE and RSA-R the envelope key
// where that may be cached. It holds no TGK. It does not change but for Wipe and the time stamps, which all states of one
// bundle share: an update hands out the next state. Any goroutine may use it.
type CSB struct {
	secretive
	id       uint32
	prf      PRF
	rand     []byte // of the first exchange; it stays in every label
	update   Type   // the type of I_MESSAGE that updates it: PSK, DH or DHHMAC
	sessions []Session
	policies []Policy
	clock    *clock

	enveloped bool // made by PKE or RSA-R: updates are PSK messages under the envelope key, never under another
	mu        sync.Mutex
	envelope  []byte // guarded by mu; nil: not to be cached, or wiped
}

// CSB is the state of the bundle after the exchange, a copy of its own: whoever takes it wipes it.
func (c *Crypto) CSB() *CSB {
	return &CSB{
		id: c.csbID, prf: c.prf, rand: c.rand, update: c.update, sessions: slices.Clone(c.sessions), policies: c.policies,
		clock: c.clock, enveloped: c.enveloped, envelope: bytes.Clone(c.envelope),
	}
}

// ID is the CSB ID.
func (c *CSB) ID() uint32 { return c.id }

// Sessions is the CS ID map as it stands, with both sides' SSRCs; entry i (from 0) is CS ID i+1, whoever asks for updates.
func (c *CSB) Sessions() []Session { return slices.Clone(c.sessions) }

// Policies are those that hold when an update names none.
func (c *CSB) Policies() []Policy { return slices.Clone(c.policies) }

// UpdateType is the type of the I_MESSAGE that updates the bundle: PSK (also of one made by PKE or RSA-R), DH or DHHMAC.
func (c *CSB) UpdateType() Type { return c.update }

// Enveloped says that the bundle was made by PKE or RSA-R: its updates are under the envelope key, and no pre-shared key is
// given for them.
func (c *CSB) Enveloped() bool { return c.enveloped }

// CanUpdate is false for a bundle of PKE or RSA-R whose envelope key was not to be cached, or has been wiped: only a bundle of
// its own follows it.
func (c *CSB) CanUpdate() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.enveloped || c.envelope != nil
}

// NextTime is the time stamp for an update of ours that is made at now: a nanosecond above the highest one in use where a
// peer's clock runs before ours.
func (c *CSB) NextTime(now time.Time) time.Time { return c.clock.next(now) }

// Wipe erases the envelope key.
func (c *CSB) Wipe() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.envelope)
	c.envelope = nil
}

// messageKey is the key under which PSK and DHHMAC messages of the bundle travel: a copy of psk, or of the envelope key. A nil
// CSB is none yet.
func (c *CSB) messageKey(psk []byte) ([]byte, error) {
	if c == nil || !c.enveloped {
		if len(psk) < minPSK {
			return nil, fmt.Errorf("%w: PSK of %d octets", ErrParams, len(psk))
		}
		return bytes.Clone(psk), nil
	}
	if psk != nil {
		return nil, fmt.Errorf("%w: a PSK for a bundle that has an envelope key", ErrParams)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.envelope == nil {
		return nil, fmt.Errorf("%w: no envelope key was cached", ErrParams)
	}
	return bytes.Clone(c.envelope), nil
}

// checkMap holds the map of an update against the bundle's: CS IDs are places, so that none goes away, and an SSRC once stated
// by its owner stays, or a peer would number the streams anew. No map at all leaves it as it is.
func (c *CSB) checkMap(sessions []Session) error {
	if len(sessions) == 0 {
		return nil
	}
	if len(sessions) < len(c.sessions) {
		return fmt.Errorf("%w: %d sessions after %d", ErrMap, len(sessions), len(c.sessions))
	}
	for n, s := range c.sessions {
		if got := sessions[n].SSRC; got != 0 && s.SSRC != 0 && got != s.SSRC {
			return fmt.Errorf("%w: CS %d became another stream", ErrMap, n+1)
		}
	}
	return nil
}

// checkPolicies holds the policies of an update against its map, or the bundle's where it names none. Keys in use are for the
// policy they were made for: an update without a key cannot change it.
func (c *CSB) checkPolicies(ps []Policy, sessions []Session, keyless bool) error {
	if len(ps) == 0 {
		return checkPolicies(c.policies, sessions)
	}
	if same := slices.EqualFunc(ps, c.policies, samePolicy); keyless && !same {
		return fmt.Errorf("%w: another policy for the keys in use", ErrPolicy)
	}
	return checkPolicies(ps, sessions)
}

// samePolicy compares two policies octet for octet.
func samePolicy(a, b Policy) bool {
	return bytes.Equal(spPayload{a}.append(nil, 0), spPayload{b}.append(nil, 0))
}
