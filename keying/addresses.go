package keying

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"errors"

	"github.com/conclave/conclave/keying/mikey"
)

// An update proves who sent its octets, and nothing about the description around them: somebody on the way could pass it on
// with media addresses of his own (RFC 4567 section 8). Updates of ours therefore carry a hash of the addresses in a vendor
// extension, which peers that do not know it pass over, and so do our answers to updates that carry one.

// addressLabel begins the extension: what follows is the SHA-256 of the addresses.
const addressLabel = "conclave-addresses-1"

// ErrAddresses says that the addresses of an update are not those that its sender bound.
var ErrAddresses = errors.New("keying: media addresses are not those that were bound")

// bindAddresses is the vendor extension; nil where there is nothing to bind.
func bindAddresses(addresses []byte) []byte {
	if addresses == nil {
		return nil
	}
	sum := sha256.Sum256(addresses)
	return append([]byte(addressLabel), sum[:]...)
}

// boundBy is what a message binds; nil where it binds nothing.
func boundBy(m *mikey.Message) []byte {
	ext, found := m.VendorExt()
	if !found || !bytes.HasPrefix(ext, []byte(addressLabel)) {
		return nil
	}
	return bytes.Clone(ext)
}

// stands says whether addresses are those that were bound. Where nothing was, or none are told, there is nothing to compare.
func stands(bound, addresses []byte) bool {
	return bound == nil || addresses == nil || subtle.ConstantTimeCompare(bound, bindAddresses(addresses)) == 1
}

// checkUpdate compares what an authenticated update binds with the description that it came in. A peer that has bound its addresses
// before must go on.
func checkUpdate(m *mikey.Message, addresses, before []byte) (bound []byte, err error) {
	bound = boundBy(m)
	if bound == nil && before != nil && addresses != nil || !stands(bound, addresses) {
		return nil, ErrAddresses
	}
	return bound, nil
}

// checkAnswer does so for the answer to one. What it leaves unbound stands as it was.
func checkAnswer(m *mikey.Message, addresses, before []byte) (bound []byte, err error) {
	if bound = boundBy(m); bound == nil {
		bound = before
	}
	if !stands(bound, addresses) {
		return nil, ErrAddresses
	}
	return bound, nil
}
