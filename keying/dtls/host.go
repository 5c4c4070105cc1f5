package dtls

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	pion "github.com/pion/dtls/v3"
)

const (
	// inboundSize is the longest datagram that is read.
	inboundSize = 8192
	// flightInterval is how long we wait before we repeat a flight, doubled each time: a call is being set up, and people wait.
	flightInterval = 300 * time.Millisecond
	// attemptPatience is how long an attempt may take while another wants its place.
	attemptPatience = 3 * time.Second
)

// host runs the attempts of one Shake over one path.
type host struct {
	*Config
	path net.PacketConn
	won  chan *Association // room for the only one
	read chan struct{}     // closed when the reader has ended
	wg   sync.WaitGroup    // attempts

	mu       sync.Mutex
	attempts []*attempt // a server's by age; a client's only one
	winner   *attempt
	last     error // why the last attempt failed
	alert    byte  // description of the last alert in plain text, which anyone may have sent; 0: none
	broken   error // why the path ended
}

// receive is the reader: it ends with the path, or when stop breaks it off.
func (h *host) receive(ctx context.Context) {
	defer close(h.read)
	buffer := make([]byte, inboundSize)
	for {
		n, peer, err := h.path.ReadFrom(buffer)
		if err != nil {
			h.mu.Lock()
			h.broken = err
			h.mu.Unlock()
			return
		}
		if from, ok := addrPort(peer); ok && h.admits(from) {
			h.take(ctx, buffer[:n], peer, from)
		}
	}
}

// stop ends the reader and leaves the path without a deadline.
func (h *host) stop() {
	_ = h.path.SetReadDeadline(time.Unix(1, 0))
	<-h.read
	_ = h.path.SetReadDeadline(time.Time{})
}

func addrPort(a net.Addr) (netip.AddrPort, bool) {
	var from netip.AddrPort
	if u, ok := a.(*net.UDPAddr); ok {
		from = u.AddrPort()
	} else if a != nil {
		from, _ = netip.ParseAddrPort(a.String())
	}
	return netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), from.IsValid()
}

// take gives a datagram to the attempt that it is for.
func (h *host) take(ctx context.Context, datagram []byte, peer net.Addr, from netip.AddrPort) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.winner != nil {
		// What is plain is over: only records that the peer's keys protect get through, its Finished repeated among them.
		if from == h.winner.from {
			h.winner.feed(sieve(datagram, func(r []byte) bool { return epoch(r) > 0 }))
		}
		return
	}
	kind, body, offset, plain := message(datagram)
	var a *attempt
	switch {
	case h.Client:
		a = h.newest(from, func(*attempt) bool { return true })
	case plain && kind == messageClientHello && offset == 0:
		a = h.greeted(ctx, body, peer, from)
	case plain && kind == messageClientHello:
		a = h.newest(from, func(a *attempt) bool { return !a.proven })
	default:
		a = h.newest(from, func(a *attempt) bool { return a.proven })
	}
	if a == nil || a.fed+len(datagram) > attemptOctets {
		return
	}
	a.fed += len(datagram)
	kept := sieve(datagram, h.usual)
	a.renumber(kept)
	a.feed(kept)
}

// usual keeps from an attempt what no handshake has in plain text, since pion ends at it and anybody could send it: alerts, data,
// types without meaning.
func (h *host) usual(r []byte) bool {
	if epoch(r) > 0 {
		return true // to be decrypted
	}
	switch r[0] {
	case typeHandshake:
		return true
	case typeChangeCipherSpec:
		return len(r) == recordHeader+1 && r[recordHeader] == 1
	case typeAlert:
		if len(r) == recordHeader+2 {
			h.alert = r[recordHeader+1]
		}
	}
	return false
}

// newest is the last attempt with a peer that goes on and fits.
func (h *host) newest(from netip.AddrPort, fits func(*attempt) bool) *attempt {
	for _, a := range slices.Backward(h.attempts) {
		if a.from == from && !a.ended && fits(a) {
			return a
		}
	}
	return nil
}

// run is the life of an attempt; it says whether the attempt won.
func (h *host) run(ctx context.Context, a *attempt, open func() (*pion.Conn, error)) bool {
	conn, err := open()
	if err == nil {
		err = conn.HandshakeContext(ctx)
	}
	var association *Association
	if err == nil {
		association, err = h.associate(a, conn)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	a.ended = true
	if err == nil && h.winner == nil {
		h.winner = a
		h.won <- association
		return true
	}
	if err != nil && ctx.Err() == nil {
		h.last = classify(err)
	}
	if association != nil {
		association.Wipe()
	}
	if conn != nil {
		_ = conn.Close()
	}
	_ = a.Close()
	return false
}

// classify names what went wrong. pion's errors have no names of their own, so that those about SRTP profiles go by their text.
func classify(err error) error {
	switch {
	case errors.Is(err, ErrFingerprint), errors.Is(err, ErrSuite):
		return err
	case strings.Contains(err.Error(), "SRTP"):
		return fmt.Errorf("%w: %w", ErrSuite, err)
	}
	return fmt.Errorf("%w: %w", ErrHandshake, err)
}

// options are those of both roles. The chain of the peer's certificate is not validated: its fingerprint decides (RFC 5763 section 5).
func (h *host) options() []pion.Option {
	return []pion.Option{
		pion.WithCertificates(h.Certificate),
		pion.WithSRTPProtectionProfiles(h.profiles()...),
		pion.WithExtendedMasterSecret(pion.RequireExtendedMasterSecret),
		pion.WithFlightInterval(flightInterval),
		pion.WithCipherSuites(
			pion.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, pion.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
			pion.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, pion.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		),
	}
}
