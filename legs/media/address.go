package media

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// sockaddrSize is that of sockaddr_in6, the larger of the two.
const (
	sockaddrSize  = 28
	sockaddrSize4 = 16
)

// address is a socket address in the form that the kernel takes, and as people read it.
type address struct {
	raw    [sockaddrSize]byte // struct sockaddr_in or sockaddr_in6
	length uint32             // octets of raw in use; 0: no address
	where  netip.AddrPort
}

// destination is where packets may be sent to, as people read it.
func destination(to netip.AddrPort) (netip.AddrPort, error) {
	ip := to.Addr().Unmap()
	if to.Port() == 0 || !ip.IsValid() || ip.IsUnspecified() || ip.IsMulticast() {
		return netip.AddrPort{}, fmt.Errorf("%w: address %s", ErrParams, to)
	}
	return netip.AddrPortFrom(ip, to.Port()), nil
}

// newAddress builds the address for a socket of the given family; an IPv6 socket takes IPv4 addresses mapped.
func newAddress(to netip.AddrPort, ipv6 bool) (a address, err error) {
	if a.where, err = destination(to); err != nil {
		return a, err
	}
	ip := a.where.Addr()
	if !ipv6 {
		if !ip.Is4() {
			return a, fmt.Errorf("%w: %s from an IPv4 socket", ErrFamily, to)
		}
		binary.NativeEndian.PutUint16(a.raw[0:], unix.AF_INET)
		octets := ip.As4()
		copy(a.raw[4:], octets[:])
		a.length = sockaddrSize4
	} else {
		binary.NativeEndian.PutUint16(a.raw[0:], unix.AF_INET6)
		octets := ip.As16()
		copy(a.raw[8:], octets[:])
		a.length = sockaddrSize
	}
	binary.BigEndian.PutUint16(a.raw[2:], to.Port())
	return a, nil
}

// source reads a socket address that the kernel wrote; the zero AddrPort when it is of another family.
func source(raw *[sockaddrSize]byte) netip.AddrPort {
	port := binary.BigEndian.Uint16(raw[2:])
	switch binary.NativeEndian.Uint16(raw[0:]) {
	case unix.AF_INET:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(raw[4:8])), port)
	case unix.AF_INET6:
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte(raw[8:24])).Unmap(), port)
	}
	return netip.AddrPort{}
}
