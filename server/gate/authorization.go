package gate

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
)

// errAuthorization: an Authorization field that is not what RFC 7616 section 3.4 and RFC 8760 allow.
var errAuthorization = errors.New("gate: malformed Authorization")

// credentials is a parsed Authorization field of the Digest scheme.
type credentials struct {
	username, realm, nonce, uri, response, algorithm, cnonce, qop, nc string
	count                                                             uint32
	userhash                                                          bool
}

// isDigest tells whether a field is of the Digest scheme; others are not looked at.
func isDigest(field string) bool {
	scheme, _, _ := strings.Cut(strings.TrimSpace(field), " ")
	return strings.EqualFold(scheme, "Digest")
}

// parseAuthorization reads one Authorization field. It is strict: a parameter that comes twice is refused, since two
// readers would choose differently, and so is a field without the parameters that a protected count needs.
func parseAuthorization(field string) (*credentials, error) {
	if len(field) > maxAuthorization || !isDigest(field) || !utf8.ValidString(field) {
		return nil, errAuthorization
	}
	rest := strings.TrimSpace(field)[len("Digest"):]
	seen := make(map[string]string, 12)
	for rest = strings.TrimLeft(rest, " \t"); rest != ""; {
		name, value, after, err := parameter(rest)
		if err != nil {
			return nil, err
		}
		if _, twice := seen[name]; twice || len(seen) == maxParams {
			return nil, errAuthorization
		}
		seen[name] = value
		rest = after
	}
	return newCredentials(seen)
}

// newCredentials checks what must be there. qop is not optional here: without it there is no count, and a digest could be
// repeated (RFC 8760 section 2.6 item 8 has servers always ask for it).
func newCredentials(p map[string]string) (*credentials, error) {
	c := &credentials{
		username: p["username"], realm: p["realm"], nonce: p["nonce"], uri: p["uri"], response: p["response"],
		algorithm: p["algorithm"], cnonce: p["cnonce"], qop: strings.ToLower(p["qop"]), nc: p["nc"],
		userhash: strings.EqualFold(p["userhash"], "true"),
	}
	if c.username == "" || c.nonce == "" || c.uri == "" || c.response == "" || c.cnonce == "" || len(c.nc) != 8 {
		return nil, errAuthorization
	}
	if _, extended := p["username*"]; extended || c.qop != "auth" && c.qop != "auth-int" {
		return nil, errAuthorization
	}
	n, err := strconv.ParseUint(c.nc, 16, 32)
	if err != nil || n == 0 {
		return nil, errAuthorization
	}
	c.count = uint32(n)
	return c, nil
}

// parameter reads one "name=value" or "name="quoted"" and the comma after it.
func parameter(s string) (name, value, rest string, err error) {
	name, rest, ok := strings.Cut(s, "=")
	name = strings.ToLower(strings.TrimRight(name, " \t"))
	if !ok || !token(name) {
		return "", "", "", errAuthorization
	}
	rest = strings.TrimLeft(rest, " \t")
	if strings.HasPrefix(rest, `"`) {
		value, rest, err = quoted(rest[1:])
	} else {
		end := strings.IndexAny(rest, ", \t")
		if end < 0 {
			end = len(rest)
		}
		value, rest = rest[:end], rest[end:]
		if !token(value) {
			err = errAuthorization
		}
	}
	if err != nil {
		return "", "", "", err
	}
	rest = strings.TrimLeft(rest, " \t")
	if rest == "" {
		return name, value, "", nil
	}
	if rest[0] != ',' {
		return "", "", "", errAuthorization
	}
	rest = strings.TrimLeft(rest[1:], " \t,")
	return name, value, rest, nil
}

// quoted reads a quoted-string after its first quote.
func quoted(s string) (value, rest string, err error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return b.String(), s[i+1:], nil
		case c == '\\':
			if i++; i == len(s) {
				return "", "", errAuthorization
			}
			c = s[i]
			fallthrough
		default:
			if c < ' ' && c != '\t' || c == 0x7f {
				return "", "", errAuthorization
			}
			b.WriteByte(c)
		}
	}
	return "", "", errAuthorization
}

// token tells whether s is a token of RFC 3261 section 25.1.
func token(s string) bool {
	if s == "" {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-.!%*_+`'~", c) >= 0:
		default:
			return false
		}
	}
	return true
}
