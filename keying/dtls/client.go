package dtls

import (
	"context"
	"net"
	"time"

	pion "github.com/pion/dtls/v3"
)

const (
	// attemptLimit bounds a client's attempt: a forged answer may have led it astray, and a new one begins from nothing.
	attemptLimit = 4 * time.Second
	// retryPause lies between two attempts of a client.
	retryPause = 250 * time.Millisecond
)

// call makes one attempt after the other until one has won or ctx ends.
func (h *host) call(ctx context.Context) {
	peer := net.UDPAddrFromAddrPort(h.Remote)
	from, _ := addrPort(peer)
	for {
		a := newAttempt(h.path, peer, from)
		h.mu.Lock()
		h.attempts = []*attempt{a}
		h.mu.Unlock()
		limited, cancel := context.WithTimeout(ctx, attemptLimit)
		won := h.run(limited, a, func() (*pion.Conn, error) { return pion.ClientWithOptions(a, peer, h.clientOptions()...) })
		cancel()
		if won || !pause(ctx, retryPause) {
			return
		}
	}
}

// clientOptions are those of the active side. The name in the certificate means nothing here; its fingerprint is checked.
func (h *host) clientOptions() []pion.ClientOption {
	list := []pion.ClientOption{pion.WithInsecureSkipVerify(true), pion.WithVerifyPeerCertificate(h.verifyChain)}
	for _, o := range h.options() {
		list = append(list, o)
	}
	return list
}

// pause waits; false when ctx ended meanwhile.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
