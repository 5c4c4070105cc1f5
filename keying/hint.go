package keying

import (
	"fmt"
	"slices"
	"strings"

	"github.com/conclave/conclave/keying/mikey"
)

// Hint is what a MIKEY error message says (RFC 3830 section 5.1.2). Nobody authenticates it: it is for people, and for the choice
// of what to offer next, and changes nothing that runs.
type Hint struct {
	Numbers []uint8 // error numbers, RFC 3830 section 6.12
	Suites  []Suite // those that the peer would take, of those we know; nil: it did not say
	Words   string  // the numbers in words
}

// ReadHint reads an error message about the bundle of an offer of ours; ok is false for anything else.
func ReadHint(message []byte, csbID uint32) (h Hint, ok bool) {
	m, err := mikey.Parse(message)
	if err != nil || m.Type() != mikey.TypeError || m.CSBID() != csbID {
		return h, false
	}
	var words []string
	for _, n := range m.ErrorNumbers() {
		if slices.Contains(h.Numbers, uint8(n)) {
			continue
		}
		h.Numbers = append(h.Numbers, uint8(n))
		words = append(words, wordsOfNumber(n))
	}
	for _, p := range m.Policies() {
		if s, err := suiteOfPolicy(p); err == nil && !slices.Contains(h.Suites, s) {
			h.Suites = append(h.Suites, s)
		}
	}
	h.Words = strings.Join(words, "; ")
	return h, true
}

// numberWords are the error numbers in words.
var numberWords = map[mikey.ErrorNumber]string{
	mikey.AuthFailure:     "our proof of identity does not hold",
	mikey.InvalidTS:       "our clock is wrong, or the message came before",
	mikey.InvalidPRF:      "the pseudo-random function is not supported",
	mikey.InvalidMAC:      "the MAC algorithm is not supported",
	mikey.InvalidEA:       "the encryption of keys is not supported",
	mikey.InvalidHA:       "the hash is not supported",
	mikey.InvalidDH:       "the Diffie-Hellman group is not supported",
	mikey.InvalidID:       "the identities are not those expected",
	mikey.InvalidCert:     "our certificate is not accepted",
	mikey.InvalidSP:       "the kind of security policy is not supported",
	mikey.InvalidSPpar:    "the SRTP suite is not supported",
	mikey.InvalidDT:       "the kind of message is not supported",
	mikey.Unspecified:     "no reason given",
	mikey.UnsupportedType: "the keying method is not supported",
}

func wordsOfNumber(n mikey.ErrorNumber) string {
	if words, known := numberWords[n]; known {
		return words
	}
	return fmt.Sprintf("error %d", n)
}
