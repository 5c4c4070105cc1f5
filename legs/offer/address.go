package offer

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
)

// mediaAddress makes the address of a medium, or the zero value when there is none that RTP may be sent to: names are not
// resolved (a stranger's description must not make us ask the DNS), groups and broadcast are no peers, zones name our
// own interfaces.
func mediaAddress(c *sdp.ConnectionInformation, port uint16) netip.AddrPort {
	if c == nil || c.Address == nil {
		return netip.AddrPort{}
	}
	return unicast(c.AddressType, c.Address.Address, port)
}

// unicast reads an address of a c= line or an a=rtcp. The unspecified address is kept: it is the old way to hold
// (RFC 3264 section 8.4).
func unicast(family, text string, port uint16) netip.AddrPort {
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" {
		return netip.AddrPort{}
	}
	if addr.Is4() != (family == "IP4") {
		return netip.AddrPort{}
	}
	addr = addr.Unmap()
	if addr.IsMulticast() || addr == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(addr, port)
}

// Addr is where the peer wants the audio that Answer would answer; not valid where it names no address, or there is none.
func (d *Description) Addr() netip.AddrPort {
	index, err := d.audio()
	if err != nil {
		return netip.AddrPort{}
	}
	return d.Media[index].Addr
}

// nextPort is where RTCP goes when nothing else is said (RFC 3550 section 11). The zero value stays zero, and a port
// beyond the range has no next.
func nextPort(a netip.AddrPort) netip.AddrPort {
	if !a.IsValid() || a.Port() == 0 || a.Port() == 1<<16-1 {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a.Addr(), a.Port()+1)
}

// rtcp reads a=rtcp (RFC 3605): "port" or "port IN IP4 address". The address falls back to that of the medium.
func (m *Media) rtcp(value string) error {
	fields := strings.Fields(value)
	if len(fields) != 1 && len(fields) != 4 {
		return ErrSyntax
	}
	port, err := strconv.ParseUint(fields[0], 10, 16)
	if err != nil || port == 0 {
		return ErrSyntax
	}
	addr := netip.AddrPort{}
	if len(fields) == 4 {
		addr = unicast(fields[2], fields[3], uint16(port))
	} else if m.Addr.IsValid() {
		addr = netip.AddrPortFrom(m.Addr.Addr(), uint16(port))
	}
	m.RTCP = addr
	return nil
}

// family is the addrtype of an address (RFC 8866 section 5.7).
func family(a netip.Addr) string {
	if a.Is4() || a.Is4In6() {
		return "IP4"
	}
	return "IP6"
}
