package gate

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Who asks a policy: an account, a trunk, or, both empty, somebody who has not proven anything yet.
type Who struct{ Account, Trunk string }

// Trunk is a peer known by where its requests come from, or by its TLS certificate, instead of digest. Where From and
// Fingerprints are both given both must hold. A trunk vouches for its callers: From is believed as it stands.
type Trunk struct {
	Name         string
	From         []netip.Prefix // source addresses
	Fingerprints []string       // SHA-256 of the TLS client's certificate, lower-case hex; it need not chain to anything
	Transports   []string       // "udp", "tcp", "tls"; a request over another does not fit
}

// transportTLS is the one transport that shows certificates and hides keys.
const transportTLS = "tls"

// check says what makes a trunk useless or more open than it looks.
func (t *Trunk) check() error {
	switch {
	case t.Name == "":
		return fmt.Errorf("%w: a trunk without a name", ErrConfig)
	case len(t.From) == 0 && len(t.Fingerprints) == 0:
		return fmt.Errorf("%w: trunk %s has neither addresses nor certificates", ErrConfig, t.Name)
	case slices.ContainsFunc(t.From, func(p netip.Prefix) bool { return !p.IsValid() }):
		return fmt.Errorf("%w: trunk %s has an invalid address range", ErrConfig, t.Name)
	}
	for _, f := range t.Fingerprints {
		if b, err := hex.DecodeString(f); err != nil || len(b) != sha256.Size || f != strings.ToLower(f) {
			return fmt.Errorf("%w: trunk %s has a fingerprint that is no SHA-256 in lower-case hex", ErrConfig, t.Name)
		}
	}
	return nil
}

// fits tells whether a request comes from the trunk.
func (t *Trunk) fits(r *Request) bool {
	if !slices.Contains(t.Transports, r.Transport) {
		return false
	}
	source := r.Source.Addr().Unmap().WithZone("")
	if len(t.From) > 0 && !slices.ContainsFunc(t.From, func(p netip.Prefix) bool { return p.Contains(source) }) {
		return false
	}
	return len(t.Fingerprints) == 0 || r.Transport == transportTLS && slices.Contains(t.Fingerprints, r.fingerprint())
}

// fingerprint is that of the certificate which the TLS client holds the key of; "" without one.
func (r *Request) fingerprint() string {
	if len(r.PeerCertificates) == 0 {
		return ""
	}
	sum := sha256.Sum256(r.PeerCertificates[0].Raw)
	return hex.EncodeToString(sum[:])
}

// trunkOf finds the trunk that speaks for a request: none where From names an account.
func (g *Gate) trunkOf(r *Request) *Trunk {
	if len(g.trunks) == 0 || g.namesAccount(r.From) {
		return nil
	}
	for i := range g.trunks {
		if g.trunks[i].fits(r) {
			return &g.trunks[i]
		}
	}
	return nil
}

// stillFits tells whether a request comes from the trunk of that name.
func (g *Gate) stillFits(name string, r *Request) bool {
	i := slices.IndexFunc(g.trunks, func(t Trunk) bool { return t.Name == name })
	return i >= 0 && g.trunks[i].fits(r)
}

// namesAccount tells whether a URI is that of an account, in any way of writing it: nobody gets round an account's password by
// coming over a trunk.
func (g *Gate) namesAccount(u URI) bool {
	user, err := url.PathUnescape(u.User)
	if err != nil {
		return true // nobody's, and nothing to vouch for
	}
	name := strings.ToLower(user)
	return u.sip() && g.hosts[strings.TrimSuffix(strings.ToLower(u.Host), ".")] && validName(name) && g.known(name)
}

// vouched tells whether a From can be the identity of a trunk's caller: a SIP URI that is fit to be shown. It may lack a user.
func (u URI) vouched() bool {
	identity := u.identity()
	return u.sip() && u.Host != "" && len(identity) <= maxCaller &&
		!strings.ContainsFunc(identity, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"<>\`, r) })
}
