package keying

import (
	"context"
	"errors"
	"net"
	"net/netip"
)

// Handshake makes the keys of DTLS-SRTP over the media path (RFC 5764), once descriptions told whom to expect there. Run may
// be called once, Close from any goroutine.
type Handshake struct{}

// Run shakes hands over path, whose packets are DTLS records, with remote, or with hosts (any port), as a peer behind a
// NAT does not know its address. Strangers' failed attempts do not end it, ctx does. The agreement is whole: keys, posture
// with suite and fingerprint, and what to go on with.
func (h *Handshake) Run(ctx context.Context, path net.PacketConn, remote netip.AddrPort, hosts ...netip.Addr) (*Agreement, error) {
	return nil, errors.ErrUnsupported
}

// Close ends the association, which until then answers the peer's retransmissions.
func (h *Handshake) Close() error { return nil }
