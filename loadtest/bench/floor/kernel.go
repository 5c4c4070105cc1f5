package floor

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// batch is how many datagrams a server takes from a socket at most; one is there.
const batch = 8

// message is struct mmsghdr.
type message struct {
	header unix.Msghdr
	length uint32
	_      uint32
}

// pipes are the sockets of so many legs and of their peers, on loopback.
type pipes struct {
	legs, peers []int
	toLeg       []*unix.SockaddrInet4
	toPeer      []*unix.SockaddrInet4
	packet      [packetOctets]byte
	buffers     [batch][2 * packetOctets]byte
	vectors     [batch]unix.Iovec
	messages    [batch]message
}

// kernelTime is what the kernel takes to receive a packet and to send one, each leg on a socket of its own. On loopback the time to
// send holds the delivery to the receiver, as the time to receive does where there is a network card.
func kernelTime() (us float64, err error) {
	p := &pipes{}
	defer func() { err = errors.Join(err, p.close()) }()
	if err = p.open(); err != nil {
		return 0, err
	}
	return least(rounds*sockets, func(s *stopwatch) error {
		for range rounds {
			if err := p.round(s); err != nil {
				return err
			}
		}
		return nil
	})
}

// round has every peer send a packet, every leg receive it and send one, and every peer receive that; what the legs do is measured.
func (p *pipes) round(s *stopwatch) error {
	for i, fd := range p.peers {
		if err := unix.Sendto(fd, p.packet[:], unix.MSG_DONTWAIT, p.toLeg[i]); err != nil {
			return fmt.Errorf("floor: send: %w", err)
		}
	}
	s.start()
	err := p.serve(0, sockets)
	s.stop()
	if err != nil {
		return err
	}
	for _, fd := range p.peers {
		p.receive(fd)
	}
	return nil
}

// serve has some legs receive a packet and send one, each after the other.
func (p *pipes) serve(from, to int) error {
	for i := from; i < to; i++ {
		if p.receive(p.legs[i]) != 1 {
			return errors.New("floor: a packet over loopback did not arrive")
		}
		if err := unix.Sendto(p.legs[i], p.packet[:], unix.MSG_DONTWAIT, p.toPeer[i]); err != nil {
			return fmt.Errorf("floor: send: %w", err)
		}
	}
	return nil
}

// receive takes what is there, as a server does at its tick.
func (p *pipes) receive(fd int) int {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&p.messages[0])), batch, unix.MSG_DONTWAIT, 0, 0) //nolint:gosec // G103: the form for system calls
	if errno != 0 {
		return 0
	}
	return int(n)
}

// wire points the headers of the messages at their buffers.
func (p *pipes) wire() {
	for i := range p.messages {
		p.vectors[i].Base = &p.buffers[i][0]
		p.vectors[i].SetLen(len(p.buffers[i]))
		p.messages[i].header.Iov = &p.vectors[i]
		p.messages[i].header.SetIovlen(1)
	}
}

func (p *pipes) open() error {
	p.wire()
	for range sockets {
		for _, side := range []struct {
			list *[]int
			to   *[]*unix.SockaddrInet4
		}{{&p.legs, &p.toLeg}, {&p.peers, &p.toPeer}} {
			fd, at, err := socket()
			if fd >= 0 {
				*side.list = append(*side.list, fd)
			}
			if err != nil {
				return fmt.Errorf("floor: socket: %w", err)
			}
			*side.to = append(*side.to, at)
		}
	}
	return nil
}

// socket is a UDP socket on loopback and its address.
func socket() (int, *unix.SockaddrInet4, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_UDP)
	if err != nil {
		return -1, nil, err
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return fd, nil, err
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return fd, nil, err
	}
	at, ok := name.(*unix.SockaddrInet4)
	if !ok {
		return fd, nil, unix.EAFNOSUPPORT
	}
	return fd, at, nil
}

func (p *pipes) close() error {
	var failed error
	for _, fd := range append(p.legs, p.peers...) {
		failed = errors.Join(failed, unix.Close(fd))
	}
	return failed
}
