package media

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"

	"github.com/conclave/conclave/keying"
)

// Cipher protects packets and opens them again under keys that nobody else has, without a socket, a jitter buffer or checks of
// addresses: benchmarks measure with it what the cryptography of a stream alone costs. It is for one goroutine.
type Cipher struct {
	send, receive *srtp.Context
	packet        [maxDatagram]byte
	sequence      uint16
	header        rtp.Header
}

// NewCipher makes both sides of a stream under random keys.
func NewCipher(suite keying.Suite) (*Cipher, error) {
	p, err := profile(suite)
	if err != nil {
		return nil, err
	}
	key := make([]byte, suite.KeyLen()+suite.SaltLen())
	if _, err = rand.Read(key); err != nil {
		return nil, fmt.Errorf("media: randomness: %w", err)
	}
	k := keying.Stream{Key: keying.NewSecret(key[:suite.KeyLen()]), Salt: keying.NewSecret(key[suite.KeyLen():])}
	c := &Cipher{}
	if c.send, err = newContext(p, k, nil); err != nil {
		return nil, err
	}
	c.receive, err = newContext(p, k, nil)
	return c, err
}

// Protect makes the next packet of the stream; it is valid until the next call.
func (c *Cipher) Protect(payload []byte) ([]byte, error) {
	b := c.packet[:rtpHeader]
	b[0] = rtpVersion2
	binary.BigEndian.PutUint16(b[2:], c.sequence)
	c.sequence++
	b = append(b, payload...)
	return c.send.EncryptRTP(b[:0], b, &c.header)
}

// Unprotect opens, in place, a packet of Protect, which must not have been opened before.
func (c *Cipher) Unprotect(packet []byte) error {
	_, err := c.receive.DecryptRTP(packet[:0], packet, &c.header)
	return err
}
