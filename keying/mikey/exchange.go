package mikey

import (
	"crypto"
	"io"
	"time"
)

// Params is what an initiator states in its I_MESSAGE.
type Params struct {
	// Prior is the bundle that the message updates (RFC 3830 section 4.5), whoever began it; nil begins one. CSB ID, PRF and RAND
	// of an update are the bundle's, the map keeps its places, Time is NextTime's, and an empty list of policies keeps those that
	// hold. InitiatePSK, InitiateDH and InitiateDHHMAC make updates.
	Prior *CSB
	// NoKey makes an update without a TGK or DH value: a refresh, which authenticates and leaves the keys. It needs Prior.
	NoKey bool

	CSBID    uint32    // crypto session bundle, unique between this initiator and this responder
	Time     time.Time // becomes the NTP-UTC time stamp; must rise strictly within one CSB, since the KEMAC's IV hangs on it
	RAND     []byte    // 16 to 255 octets; nil draws 16 from Rand
	IDi, IDr string    // identities as URIs; both empty leaves both payloads out
	SDPIDs   string    // RFC 4567 section 4.1.4: the key management protocols of the SDP, "mikey" or "mikey;x"; empty leaves it out
	Sessions []Session // CS ID map: entry i (from 1) is CS ID i; SSRC 0 is for the responder to fill
	Policies []Policy  // SRTP policies that Sessions name
	V        bool      // asks a PSK or PKE responder for its verification message; the others always answer
	PRF      PRF       // PRFSHA1 towards strangers; PRFSHA256 makes the KEMAC use AES-256 and HMAC-SHA-256 too
	MKI      []byte    // SPI of the key, carried in every SRTP packet; empty = none; a refresh, which has no key, has none
	// VendorExt is carried in a General Extension of private type, at most MaxVendorExt octets; nil leaves it out.
	VendorExt []byte
	// TGK is the key that InitiatePSK sends, at least 16 octets, as type TGK; nil draws one. The running key of another bundle may go to
	// another device that way: under a CSB ID and RAND of its own it gives other TEKs. No update has one.
	TGK []byte
	// Cache lets a PKE responder keep the envelope key for the updates of this bundle, which are then PSK messages (C = 2).
	Cache bool
	Rand  io.Reader // source of RAND, TGK and exponents; nil is crypto/rand

	// The rest is for old peers, off by default.

	// Anonymous leaves IDi and IDr out of the message although they are known; RSA-R needs them in it. A PSK or PKE responder's V is then taken over both
	// readings of RFC 3830 section 5.2: over the identities, and over none.
	Anonymous bool
	// AnyAnswerTime takes a verification message (PSK, PKE) whose T is not ours, as libmikey sends; its V covers ours all the same.
	AnyAnswerTime bool
	// RFC4650Numbers writes a DHHMAC's NULL encryption and HMAC-SHA-1 with the numbers of RFC 4650 section 4.2 instead of RFC
	// 3830's. Both are read in any case.
	RFC4650Numbers bool

	encipher encipher // of test vectors
}

// Signer is an identity that signs: DH-SIGN and PKE of RFC 3830 sections 3.3 and 3.2, RSA-R of RFC 4738.
type Signer struct {
	Key   crypto.Signer // RSA of 2048 to 4096 bits, or ECDSA on P-256
	Chain [][]byte      // DER certificates, leaf first; sent as CERT payloads (X.509v3 Sign); may be left out of updates
	SHA1  bool          // sign RSA with SHA-1, for old peers that know no other hash; SHA-256 otherwise
}

// PeerKey verifies a peer's signature. Who it belongs to has been checked by the caller.
type PeerKey struct {
	Public crypto.PublicKey // *rsa.PublicKey of 2048 to 4096 bits, or *ecdsa.PublicKey on P-256
	SHA1   bool             // accept RSA signatures over SHA-1 as well; ErrSHA1 otherwise
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
	// Refused reads a MIKEY error message that came in place of R, and tells whether it is authenticated. It ends nothing.
	Refused(e *Message, peer PeerKey) (Refusal, error)
	// Wipe erases the secrets of the exchange (not those of a Crypto already handed out).
	Wipe()
}

// Refusal is what a MIKEY error message says (RFC 3830 section 5.1.2).
type Refusal struct {
	Numbers       []ErrorNumber
	Policies      []Policy // what the responder would have accepted, where it says
	Authenticated bool     // false: anybody may have written it; a hint for people, never a reason to end anything
}

// Response is an exchange whose I_MESSAGE came from a peer and has been authenticated. Wipe it when it was answered or
// never will be.
type Response interface {
	// Answer derives the keys and builds R; in a DH exchange it computes our DH value and the shared secret, in PKE it
	// decrypts, and where R is signed it signs. R is nil in a PSK or PKE exchange whose initiator asked for none.
	Answer(a Answer) (c *Crypto, r []byte, err error)
	// SHA1 says that the initiator signed over SHA-1, which PeerKey allowed; it will read no other signature either.
	SHA1() bool
	// Wipe erases the secrets of the exchange (not those of a Crypto already handed out).
	Wipe()
}

// Answer is what a responder adds.
type Answer struct {
	IDr    string           // own identity as a URI, for an I_MESSAGE that named none; ignored when it named one
	IDi    string           // the peer's identity as a URI, for an I_MESSAGE that named none; ignored when it named one
	SSRC   map[uint8]uint32 // CS ID → SSRC, put where the initiator left 0
	ROC    map[uint8]uint32 // CS ID → rollover counter of the streams of SSRC; one that is not there begins at 0
	Policy *uint8           // RSA-R only: number of the offered policy that every session gets; nil: as the initiator's map says
	Signer *Signer          // DH-SIGN and RSA-R only
	MKI    []byte           // RSA-R only, whose responder chooses the key: its SPI
	Cache  bool             // RSA-R only: the initiator may keep the envelope key for the updates of this bundle
	// VendorExt is carried in R, if there is one, as Params.VendorExt is in I.
	VendorExt []byte
	Rand      io.Reader // source of exponents and keys; nil is crypto/rand

	encipher encipher // of test vectors
}
