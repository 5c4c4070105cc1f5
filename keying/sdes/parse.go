package sdes

import (
	"encoding/base64"
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// maxLine bounds the value of an attribute: the longest MKI has 309 digits, the longest key 64.
const maxLine = 1024

// Parse reads the value of an a=crypto attribute: what stands behind "a=crypto:". Names are read in any case (RFC 4568 section 4).
func Parse(value string) (Line, error) {
	if len(value) > maxLine {
		return Line{}, fmt.Errorf("%w: %d octets", ErrSyntax, len(value))
	}
	for i := range len(value) {
		if c := value[i]; (c < 0x20 || c > 0x7e) && c != '\t' {
			return Line{}, fmt.Errorf("%w: octet %#02x", ErrSyntax, c)
		}
	}
	fields := strings.FieldsFunc(value, func(r rune) bool { return r == ' ' || r == '\t' })
	if len(fields) < 3 || value[0] == ' ' || value[0] == '\t' {
		return Line{}, fmt.Errorf("%w: %d fields", ErrSyntax, len(fields))
	}
	tag, ok := number(fields[0], 9)
	if !ok {
		return Line{}, fmt.Errorf("%w: tag", ErrSyntax)
	}
	s, ok := suiteNamed(fields[1])
	if !ok {
		return Line{}, ErrSuite // unnamed: what stands there may be a misplaced key
	}
	for _, p := range fields[3:] {
		if err := parameter(p); err != nil {
			return Line{}, err
		}
	}
	l := Line{Tag: int(tag), Suite: s.name}
	if err := l.parseKey(fields[2], s); err != nil {
		return Line{}, err
	}
	return l, nil
}

func suiteNamed(name string) (suite, bool) {
	for _, s := range suites {
		if strings.EqualFold(s.name, name) {
			return s, true
		}
	}
	return suite{}, false
}

// parseKey reads key-params (RFC 4568 section 9.2): inline:<key||salt>["|"lifetime]["|"MKI:length].
func (l *Line) parseKey(params string, s suite) error {
	method, info, ok := strings.Cut(params, ":")
	if !ok || !strings.EqualFold(method, "inline") {
		return fmt.Errorf("%w: no inline key", ErrKey)
	}
	if strings.Contains(info, ";") {
		return fmt.Errorf("%w: several keys", ErrKey)
	}
	parts := strings.Split(info, "|")
	// The lifetime never has a colon and the MKI always has one.
	rest := parts[1:]
	if len(rest) > 0 && !strings.Contains(rest[0], ":") {
		lifetime, ok := parseLifetime(rest[0])
		if !ok {
			return ErrLifetime
		}
		l.Lifetime, rest = lifetime, rest[1:]
	}
	if len(rest) > 0 {
		mki, ok := parseMKI(rest[0])
		if !ok {
			return ErrMKI
		}
		l.MKI, rest = mki, rest[1:]
	}
	if len(rest) > 0 {
		return fmt.Errorf("%w: key parameter of %d parts", ErrSyntax, len(parts))
	}
	return l.parseKeySalt(parts[0], s)
}

func (l *Line) parseKeySalt(text string, s suite) error {
	for range 2 {
		text = strings.TrimSuffix(text, "=") // RFC 4568 section 6.1 discards the padding
	}
	octets, err := base64.RawStdEncoding.Strict().DecodeString(text)
	if err != nil {
		clear(octets)
		return fmt.Errorf("%w: not base64", ErrKey)
	}
	if len(octets) != s.key+s.salt {
		clear(octets)
		return fmt.Errorf("%w: %d octets for %s", ErrKey, len(octets), s.name)
	}
	l.Key, l.Salt = octets[:s.key:s.key], octets[s.key:]
	return nil
}

// parseLifetime reads a lifetime in packets, 1 to 2^48.
func parseLifetime(text string) (uint64, bool) {
	if power, ok := strings.CutPrefix(text, "2^"); ok {
		n, ok := number(power, 2)
		return 1 << (n & 63), ok && n <= 48
	}
	n, ok := number(text, 15)
	return n, ok && n >= 1 && n <= MaxLifetime
}

// parseMKI reads "value:length" into the octets that packets carry.
func parseMKI(text string) ([]byte, bool) {
	value, length, _ := strings.Cut(text, ":")
	n, ok := number(length, 3)
	if !ok || n < 1 || n > maxMKI || !digits(value) || value[0] == '0' {
		return nil, false
	}
	v, ok := new(big.Int).SetString(value, 10)
	if !ok || v.BitLen() > int(n)*8 {
		return nil, false
	}
	return v.FillBytes(make([]byte, n)), true
}

// parameter accepts the session parameters that change nothing (RFC 4568 section 6.3): the window size hint, a key derivation
// rate of zero, which some phones send and mean as none, and what is marked as optional.
func parameter(p string) error {
	name, value, _ := strings.Cut(strings.ToUpper(p), "=")
	switch {
	case p[0] == '-', name == "KDR" && value == "0", name == "WSH" && digits(value):
		return nil
	}
	return ErrParameter // unnamed: what stands there may be a key
}

// number reads a decimal of at most so many digits, without leading zeroes.
func number(text string, most int) (uint64, bool) {
	if !digits(text) || len(text) > most || text[0] == '0' && len(text) > 1 {
		return 0, false
	}
	n, err := strconv.ParseUint(text, 10, 64)
	return n, err == nil
}

func digits(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return text != ""
}
