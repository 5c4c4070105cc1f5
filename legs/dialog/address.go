package dialog

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// String is the URI as it goes on the wire, without parameters.
func (u URI) String() string {
	host := u.Host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if u.Port != 0 {
		host += ":" + strconv.Itoa(u.Port)
	}
	if u.User != "" {
		host = escapeUser(u.User) + "@" + host
	}
	return u.Scheme + ":" + host
}

// Identity is "sip:user@host", the name of an account or a room.
func (u URI) Identity() string { return "sip:" + u.User + "@" + u.Host }

// Param returns a URI parameter's value (case-insensitive name) and whether it is present.
func (u URI) Param(name string) (string, bool) {
	for p := range strings.SplitSeq(u.Params, ";") {
		k, v, _ := strings.Cut(p, "=")
		if strings.EqualFold(k, name) {
			return v, true
		}
	}
	return "", false
}

// ParseURI reads a URI. Schemes other than sip and sips give the scheme only.
func ParseURI(s string) (URI, error) {
	u, headers, err := parseURI(s)
	if err == nil && headers {
		return URI{}, fmt.Errorf("%w: header fields in a URI", ErrMalformed)
	}
	return u, err
}

// parseURI reads RFC 3261 section 19.1.1; headers tells that a ?headers part follows, which only Refer-To may have.
func parseURI(s string) (u URI, headers bool, err error) {
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || !isToken(scheme) || rest == "" || strings.ContainsAny(s, " \t<>\"") {
		return URI{}, false, fmt.Errorf("%w: URI", ErrMalformed)
	}
	u.Scheme = strings.ToLower(scheme)
	if u.Scheme != "sip" && u.Scheme != "sips" {
		return u, false, nil
	}
	// The user part may hold ; and ? unescaped, so it goes first; an @ in it is escaped.
	if at := strings.IndexByte(rest, '@'); at >= 0 {
		user, _, _ := strings.Cut(rest[:at], ":")
		if u.User, err = unescapeUser(user); err != nil {
			return URI{}, false, err
		}
		rest = rest[at+1:]
	}
	rest, _, headers = strings.Cut(rest, "?")
	rest, u.Params, _ = strings.Cut(rest, ";")
	u.Host, u.Port, err = parseHost(rest)
	return u, headers, err
}

func parseHost(s string) (host string, port int, err error) {
	bad := fmt.Errorf("%w: host", ErrMalformed)
	digits := ""
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return "", 0, bad
		}
		// RFC 5118 section 4.10: the grammar of RFC 3261 once produced three colons, so peers send them.
		addr, err := netip.ParseAddr(strings.Replace(s[1:end], ":::", "::", 1))
		if err != nil || addr.Zone() != "" {
			return "", 0, bad
		}
		host, digits = addr.String(), s[end+1:]
		if digits != "" && digits[0] != ':' {
			return "", 0, bad
		}
		digits = strings.TrimPrefix(digits, ":")
		if digits == "" && strings.HasSuffix(s, ":") {
			return "", 0, bad
		}
	} else {
		var colon bool
		host, digits, colon = strings.Cut(strings.ToLower(s), ":")
		if colon && digits == "" || !isHost(host) {
			return "", 0, bad
		}
	}
	if digits != "" {
		n, err := strconv.ParseUint(digits, 10, 16)
		if err != nil {
			return "", 0, bad
		}
		port = int(n)
	}
	return host, port, nil
}

func isHost(s string) bool {
	if s == "" || len(s) > 255 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if c != '.' && c != '-' && c != '_' && !alnum(c) {
			return false
		}
	}
	return true
}

// unescapeUser resolves %XX; a user part that would hold control characters is kept escaped, so that no NUL or line end
// ever gets past the edge (RFC 4475 section 3.1.1.4, escnull).
func unescapeUser(s string) (string, error) {
	if !strings.Contains(s, "%") {
		return s, nil
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b.WriteByte(s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", fmt.Errorf("%w: escape in a URI", ErrMalformed)
		}
		n, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
		if err != nil {
			return "", fmt.Errorf("%w: escape in a URI", ErrMalformed)
		}
		if n < 0x20 || n == 0x7f {
			return s, nil
		}
		b.WriteByte(byte(n))
		i += 2
	}
	return b.String(), nil
}

func escapeUser(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; alnum(c) || strings.IndexByte("-_.!~*'()&=+$,;?/%", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func alnum(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// isToken is RFC 3261's token.
func isToken(s string) bool {
	for i := range len(s) {
		if !alnum(s[i]) && strings.IndexByte("-.!%*_+`'~", s[i]) < 0 {
			return false
		}
	}
	return s != ""
}
