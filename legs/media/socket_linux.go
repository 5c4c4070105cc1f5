package media

import (
	"errors"
	"fmt"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// socket is a non-blocking UDP socket outside Go's poller: it is read when a tick says so, and nobody waits on it.
type socket struct {
	fd   int
	port uint16
}

// openSocket binds a socket; port 0 lets the kernel choose.
func openSocket(ip netip.Addr, port uint16) (socket, error) {
	family, bound := unix.AF_INET, unix.Sockaddr(&unix.SockaddrInet4{Port: int(port), Addr: ip4(ip)})
	if !ip.Is4() {
		family, bound = unix.AF_INET6, &unix.SockaddrInet6{Port: int(port), Addr: ip.As16()}
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_UDP)
	if err != nil {
		return socket{fd: -1}, fmt.Errorf("%w: %w", ErrSocket, err)
	}
	s := socket{fd: fd}
	if s.port, err = s.bind(family, ip, bound); err != nil {
		return socket{fd: -1}, errors.Join(fmt.Errorf("%w: %w", ErrSocket, err), s.close())
	}
	return s, nil
}

// bind sets the options and the address, and says which port it became.
func (s socket) bind(family int, ip netip.Addr, to unix.Sockaddr) (uint16, error) {
	if err := s.configure(family, ip); err != nil {
		return 0, err
	}
	if err := unix.Bind(s.fd, to); err != nil {
		return 0, err
	}
	return s.boundPort()
}

// ip4 is As4 for an address that may be IPv6 and is then not used.
func ip4(ip netip.Addr) [4]byte {
	if ip.Is4() {
		return ip.As4()
	}
	return [4]byte{}
}

// configure asks for arrival times in the kernel; the marks and buffer sizes are wishes, refused in some containers.
func (s socket) configure(family int, ip netip.Addr) error {
	if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		return err
	}
	_ = unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer)
	if family == unix.AF_INET {
		_ = unix.SetsockoptInt(s.fd, unix.IPPROTO_IP, unix.IP_TOS, dscpEF)
		return nil
	}
	_ = unix.SetsockoptInt(s.fd, unix.IPPROTO_IPV6, unix.IPV6_TCLASS, dscpEF)
	if ip.IsUnspecified() {
		return unix.SetsockoptInt(s.fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0)
	}
	return nil
}

func (s socket) boundPort() (uint16, error) {
	name, err := unix.Getsockname(s.fd)
	if err != nil {
		return 0, err
	}
	switch a := name.(type) {
	case *unix.SockaddrInet4:
		return uint16(a.Port), nil
	case *unix.SockaddrInet6:
		return uint16(a.Port), nil
	}
	return 0, unix.EAFNOSUPPORT
}

func (s socket) close() error {
	if s.fd < 0 {
		return nil
	}
	return unix.Close(s.fd)
}

// send writes one datagram and says whether the kernel took it.
func (s socket) send(packet []byte, to *address) bool { return s.sendTo(packet, to) == 0 }

// write is send for those who want to know why not.
func (s socket) write(packet []byte, to *address) error {
	if errno := s.sendTo(packet, to); errno != 0 {
		return errno
	}
	return nil
}

// sendTo is a raw system call because it never blocks: telling the scheduler would cost more than the call's own entry.
func (s socket) sendTo(packet []byte, to *address) unix.Errno {
	if len(packet) == 0 {
		return unix.EINVAL
	}
	_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fd),
		uintptr(unsafe.Pointer(&packet[0])), uintptr(len(packet)), //nolint:gosec // G103: the form that package unsafe allows for system calls
		unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL,
		uintptr(unsafe.Pointer(&to.raw[0])), uintptr(to.length)) //nolint:gosec // G103: the same
	return errno
}
