package gate

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/netip"
	"time"
)

// nonce is the raw form of a challenge: time, salt, and a MAC over both with the source address and the realm. Nothing is
// stored for it. The time is that since the start of the gate, which the process's monotonic clock measures: nobody who
// sets the wall clock revives an old nonce. The start is under the MAC, so after a restart every earlier nonce is stale.
type nonce [8 + nonceSalt + nonceMAC]byte

// nonceText is the alphabet of a nonce in a header.
var nonceText = base64.RawURLEncoding.Strict()

// newNonce makes a challenge for a source. Only its address counts: a port changes with each TCP connection.
func (g *Gate) newNonce(source netip.Addr) (string, error) {
	var n nonce
	binary.BigEndian.PutUint64(n[:8], uint64(g.uptime()/time.Millisecond))
	if err := g.fill(n[8 : 8+nonceSalt]); err != nil {
		return "", err
	}
	copy(n[8+nonceSalt:], g.nonceMAC(&n, source))
	return nonceText.EncodeToString(n[:]), nil
}

// openNonce reads a nonce and tells whether it is ours, for that source, and young enough.
func (g *Gate) openNonce(text string, source netip.Addr) (n nonce, fresh bool) {
	if len(text) != nonceText.EncodedLen(len(n)) {
		return n, false
	}
	if _, err := nonceText.Decode(n[:], []byte(text)); err != nil {
		return n, false
	}
	if !hmac.Equal(n[8+nonceSalt:], g.nonceMAC(&n, source)) {
		return n, false
	}
	age := g.uptime() - time.Duration(binary.BigEndian.Uint64(n[:8]))*time.Millisecond
	return n, age >= -nonceAhead && age <= NonceLifetime
}

// uptime is the time since the gate was made.
func (g *Gate) uptime() time.Duration { return g.now().Sub(g.start) }

// nonceMAC is the MAC of a nonce, cut to its length. The fields before the realm have fixed lengths, so no two inputs run
// into each other.
func (g *Gate) nonceMAC(n *nonce, source netip.Addr) []byte {
	mac := hmac.New(sha256.New, g.bootKey)
	mac.Write([]byte("nonce"))
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(g.start.UnixNano())))
	mac.Write(n[:8+nonceSalt])
	address := source.Unmap().As16()
	mac.Write(address[:])
	mac.Write([]byte(g.realm))
	return mac.Sum(nil)[:nonceMAC]
}
