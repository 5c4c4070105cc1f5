package keying

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"

	"github.com/conclave/conclave/keying/mikey"
)

// An update proves who sent its octets, and nothing about the description around them: somebody on the way could pass it on
// with media addresses of his own (RFC 4567 section 8). Updates of ours therefore carry a hash of the addresses in a vendor
// extension, which peers that do not know it pass over.

// addressLabel begins the extension: what follows is the SHA-256 of Call.Addresses.
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

// checkAddresses compares what an authenticated update binds with the description that it came in. bound says whether it binds
// any; a peer that has done so once must go on.
func checkAddresses(m *mikey.Message, addresses []byte, before bool) (bound bool, err error) {
	ext, found := m.VendorExt()
	if !found || len(ext) < len(addressLabel) || string(ext[:len(addressLabel)]) != addressLabel {
		if before && addresses != nil {
			return false, ErrAddresses
		}
		return false, nil
	}
	if addresses != nil && subtle.ConstantTimeCompare(ext, bindAddresses(addresses)) != 1 {
		return false, ErrAddresses
	}
	return true, nil
}
