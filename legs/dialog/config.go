package dialog

import (
	"crypto/tls"
	"log/slog"
	"net/netip"
	"time"
)

// Config is what an Endpoint is made of. The zero value listens nowhere and is good for calling over TCP and TLS.
type Config struct {
	// UDP, TCP and TLS are listen addresses ("127.0.0.1:5060"); "" is off, port 0 is any free port. An endpoint that
	// only calls needs a UDP address for UDP calls and none for TCP and TLS.
	UDP, TCP, TLS string
	// ServerTLS is required with TLS. ClientTLS is used for TLS connections that we dial; its ServerName, when empty,
	// is the host part of the destination.
	ServerTLS, ClientTLS *tls.Config
	// Domain is the host of our own identities; UserAgent goes into Server and User-Agent.
	Domain, UserAgent string
	// Contact is the user part of our Contact ("" for none); Focus adds ;isfocus (RFC 4579) to it.
	Contact string
	Focus   bool
	// Registrar says that the Host serves REGISTER; otherwise the answer is 405.
	Registrar bool
	// Events are the event packages (RFC 6665) to which the Host takes subscriptions; without one the answer to SUBSCRIBE is 405.
	Events []string
	// MaxUDP bounds a datagram that we send, in octets (0: 8192). Larger messages fail with ErrTooLarge.
	MaxUDP int
	// RequestsPerSource is the budget of requests outside a dialog per second and source (IPv4 address, IPv6 /64); in
	// a dialog ten times that. 0 is no limit: right for callers, wrong for servers.
	RequestsPerSource int
	// MaxHandlers bounds the requests in work at once (0: 4096); above three quarters of it new calls get 503.
	MaxHandlers int
	// MaxSetups bounds the new calls in work at once, MaxWaiting those that wait for their turn (0: as many as the processors
	// bear, and 256). Further ones get 503 at the price of a look, and requests in a dialog go before all of them.
	MaxSetups, MaxWaiting int
	// wait bounds that (0: setupWait); tests that prove something else have their own, since a busy machine takes longer.
	wait time.Duration
	// Full, asked before anything is spent on a request that would begin a call, says that none can be taken; nil: one always can.
	Full func() bool
	// Neighbours says that two addresses are of one peer, so that a route set (RFC 3261 section 12.1) which came from the one may lead to the
	// other over UDP; nil: none are. See Endpoint.hop.
	Neighbours func(from, to netip.Addr) bool
	// MaxConnections and ConnectionsPerSource bound accepted TCP and TLS connections (0: 4096 and 256).
	MaxConnections, ConnectionsPerSource int
	// Timers are process-wide in sipgo: the first endpoint of the process sets them, zero leaves them as they are, and a
	// later endpoint that wants others is refused with ErrTimers.
	Timers Timers
	// Log gets what is worth a line; nil discards. No message body ever reaches it.
	Log *slog.Logger
}

// Timers are RFC 3261's T1, T2 and T4 (500 ms, 4 s, 5 s when zero).
type Timers struct{ T1, T2, T4 time.Duration }
