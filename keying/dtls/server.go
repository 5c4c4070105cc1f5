package dtls

import (
	"bytes"
	"context"
	"crypto/x509"
	"net"
	"net/netip"
	"slices"
	"time"

	pion "github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/protocol/handshake"
)

const (
	// attemptsAtOnce is how many attempts a server follows from the address that the description states, and as many again from
	// other addresses that are allowed.
	attemptsAtOnce = 4
	// attemptHold is how long an attempt that failed keeps its place, so that nobody makes us sign without pause.
	attemptHold = 250 * time.Millisecond
)

// greeted finds or opens the attempt that a ClientHello belongs to: one for each address and random value, so that who begins
// anew is not mistaken for who began before. nil: none. It is called with mu held.
func (h *host) greeted(ctx context.Context, body []byte, peer net.Addr, from netip.AddrPort) *attempt {
	who, ok := readHello(body)
	if !ok {
		return nil
	}
	for _, a := range h.attempts {
		if a.from != from || a.random != who.random {
			continue
		}
		// A cookie that is not ours would end the attempt: it was never the peer's.
		if cookie := a.cookie.Load(); a.ended || len(who.cookie) > 0 && (cookie == nil || !bytes.Equal(*cookie, who.cookie)) {
			return nil
		}
		return a
	}
	if len(who.cookie) > 0 {
		return nil
	}
	since, ok := h.room(from)
	if !ok {
		return nil
	}
	a := newAttempt(h.path, peer, from)
	a.random, a.since = who.random, since
	ctx, a.cancel = context.WithCancel(ctx)
	h.attempts = append(h.attempts, a)
	h.wg.Go(func() {
		defer a.cancel()
		h.run(ctx, a, func() (*pion.Conn, error) { return pion.ServerWithOptions(a, peer, h.serverOptions(a)...) })
	})
	return a
}

// room makes a place for an attempt from an address; since when the address has been trying comes back. Who has not repeated a
// cookie makes way first, the oldest before the others: he may not be there at all. Then who takes too long. An address that has
// a place already costs nobody else his. It is called with mu held.
func (h *host) room(from netip.AddrPort) (since time.Time, ok bool) {
	now := time.Now()
	h.attempts = slices.DeleteFunc(h.attempts, func(a *attempt) bool { return a.ended && now.Sub(a.began) > attemptHold })
	since = now
	remote := h.stated(from)
	var rivals []*attempt
	n := 0
	for _, a := range h.attempts {
		if h.stated(a.from) != remote {
			continue
		}
		n++
		if a.ended {
			continue
		}
		if a.from == from && since.Equal(now) {
			since, rivals = a.since, nil // from here on, only his own
		}
		if a.from == from || since.Equal(now) {
			rivals = append(rivals, a)
		}
	}
	if n < attemptsAtOnce {
		return since, true
	}
	for _, outlived := range []func(*attempt) bool{
		func(a *attempt) bool { return !a.proven },
		func(a *attempt) bool { return now.Sub(a.since) > attemptPatience },
	} {
		if i := slices.IndexFunc(rivals, outlived); i >= 0 {
			h.dismiss(rivals[i])
			return since, true
		}
	}
	return since, false
}

// stated says whether an address is the very one that the peer's description states.
func (h *host) stated(from netip.AddrPort) bool {
	return from == netip.AddrPortFrom(h.Remote.Addr().Unmap(), h.Remote.Port())
}

// dismiss ends an attempt without a word. It is called with mu held.
func (h *host) dismiss(a *attempt) {
	a.cancel()
	h.attempts = slices.DeleteFunc(h.attempts, func(b *attempt) bool { return a == b })
}

// prove notes that the peer of an attempt is where it says it is. What the same address began before is over: its flights would
// confuse this one.
func (h *host) prove(a *attempt) {
	h.mu.Lock()
	defer h.mu.Unlock()
	a.proven = true
	for _, b := range slices.Clone(h.attempts) {
		if b != a && b.from == a.from && !b.ended {
			h.dismiss(b)
		}
	}
}

// serverOptions are those of the passive side, with a cookie (RFC 6347 section 4.2.1) and a certificate of the client.
func (h *host) serverOptions(a *attempt) []pion.ServerOption {
	list := []pion.ServerOption{
		pion.WithClientAuth(pion.RequireAnyClientCert),
		pion.WithVerifyPeerCertificate(h.verifyChain),
		pion.WithServerHelloMessageHook(func(m handshake.MessageServerHello) handshake.Message {
			h.prove(a) // a ServerHello answers none but who repeated the cookie
			return &m
		}),
	}
	for _, o := range h.options() {
		list = append(list, o)
	}
	return list
}

// verifyChain is called once the peer has signed with the key of its certificate.
func (h *host) verifyChain(chain [][]byte, _ [][]*x509.Certificate) error {
	if len(chain) == 0 {
		return ErrFingerprint
	}
	return h.verify(chain[0])
}
