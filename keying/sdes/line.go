package sdes

import (
	"encoding/base64"
	"errors"
	"log/slog"
	"math/big"
	"math/bits"
	"strconv"
	"strings"
)

// Why a line is invalid. Its receiver passes over it to the next one (RFC 4568 section 5.1.2). No error's text holds any
// part of the key.
var (
	ErrSyntax    = errors.New("sdes: not a crypto attribute")
	ErrSuite     = errors.New("sdes: unknown crypto-suite")
	ErrKey       = errors.New("sdes: not one inline key of the suite's length")
	ErrLifetime  = errors.New("sdes: key lifetime out of range")
	ErrMKI       = errors.New("sdes: master key identifier out of range")
	ErrParameter = errors.New("sdes: session parameter not supported")
)

// MaxLifetime is the most SRTP packets that one master key of any suite may protect (RFC 3711 section 9.2).
const MaxLifetime uint64 = 1 << 48

// maxMKI is the longest MKI in octets (RFC 4568 section 6.1).
const maxMKI = 128

// Line is the value of one a=crypto attribute. It holds a master key in clear, so it does not print.
type Line struct {
	Tag      int    // 0 to 999999999, unique in its m= section
	Suite    string // as registered, "AES_CM_128_HMAC_SHA1_80"
	Key      []byte // master key, of the suite's length
	Salt     []byte // master salt, of the suite's length
	MKI      []byte // as in packets, 1 to 128 octets and not all zero; nil: packets carry none
	Lifetime uint64 // most packets under the key, RTP and RTCP each; 0: not stated, the suite's own
}

// Format writes the value of the attribute. A line without lifetime states none, which everybody understands.
func (l Line) Format() string {
	var b strings.Builder
	b.WriteString(strconv.Itoa(l.Tag))
	b.WriteByte(' ')
	b.WriteString(l.Suite)
	b.WriteString(" inline:")
	keySalt := append(append(make([]byte, 0, len(l.Key)+len(l.Salt)), l.Key...), l.Salt...)
	b.WriteString(base64.StdEncoding.EncodeToString(keySalt))
	clear(keySalt)
	if l.Lifetime != 0 {
		b.WriteByte('|')
		b.WriteString(formatLifetime(l.Lifetime))
	}
	if len(l.MKI) != 0 {
		b.WriteByte('|')
		b.WriteString(new(big.Int).SetBytes(l.MKI).String())
		b.WriteByte(':')
		b.WriteString(strconv.Itoa(len(l.MKI)))
	}
	return b.String()
}

// formatLifetime writes a power of two as one.
func formatLifetime(n uint64) string {
	if power := bits.TrailingZeros64(n); n > 1 && n == 1<<power {
		return "2^" + strconv.Itoa(power)
	}
	return strconv.FormatUint(n, 10)
}

// Wipe overwrites the key.
func (l Line) Wipe() {
	clear(l.Key)
	clear(l.Salt)
}

// hidden is a line in any text.
const hidden = "[crypto]"

// String hides the key.
func (Line) String() string { return hidden }

// GoString hides the key from %#v.
func (Line) GoString() string { return hidden }

// LogValue hides the key from slog.
func (Line) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalJSON refuses: a key does not go into JSON.
func (Line) MarshalJSON() ([]byte, error) {
	return nil, errors.New("sdes: a key does not go into JSON")
}
