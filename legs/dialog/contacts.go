package dialog

import (
	"fmt"
	"strings"
)

// Contact is one Contact of a REGISTER (RFC 3261 section 10.2.1).
type Contact struct {
	Address
	Text    string        // the URI as it was written
	Headers bool          // the URI has a ?headers part
	Params  []HeaderField // of the field, quoted-strings resolved
}

// Param returns the value of a parameter of the field (case-insensitive name) and whether it is present.
func (c *Contact) Param(name string) (string, bool) {
	for _, p := range c.Params {
		if strings.EqualFold(p.Name, name) {
			return p.Value, true
		}
	}
	return "", false
}

// ParseContacts reads the Contact fields of a REGISTER. all tells that they are "*", which stands alone and means every binding.
func ParseContacts(values []string) (list []Contact, all bool, err error) {
	for _, value := range values {
		if strings.Trim(value, " \t") == "*" {
			all = true
			continue
		}
		addresses, err := parseAddresses(value)
		if err != nil {
			return nil, false, err
		}
		for _, n := range addresses {
			if n.URI.Host == "" {
				return nil, false, fmt.Errorf("%w: scheme of a Contact", ErrMalformed)
			}
			list = append(list, Contact{Address: n.Address, Text: n.raw, Headers: n.headers, Params: n.params})
		}
	}
	if all && (len(values) != 1 || list != nil) {
		return nil, false, fmt.Errorf("%w: * beside another Contact", ErrMalformed)
	}
	return list, all, nil
}

// String is the value of a field; a parameter that is no token goes in quotes.
func (c *Contact) String() string {
	var b strings.Builder
	if c.Display != "" {
		b.WriteString(quote(c.Display) + " ")
	}
	b.WriteString("<" + c.Text + ">")
	for _, p := range c.Params {
		b.WriteString(";" + p.Name)
		switch {
		case p.Value == "":
		case isToken(p.Value):
			b.WriteString("=" + p.Value)
		default:
			b.WriteString("=" + quote(p.Value))
		}
	}
	return b.String()
}
