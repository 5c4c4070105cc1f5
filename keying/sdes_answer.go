package keying

import (
	"errors"
	"fmt"

	"github.com/conclave/conclave/keying/mikey"
)

// insecure refuses a key that would travel in the clear.
func (r refusal) insecure() *Error {
	r.mute = true
	return r.refuse(mikey.Unspecified, ReasonInsecureSignalling, errors.New("a=crypto in a description that travels in the clear"))
}

// verifySDES takes the first line whose suite the policy allows (RFC 4568 section 5.1.2), and passes over what it cannot read: a
// line with a parameter that it does not know is no line for it. That the description was carried safely, prefer has seen to.
func (v *Verified) verifySDES(a Attributes, c Call, r refusal) error {
	if len(a.Crypto) > maxLines {
		return r.refuse(mikey.Unspecified, ReasonMalformed, fmt.Errorf("%d a=crypto lines", len(a.Crypto)))
	}
	malformed := errors.New("no a=crypto line")
	tags := map[int]bool{}
	for _, crypto := range a.Crypto {
		l, err := parseLine(crypto)
		if err != nil {
			malformed = err
			continue
		}
		if tags[l.Tag] {
			l.Wipe()
			v.line.Wipe()
			return r.refuse(mikey.Unspecified, ReasonMalformed, errors.New("two a=crypto lines of one tag"))
		}
		tags[l.Tag] = true
		if suite := Suite(l.Suite); v.suite == "" && suite.KeyLen() > 0 && c.Policy.AllowsSuite(suite) {
			v.line, v.suite = l, suite
		} else {
			l.Wipe()
		}
	}
	switch {
	case len(tags) == 0:
		return r.refuse(mikey.Unspecified, ReasonMalformed, malformed)
	case v.suite == "":
		return r.refuse(mikey.InvalidSPpar, ReasonNoCommonSuite, fmt.Errorf("%w: none of %d lines", ErrUnknownSuite, len(tags)))
	}
	return nil
}

// respondSDES answers with a fresh key for our own direction.
func (k *Keyer) respondSDES(v *Verified, c Call, r refusal) (*Agreement, Attributes, error) {
	if !c.Secured {
		return nil, Attributes{}, r.insecure()
	}
	running := c.Running.lines()
	defer running.wipe()
	own, err := k.newLine(v.line.Tag, v.suite, v.line.MKI, running.mki())
	if err != nil {
		return nil, Attributes{}, r.refuse(mikey.Unspecified, ReasonInternal, err)
	}
	defer own.Wipe()
	a, err := k.agreeLines(own, v.line, c, Responder, r)
	if err != nil {
		return nil, Attributes{}, err
	}
	return a, Attributes{Crypto: []Crypto{NewCrypto(own.Format())}}, nil
}
