package server

import (
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/server/recording"
	"github.com/conclave/conclave/server/webhook"
)

// Words that a policy may use (compiled tables).
var (
	methodNames         = spell(keying.Methods())
	suiteNames          = spell(keying.Suites())
	groupNames          = spell(keying.Groups())
	authenticationNames = []string{keying.AuthenticationMIKEY, keying.AuthenticationDigest}
	forwardSecrecyNames = []string{
		keying.ForwardSecrecyPreferred, keying.ForwardSecrecyRequired, keying.ForwardSecrecyNone,
	}
	moveTGKNames = []string{keying.MoveFresh, keying.MoveRunning}
)

// maxKeyAge is the longest that a policy may let a master key live: SRTP keys last much longer (RFC 3711 9.2), but a day
// bounds what one stolen key opens.
const maxKeyAge = 24 * time.Hour

var (
	nameShape   = regexp.MustCompile(`^[a-z0-9._-]{1,64}$`)
	domainShape = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
)

// isName tells whether rooms, accounts, policies and trunks may have this name. One of dots alone is none: as part of a path it leads elsewhere.
func isName(name string) bool { return nameShape.MatchString(name) && strings.Trim(name, ".") != "" }

// newPolicy gives a policy with the default of every key.
func newPolicy(name string) *keying.Policy {
	p := keying.StandardPolicy()
	p.Name = name
	return p
}

// check validates what no single key can tell by itself.
func (r *configReader) check(c *Config) {
	r.checkListeners(c)
	r.checkMedia(c)
	for _, name := range slices.Sorted(maps.Keys(c.Policies)) {
		r.checkPolicy(name, c.Policies[name])
	}
	r.checkRooms(c)
	r.checkTrunks(c)
	if url := c.Telemetry.OTLP; url != "" {
		if err := webhook.CheckURL(url); err != nil {
			r.problem("telemetry.otlp", "%v", err)
		}
	}
	r.checkWebhooks(c)
	r.checkRecording(c)
}

func (r *configReader) checkRecording(c *Config) {
	for i, name := range c.Recording.Recipients {
		if _, err := recording.ParseRecipients([]string{name}); err != nil {
			r.problem(fmt.Sprintf("recording.recipients[%d]", i), "is no public key of age; write the age1… that age-keygen prints")
		}
	}
}

func (r *configReader) checkWebhooks(c *Config) {
	if len(c.Webhooks) > maxWebhooks {
		r.problem("webhooks", "are %d; %d at most", len(c.Webhooks), maxWebhooks)
	}
	for i, h := range c.Webhooks {
		path := fmt.Sprintf("webhooks[%d]", i)
		if err := webhook.CheckURL(h.URL); err != nil {
			r.problem(path+".url", "%v", err)
		}
		if h.SecretFile == "" {
			r.problem(path+".secret_file", "is missing; name a file with %d octets or more that only its owner can read", webhook.SecretOctets)
		}
		for j, name := range h.Rooms {
			if !isName(name) {
				r.problem(fmt.Sprintf("%s.rooms[%d]", path, j), "%q is no name of a room; use 1 to 64 of a-z 0-9 . _ -", clip(name))
			}
		}
	}
}

// listener is one address that the server binds.
type listener struct {
	path, stream string // stream: listeners of one stream kind cannot share a port
	addr         netip.AddrPort
}

func (r *configReader) checkListeners(c *Config) {
	if c.SIP.UDP == "" && c.SIP.TCP == "" && c.SIP.TLS == "" {
		r.problem("sip", "every transport is off; give udp, tcp or tls an address")
	}
	domain, err := netip.ParseAddr(strings.Trim(c.SIP.Domain, "[]"))
	if err != nil && (!domainShape.MatchString(c.SIP.Domain) || len(c.SIP.Domain) > 253) {
		r.problem("sip.domain", "%q is no domain; write one such as conf.example.com", clip(c.SIP.Domain))
	}
	var bound []listener
	for _, l := range []struct{ path, stream, text string }{
		{"sip.udp", "udp", c.SIP.UDP}, {"sip.tcp", "tcp", c.SIP.TCP},
		{"sip.tls", "tcp", c.SIP.TLS}, {"admin.listen", "tcp", c.Admin.Listen},
	} {
		if l.text == "" && l.path != "admin.listen" {
			continue
		}
		addr, err := netip.ParseAddrPort(l.text)
		if err != nil {
			r.problem(l.path, `%q is no listening address; write IP:port, such as "127.0.0.1:5060" or "[::]:5060"`, clip(l.text))
			continue
		}
		for _, other := range bound {
			if other.stream == l.stream && collide(other.addr, addr) {
				r.problem(l.path, "%s is taken by %s; give each its own port", l.text, other.path)
				break
			}
		}
		bound = append(bound, listener{l.path, l.stream, addr})
		if strings.HasPrefix(l.path, "sip.") && !addr.Addr().IsLoopback() && (c.SIP.Domain == defaultDomain || domain.IsLoopback()) {
			c.warn("%s listens beyond this machine while sip.domain is %s: set sip.domain to the name that callers use", l.path, c.SIP.Domain)
		}
	}
	if (c.Admin.Cert == "") != (c.Admin.Key == "") {
		r.problem("admin.cert", "a certificate and its key go together; give both admin.cert and admin.key, or neither")
	}
}

// collide tells whether two listeners of one stream kind cannot both be bound.
func collide(a, b netip.AddrPort) bool {
	if a.Port() != b.Port() || a.Port() == 0 {
		return false
	}
	return a.Addr() == b.Addr() || a.Addr().IsUnspecified() || b.Addr().IsUnspecified()
}

func (r *configReader) checkMedia(c *Config) {
	if a := c.Media.Address; !a.IsValid() || a.IsUnspecified() || a.IsMulticast() {
		r.problem("media.address", "%s cannot stand in an SDP; write the address that callers reach", a)
	}
	if a := c.Media.Address6; a.IsValid() {
		switch {
		case !a.Is6() || a.Is4In6() || a.IsUnspecified() || a.IsMulticast():
			r.problem("media.address6", "%s is no IPv6 address that can stand in an SDP; write the one that callers reach", a)
		case !c.Media.Address.Is4():
			r.problem("media.address6", "stands beside media.address %s, which is no IPv4 address; remove one of them", c.Media.Address)
		}
	}
	if len(c.Media.Codecs) == 0 {
		r.problem("media.codecs", "is empty; name at least one of %s", strings.Join(codecNames, ", "))
	}
	low, high := int(c.Media.PortLow), int(c.Media.PortHigh)
	if low == 0 {
		return
	}
	if udp, err := netip.ParseAddrPort(c.SIP.UDP); err == nil {
		if p := int(udp.Port()); p >= low && p <= high {
			r.problem("media.ports", "%d-%d holds the port of sip.udp; move one of them", low, high)
		}
	}
	if pairs := (high + 1 - (low+1)&^1) / 2; pairs < c.Limits.Calls {
		c.warn("media.ports %d-%d has room for %d calls, fewer than limits.calls (%d)", low, high, pairs, c.Limits.Calls)
	}
}

// warn notes something accepted that is probably not what was meant.
func (c *Config) warn(format string, args ...any) {
	c.Warnings = append(c.Warnings, fmt.Sprintf(format, args...))
}

func (c *Config) policyNames() string {
	return strings.Join(slices.Sorted(maps.Keys(c.Policies)), ", ")
}

// spell gives names of a type of ours as plain words.
func spell[T ~string](names []T) []string {
	words := make([]string, len(names))
	for i, name := range names {
		words[i] = string(name)
	}
	return words
}
