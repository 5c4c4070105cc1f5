package gate

import (
	"net/netip"
	"net/url"
	"strings"
)

// maxName is the longest name of an account or a room.
const maxName = 64

// validName tells whether a name has the shape of accounts and rooms: [a-z0-9._-]{1,64}, and not dots alone.
func validName(s string) bool {
	if strings.Trim(s, ".") == "" || len(s) > maxName {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// identity is the URI of somebody by name.
func (g *Gate) identity(account string) string { return "sip:" + account + "@" + g.domain }

// account is the name in an identity of our domain; "" for any other.
func (g *Gate) account(identity string) string {
	name, ok := strings.CutPrefix(identity, "sip:")
	if !ok {
		return ""
	}
	name, ok = strings.CutSuffix(name, "@"+g.domain)
	if !ok || !validName(name) {
		return ""
	}
	return name
}

// identity is the URI in the form that identities have: no port, no parameters, lower case.
func (u URI) identity() string {
	return "sip:" + strings.ToLower(u.User) + "@" + strings.ToLower(u.Host)
}

// sip tells whether the scheme is one of SIP's.
func (u URI) sip() bool {
	return strings.EqualFold(u.Scheme, "sip") || strings.EqualFold(u.Scheme, "sips")
}

// room is the room that a request URI names, under one of our names or any IP address (the request got here).
func (g *Gate) room(u URI) (string, bool) {
	name := strings.ToLower(u.User)
	return name, validName(name) && g.ours(u)
}

// ours tells whether a URI is at one of our names or any IP address.
func (g *Gate) ours(u URI) bool {
	host := strings.ToLower(u.Host)
	_, err := netip.ParseAddr(host)
	return u.sip() && (g.hosts[host] || err == nil)
}

// parseURI reads scheme, user and host of a digest-uri. What follows the host does not matter here.
func parseURI(s string) (URI, bool) {
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok {
		return URI{}, false
	}
	u := URI{Scheme: strings.ToLower(scheme)}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		user, _, _ := strings.Cut(rest[:at], ":")
		plain, err := url.PathUnescape(user)
		if err != nil {
			return URI{}, false
		}
		u.User, rest = plain, rest[at+1:]
	}
	if inner, ok := strings.CutPrefix(rest, "["); ok {
		if u.Host, _, ok = strings.Cut(inner, "]"); !ok {
			return URI{}, false
		}
	} else if end := strings.IndexAny(rest, ":;?"); end >= 0 {
		u.Host = rest[:end]
	} else {
		u.Host = rest
	}
	u.Host = strings.ToLower(u.Host)
	return u, u.Host != "" && u.sip()
}

// sameTarget tells whether a digest-uri stands for the request URI (RFC 8760 section 2.6 item 6): same user and host.
// Proxies and clients change ports and parameters on the way.
func sameTarget(digestURI string, requestURI URI) bool {
	u, ok := parseURI(digestURI)
	return ok && u.User == requestURI.User && u.Host == strings.ToLower(requestURI.Host)
}
