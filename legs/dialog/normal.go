package dialog

import (
	"strings"
)

// normal removes the white space that RFC 3261 allows around separators, outside of quotes and angle brackets, and
// collapses the rest. sipgo would take it for part of names and values, and echo it so (RFC 4475 section 3.1.1.1).
func normal(s string) string {
	if !strings.ContainsAny(s, " \t") {
		return s
	}
	var b strings.Builder
	quoted, angle, space := false, false, false
	for i := 0; i < len(s); i++ {
		c := s[i]
		if quoted || angle {
			b.WriteByte(c)
			switch {
			case quoted && c == '\\' && i+1 < len(s):
				i++
				b.WriteByte(s[i])
			case quoted && c == '"':
				quoted = false
			case c == '>':
				angle = false
			}
			continue
		}
		if c == ' ' || c == '\t' {
			space = true
			continue
		}
		separator := strings.IndexByte(";=,/", c) >= 0
		if space && !separator && b.Len() > 0 && !strings.ContainsAny(b.String()[b.Len()-1:], ";=,/") {
			b.WriteByte(' ')
		}
		space = false
		quoted, angle = c == '"', c == '<'
		b.WriteByte(c)
	}
	return b.String()
}

// rebuilt is the message with its head in regular form, for sipgo: unfolded, and Via, From and To normal.
func (w *wire) rebuilt(body []byte) []byte {
	var b strings.Builder
	for _, line := range w.lines {
		b.WriteString(line)
		b.WriteString("\r\n")
	}
	b.WriteString("\r\n")
	b.Write(body)
	return []byte(b.String())
}

// plain replaces control characters, which a quoted-pair may hold, so that no value carries one further.
func plain(s string) string {
	if clean(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r < 0x20 && r != '\t' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

// octets tells whether a line holds no control characters but HT and those that a quoted-pair may carry (RFC 3261 section
// 25.1: all but CR and LF).
func octets(line string) bool {
	for i := range len(line) {
		c := line[i]
		if c == '\r' || c == '\n' {
			return false
		}
		if (c < 0x20 && c != '\t' || c == 0x7f) && (i == 0 || line[i-1] != '\\') {
			return false
		}
	}
	return true
}
