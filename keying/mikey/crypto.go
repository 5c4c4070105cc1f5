package mikey

import (
	"fmt"
	"slices"
)

// Crypto is what an exchange agreed: the key of a CSB and what it is used for. It prints as "[secret]" whatever the
// verb. Key and Salt may be called from any goroutine until Wipe.
type Crypto struct {
	secretive
	csbID    uint32
	prf      PRF
	rand     []byte
	keyType  KeyType
	key      []byte // TGK or TEK
	salt     []byte // master salt carried with the key, nil when it is to be derived
	validity validity
	sessions []Session
	policies []Policy

	refresh   bool   // no key: those in use stay
	update    Type   // the type of I_MESSAGE that updates the bundle
	enveloped bool   // made by PKE or RSA-R
	envelope  []byte // of PKE and RSA-R, where it may be cached
	clock     *clock
}

// Refresh says that the exchange was an update without a key: there is nothing to derive, and the keys in use stay.
func (c *Crypto) Refresh() bool { return c.refresh }

// CSBID is the crypto session bundle.
func (c *Crypto) CSBID() uint32 { return c.csbID }

// Sessions is the CS ID map with both sides' SSRCs; entry i (from 0) is CS ID i+1. Empty when the initiator sent none.
func (c *Crypto) Sessions() []Session { return slices.Clone(c.sessions) }

// Policies are those of the I_MESSAGE.
func (c *Crypto) Policies() []Policy { return slices.Clone(c.policies) }

// MKI is the SPI of the key, the MKI field of every SRTP packet; nil when packets carry none.
func (c *Crypto) MKI() []byte { return slices.Clone(c.validity.spi) }

// KeyType says whether the initiator sent a TGK, from which each CS gets a TEK of its own, or one TEK for all.
func (c *Crypto) KeyType() KeyType { return c.keyType }

// TGK is a copy of the key, which the caller wipes; nil where it is a TEK, or none.
func (c *Crypto) TGK() []byte {
	if c.keyType != KeyTGK && c.keyType != KeyTGKSalt {
		return nil
	}
	return slices.Clone(c.key)
}

// Interval is the range of 48-bit SRTP indices in which the key may be used; ok is false when it is not limited.
func (c *Crypto) Interval() (from, to []byte, ok bool) {
	return c.validity.from, c.validity.to, c.validity.kind == kvInterval
}

// Key is the SRTP master key of CS csID, n octets (RFC 3830 section 4.1.3). A TEK that was sent as it is must have that
// length.
func (c *Crypto) Key(csID uint8, n int) ([]byte, error) {
	if c.keyType == KeyTEK || c.keyType == KeyTEKSalt {
		if len(c.key) != n {
			return nil, fmt.Errorf("%w: TEK of %d octets where %d are needed", ErrKeyData, len(c.key), n)
		}
		return slices.Clone(c.key), nil
	}
	return c.derive(constTEK, csID, n)
}

// Salt is the SRTP master salt of CS csID, n octets: the one sent with the key, or a derived one.
func (c *Crypto) Salt(csID uint8, n int) ([]byte, error) {
	if c.salt == nil {
		return c.derive(constSalt, csID, n)
	}
	if len(c.salt) != n {
		return nil, fmt.Errorf("%w: salt of %d octets where %d are needed", ErrKeyData, len(c.salt), n)
	}
	return slices.Clone(c.salt), nil
}

func (c *Crypto) derive(constant uint32, csID uint8, n int) ([]byte, error) {
	if len(c.key) == 0 || n <= 0 || n > 255 {
		return nil, fmt.Errorf("%w: no key, or a key of %d octets asked for", ErrParams, n)
	}
	return prf(c.prf, c.key, label(constant, csID, c.csbID, c.rand), n), nil
}

// Wipe erases the key; not the envelope key of a CSB that was taken.
func (c *Crypto) Wipe() {
	clear(c.key)
	clear(c.salt)
	clear(c.envelope)
	c.key, c.salt, c.envelope = nil, nil, nil
}
