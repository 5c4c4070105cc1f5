package dialog

import (
	"fmt"
	"strings"
)

// ReferTo is where a REFER points (RFC 3515 section 2.1).
type ReferTo struct {
	URI    URI    // the scheme alone, when it is neither sip nor sips
	Text   string // the URI as it was written, without embedded header fields
	Method string // what to send there; INVITE when nothing else is said
	// Replaces is the embedded Replaces field (RFC 3891 section 3), nil without one; Headers counts the other embedded fields.
	Replaces *Replaces
	Headers  int
}

// ParseReferTo reads the value of a Refer-To field: one address. What is embedded is unescaped once, and a value that then holds
// control characters is malformed.
func ParseReferTo(value string) (ReferTo, error) {
	n, err := parseNameAddr(value)
	if err != nil {
		return ReferTo{}, err
	}
	r := ReferTo{URI: n.URI, Text: n.raw, Method: "INVITE"}
	if n.URI.Host == "" { // another scheme: nothing in it is ours to read
		return r, nil
	}
	if m, ok := n.URI.Param("method"); ok {
		if !isToken(m) {
			return ReferTo{}, fmt.Errorf("%w: method of a Refer-To", ErrMalformed)
		}
		r.Method = strings.ToUpper(m)
	}
	if !n.headers {
		return r, nil
	}
	var embedded string
	r.Text, embedded = cutHeaders(n.raw)
	for field := range strings.SplitSeq(embedded, "&") {
		if err := r.embed(field); err != nil {
			return ReferTo{}, err
		}
	}
	return r, nil
}

// embed takes one hname=hvalue (RFC 3261 section 19.1.1).
func (r *ReferTo) embed(field string) error {
	name, value, ok := strings.Cut(field, "=")
	name, bad := unescape(name)
	if !ok || bad != nil || !isToken(name) {
		return fmt.Errorf("%w: header field in a URI", ErrMalformed)
	}
	value, err := unescape(value)
	if err != nil {
		return err
	}
	if !strings.EqualFold(name, "replaces") {
		r.Headers++
		return nil
	}
	if r.Replaces != nil {
		return fmt.Errorf("%w: two Replaces", ErrMalformed)
	}
	named, err := ParseReplaces(value)
	if err != nil {
		return err
	}
	r.Replaces = &named
	return nil
}

// String is the value of a Refer-To field that says so; Headers cannot be said again.
func (r ReferTo) String() string {
	if r.Replaces == nil {
		return "<" + r.Text + ">"
	}
	return "<" + r.Text + "?Replaces=" + escapeHeader(r.Replaces.String()) + ">"
}

// cutHeaders cuts a SIP URI at the question mark that begins its header fields, which is not one of the user part.
func cutHeaders(uri string) (before, headers string) {
	at := strings.IndexByte(uri, '@') + 1
	before, headers, _ = strings.Cut(uri[at:], "?")
	return uri[:at] + before, headers
}

// unescape resolves %XX in a name or value that is embedded in a URI.
func unescape(s string) (string, error) {
	out, err := unescapeUser(s)
	if err == nil && (!clean(out) || out == s && strings.Contains(s, "%")) { // which unescapeUser leaves as it is for control characters
		err = fmt.Errorf("%w: escape in a URI", ErrMalformed)
	}
	return out, err
}

// escapeHeader makes an hvalue: what is neither unreserved nor an hnv-unreserved goes as %XX.
func escapeHeader(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; alnum(c) || strings.IndexByte("-_.!~*'()", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
