package offer

import "net/netip"

// Addresses are the canonical octets of where the peer wants its audio: c= address and m= port of the audio line. A MIKEY
// update binds them (keying.Call). nil where there is no such line or no usable address; nobody sends media there.
func (d *Description) Addresses() []byte {
	m, err := d.Audio()
	if err != nil {
		return nil
	}
	return canonical(m.Addr)
}

// Addresses are the canonical octets of where we want our audio, as our descriptions say it.
func (l Local) Addresses() []byte { return canonical(l.Addr) }

// canonical makes 18 octets: the address, of version 4 in its mapped form, and the port.
func canonical(a netip.AddrPort) []byte {
	if !a.IsValid() {
		return nil
	}
	addr := a.Addr().As16()
	return append(addr[:], byte(a.Port()>>8), byte(a.Port()))
}
