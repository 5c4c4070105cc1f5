package keying

import "time"

// Stream is the key material of one direction of a leg.
type Stream struct {
	Key  Secret // SRTP master key (TEK), Suite.KeyLen octets
	Salt Secret // SRTP master salt, Suite.SaltLen octets
	SSRC uint32 // of the sender of this direction; 0: its owner did not state it
	ROC  uint32 // roll-over counter to start from (RFC 3711 section 3.3.1)
	MKI  []byte // master key identifier that every packet carries (RFC 3711 section 3.1); nil: none
}

// Keys is what media needs to protect one leg.
type Keys struct {
	Suite   Suite
	Send    Stream // what we send
	Receive Stream // what the peer sends
}

// fit says whether keys and salts have the lengths of the suite.
func (k *Keys) fit() bool {
	fits := func(s Stream) bool { return s.Key.Len() == k.Suite.KeyLen() && s.Salt.Len() == k.Suite.SaltLen() }
	return fits(k.Send) && fits(k.Receive)
}

// Wipe overwrites both keys and salts.
func (k *Keys) Wipe() {
	if k == nil {
		return
	}
	k.Send.Key.Wipe()
	k.Send.Salt.Wipe()
	k.Receive.Key.Wipe()
	k.Receive.Salt.Wipe()
}

// Posture tells how well a leg is protected; it holds nothing secret.
type Posture struct {
	Method          Method
	Suite           Suite
	Group           Group     // "" when the method has no Diffie-Hellman group
	CSBID           uint32    // crypto session bundle ID (RFC 3830 section 6.1)
	ForwardSecrecy  bool      // the keys do not depend on a long-term secret alone; false until there are keys
	PeerIdentity    string    // the identity that authenticated itself, a URI
	PeerFingerprint string    // SHA-256 of the peer's certificate, hex; "" with a pre-shared key
	Since           time.Time // when the keys were agreed
}

// Role is our part in an exchange.
type Role string

// The roles of RFC 3830 section 1.3; in SIP the offerer initiates.
const (
	Initiator Role = "initiator"
	Responder Role = "responder"
)

// Agreement is the result of one exchange. Whoever holds it owns its keys.
type Agreement struct {
	Keys    Keys
	Posture Posture
	Role    Role
	Running *Running // to go on with: to recognise a re-offer that changes nothing, and to update the keys
	// Handshake makes the keys over the media path; nil where the descriptions made them. With it, Keys is empty and
	// Posture.Suite "" until it has run.
	Handshake *Handshake
}

// Refreshed says that the exchange was an update without keys (RFC 3830 section 4.5): the peer has proven who it is, and what
// runs goes on.
func (a *Agreement) Refreshed() bool { return a != nil && a.Keys.Suite == "" && a.Handshake == nil }

// Wipe overwrites the keys.
func (a *Agreement) Wipe() {
	if a != nil {
		a.Keys.Wipe()
	}
}
