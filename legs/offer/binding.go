package offer

import "net/netip"

// Addresses are the canonical octets of where we want our audio, as our descriptions say it.
func (l Local) Addresses() []byte { return canonical(l.Addr) }

// canonical makes 18 octets: the address, of version 4 in its mapped form, and the port. nil where there is no usable address, or the
// one that holds a call the old way (RFC 3264 section 8.4): nobody sends media there.
func canonical(a netip.AddrPort) []byte {
	if !a.IsValid() || a.Addr().Unmap().IsUnspecified() {
		return nil
	}
	addr := a.Addr().As16()
	return append(addr[:], byte(a.Port()>>8), byte(a.Port()))
}
