package server

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// pin reads a PIN, of which the hash is kept.
func (s *section) pin(key string, into *pin) {
	var digits string
	s.text(key, &digits)
	p, err := newPIN(digits)
	if err != nil {
		s.r.problem(join(s.path, key), "is no PIN; write 4 to 12 digits in quotes")
		return
	}
	*into = p
}

// prefixes reads a list of address ranges. Those of version 4 in their mapped form are taken as version 4, as sources are.
func (s *section) prefixes(key string) (list []netip.Prefix) {
	var words []string
	s.words(key, &words, nil)
	for i, text := range words {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			s.r.problem(fmt.Sprintf("%s[%d]", join(s.path, key), i),
				"%q is no address range; write one such as 192.0.2.0/24", clip(text))
			continue
		}
		if bits := p.Bits() - 96; p.Addr().Is4In6() && bits >= 0 {
			p = netip.PrefixFrom(p.Addr().Unmap(), bits)
		}
		list = append(list, p.Masked())
	}
	return list
}

// fingerprints reads a list of SHA-256 digests in hex, with colons between the octets as openssl prints them or without.
func (s *section) fingerprints(key string) (list []string) {
	var words []string
	s.words(key, &words, nil)
	for i, text := range words {
		digest, err := hex.DecodeString(strings.ReplaceAll(text, ":", ""))
		if err != nil || len(digest) != sha256.Size {
			s.r.problem(fmt.Sprintf("%s[%d]", join(s.path, key), i),
				"%q is no SHA-256 fingerprint; write the 64 hexadecimal digits of: openssl x509 -noout -fingerprint -sha256", clip(text))
			continue
		}
		list = append(list, hex.EncodeToString(digest))
	}
	return list
}

// named reads a list of words of a string type of ours.
func named[T ~string](s *section, key string, into *[]T, allowed []string) {
	words := spell(*into)
	s.words(key, &words, allowed)
	list := make([]T, len(words))
	for i, w := range words {
		list[i] = T(w)
	}
	*into = list
}

// oneOf reads one of a closed set of words.
func (s *section) oneOf(key string, into *string, allowed []string) {
	if s.nodes[key] == nil {
		s.take(key)
		return
	}
	word := *into
	s.text(key, &word)
	if word != *into && !slices.Contains(allowed, word) { // the default need not be a word of the list
		s.r.problem(join(s.path, key), "%q is unknown; give one of %s", word, strings.Join(allowed, ", "))
		return
	}
	*into = word
}

// address reads an IP address.
func (s *section) address(key string, into *netip.Addr) {
	text := into.String()
	s.text(key, &text)
	a, err := netip.ParseAddr(text)
	if err != nil {
		s.r.problem(join(s.path, key), "%q is no IP address; write one such as 192.0.2.1", text)
		return
	}
	*into = a.Unmap()
}

// addressOrNone reads an IP address, or "" for none.
func (s *section) addressOrNone(key string, into *netip.Addr) {
	text := ""
	if into.IsValid() {
		text = into.String()
	}
	if s.text(key, &text); text == "" {
		*into = netip.Addr{}
		return
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		s.r.problem(join(s.path, key), "%q is no IP address; write one such as 2001:db8::1, or \"\" for none", text)
		return
	}
	*into = a
}

// ports reads "low-high", or "0" for any free port.
func (s *section) ports(key string, c *MediaConfig) {
	node := s.take(key)
	if node == nil {
		return
	}
	if n, ok := integerOf(node); ok && n == 0 {
		c.PortLow, c.PortHigh = 0, 0
		return
	}
	if n, ok := node.(*ast.StringNode); ok {
		if n.Value == "0" {
			c.PortLow, c.PortHigh = 0, 0
			return
		}
		low, high, found := strings.Cut(n.Value, "-")
		lo, errLow := strconv.ParseUint(low, 10, 16)
		hi, errHigh := strconv.ParseUint(high, 10, 16)
		if found && errLow == nil && errHigh == nil && lo >= 1024 && lo < hi {
			c.PortLow, c.PortHigh = uint16(lo), uint16(hi)
			return
		}
	}
	s.r.problem(join(s.path, key), `is no port range; write "20000-29999" (from 1024 to 65535), or "0" for any free port`)
}
