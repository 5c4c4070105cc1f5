package gate

import "net/netip"

// Who asks a policy: an account, a trunk, or, both empty, somebody who has not proven anything yet.
type Who struct{ Account, Trunk string }

// Trunk is a peer known by where its requests come from, or by its TLS certificate, instead of digest. Where From and
// Fingerprints are both given both must hold.
type Trunk struct {
	Name         string
	From         []netip.Prefix // source addresses
	Fingerprints []string       // SHA-256 of the TLS client's certificate, lower-case hex
	Transports   []string       // "udp", "tcp", "tls"; a request over another does not fit
}
