package mikey

import (
	"crypto"
	"io"
	"time"
)

// Params is what an initiator states in its I_MESSAGE.
type Params struct {
	CSBID    uint32    // crypto session bundle, unique between this initiator and this responder
	Time     time.Time // becomes the NTP-UTC time stamp; must rise strictly within one CSB, since the KEMAC's IV hangs on it
	RAND     []byte    // 16 to 255 octets; nil draws 16 from Rand
	IDi, IDr string    // identities as URIs; both empty leaves both payloads out
	SDPIDs   string    // RFC 4567 section 4.1.4: the key management protocols of the SDP, "mikey" or "mikey;x"; empty leaves it out
	Sessions []Session // CS ID map: entry i (from 1) is CS ID i; SSRC 0 is for the responder to fill
	Policies []Policy  // SRTP policies that Sessions name
	V        bool      // asks a PSK or PKE responder for its verification message; the others always answer
	PRF      PRF       // PRFSHA1 towards strangers; PRFSHA256 makes the KEMAC use AES-256 and HMAC-SHA-256 too
	MKI      []byte    // SPI of the key, carried in every SRTP packet; empty = none
	Rand     io.Reader // source of RAND, TGK and exponents; nil is crypto/rand
}

// Signer is an identity that signs: DH-SIGN and PKE of RFC 3830 sections 3.3 and 3.2, RSA-R of RFC 4738.
type Signer struct {
	Key   crypto.Signer // RSA of 2048 to 4096 bits, or ECDSA on P-256
	Chain [][]byte      // DER certificates, leaf first; sent as CERT payloads (X.509v3 Sign)
	SHA1  bool          // sign RSA with SHA-1, for old peers that know no other hash; SHA-256 otherwise
}

// PeerKey verifies a peer's signature. Who it belongs to has been checked by the caller.
type PeerKey struct {
	Public crypto.PublicKey // *rsa.PublicKey of 2048 to 4096 bits, or *ecdsa.PublicKey on P-256
	SHA1   bool             // accept RSA signatures over SHA-1 as well
}

// Initiation is an exchange whose I_MESSAGE was made here and whose answer is awaited. It holds secrets: Wipe it when
// Complete was called or never will be.
type Initiation interface {
	// Message is the I_MESSAGE, ready to be sent.
	Message() []byte
	// Authenticate checks R against what was sent (CSB, time stamp, identities, map, echoed DH value) and its MAC or
	// signature. It costs no Diffie-Hellman operation and no RSA decryption. The first R that holds is the only one.
	Authenticate(r *Message, peer PeerKey) error
	// Complete derives the keys; in a DH exchange it computes the shared secret, in RSA-R it decrypts. An exchange that awaits an R needs
	// Authenticate to have succeeded first.
	Complete() (*Crypto, error)
	// Wipe erases the secrets of the exchange (not those of a Crypto already handed out).
	Wipe()
}

// Response is an exchange whose I_MESSAGE came from a peer and has been authenticated. Wipe it when it was answered or
// never will be.
type Response interface {
	// Answer derives the keys and builds R; in a DH exchange it computes our DH value and the shared secret, in PKE it
	// decrypts, and where R is signed it signs. R is nil in a PSK or PKE exchange whose initiator asked for none.
	Answer(a Answer) (c *Crypto, r []byte, err error)
	// Wipe erases the secrets of the exchange (not those of a Crypto already handed out).
	Wipe()
}

// Answer is what a responder adds.
type Answer struct {
	IDr    string           // own identity as a URI, for an I_MESSAGE that named none; ignored when it named one
	IDi    string           // the peer's identity as a URI, for an I_MESSAGE that named none; ignored when it named one
	SSRC   map[uint8]uint32 // CS ID → SSRC, put where the initiator left 0
	Policy *uint8           // RSA-R only: number of the offered policy that every session gets; nil: as the initiator's map says
	Signer *Signer          // DH-SIGN and RSA-R only
	Rand   io.Reader        // source of exponents and keys; nil is crypto/rand
}
