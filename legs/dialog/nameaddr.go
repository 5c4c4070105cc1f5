package dialog

import (
	"fmt"
	"strings"
)

// nameAddr is one element of From, To, Contact, Route, Record-Route or Refer-To.
type nameAddr struct {
	Address
	raw     string // the URI verbatim
	headers bool   // the URI has a ?headers part
	params  []HeaderField
}

// parseNameAddr reads RFC 3261 section 20.10 strictly: quotes close, an unquoted display name holds tokens only, nothing
// but the URI stands between the angle brackets, and a bare URI holds no comma, question mark or space.
func parseNameAddr(s string) (nameAddr, error) {
	s = strings.Trim(s, " \t")
	var n nameAddr
	open := strings.IndexByte(s, '<')
	if strings.HasPrefix(s, `"`) {
		name, rest, ok := cutQuoted(s)
		rest = strings.TrimLeft(rest, " \t")
		if !ok || !strings.HasPrefix(rest, "<") {
			return n, fmt.Errorf("%w: display name", ErrMalformed)
		}
		n.Display, s, open = name, rest, 0
	} else if open >= 0 {
		n.Display = strings.TrimRight(s[:open], " \t")
		for word := range strings.FieldsSeq(n.Display) {
			if !isToken(word) {
				return n, fmt.Errorf("%w: display name", ErrMalformed)
			}
		}
	}
	var params string
	if open >= 0 {
		end := strings.IndexByte(s, '>')
		if end < open {
			return n, fmt.Errorf("%w: angle brackets", ErrMalformed)
		}
		n.raw, params = s[open+1:end], strings.TrimLeft(s[end+1:], " \t")
	} else {
		if i := strings.IndexByte(s, ';'); i >= 0 {
			s, params = s[:i], s[i:]
		}
		n.raw = strings.TrimRight(s, " \t")
		if strings.ContainsAny(n.raw, ",?") {
			return n, fmt.Errorf("%w: a bare URI with , or ?", ErrMalformed)
		}
	}
	var err error
	if n.URI, n.headers, err = parseURI(n.raw); err != nil {
		return n, err
	}
	return n, n.parseParams(params)
}

func (n *nameAddr) parseParams(s string) error {
	if s == "" {
		return nil
	}
	if s[0] != ';' {
		return fmt.Errorf("%w: text after an address", ErrMalformed)
	}
	for _, p := range splitQuoted(s[1:], ';') {
		k, v, _ := strings.Cut(p, "=")
		k, v = strings.Trim(k, " \t"), strings.Trim(v, " \t")
		if !isToken(k) {
			return fmt.Errorf("%w: parameter of an address", ErrMalformed)
		}
		if strings.HasPrefix(v, `"`) {
			text, rest, ok := cutQuoted(v)
			if !ok || rest != "" {
				return fmt.Errorf("%w: quoted parameter", ErrMalformed)
			}
			v = text
		}
		if strings.EqualFold(k, "tag") {
			if n.Tag != "" || !isToken(v) {
				return fmt.Errorf("%w: tag", ErrMalformed)
			}
			n.Tag = v
		}
		n.params = append(n.params, HeaderField{Name: k, Value: v})
	}
	return nil
}

// parseAddresses reads a comma-separated list of addresses.
func parseAddresses(s string) ([]nameAddr, error) {
	var out []nameAddr
	for _, part := range splitQuoted(s, ',') {
		n, err := parseNameAddr(part)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}

// cutQuoted takes a quoted-string off the front of s and resolves its quoted-pairs.
func cutQuoted(s string) (text, rest string, ok bool) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
			if i < len(s) {
				b.WriteByte(s[i])
			}
		case '"':
			return plain(b.String()), s[i+1:], true
		default:
			b.WriteByte(s[i])
		}
	}
	return "", "", false
}

// splitQuoted splits at sep outside of quotes and angle brackets.
func splitQuoted(s string, sep byte) []string {
	var out []string
	quoted, angle, start := false, false, 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"' && !angle:
			quoted = !quoted
		case quoted:
		case c == '<':
			angle = true
		case c == '>':
			angle = false
		case c == sep && !angle:
			out = append(out, s[start:i])
			start = i + 1
		}
	}
	return append(out, s[start:])
}

// quote makes a quoted-string.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// clean tells that text may go into a header field: no control characters, so nothing can begin a field of its own.
func clean(texts ...string) bool {
	for _, s := range texts {
		for i := range len(s) {
			if s[i] < 0x20 && s[i] != '\t' || s[i] == 0x7f {
				return false
			}
		}
	}
	return true
}
