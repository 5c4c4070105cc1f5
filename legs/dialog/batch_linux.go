package dialog

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// batch reads datagrams of a socket many at a time, and sends the front's answers to them likewise: whoever floods us pays for two
// system calls a batch, not a datagram. It belongs to the goroutine that reads.
type batch struct {
	raw     syscall.RawConn
	in, out [batchSize]message
	vectors [2 * batchSize]unix.Iovec
	names   [batchSize]unix.RawSockaddrInet6 // room for either family
	buffers [batchSize][maxDatagram]byte
	texts   [batchSize][usualAnswer]byte // of most answers
	read    int                          // datagrams in buffers
	next    int                          // the next of them
	answers int                          // in out
	pause   time.Duration
}

// message is struct mmsghdr.
type message struct {
	header unix.Msghdr
	length uint32
}

// newBatch wires the headers to the buffers, once.
func newBatch(pc net.PacketConn) (*batch, error) {
	conn, ok := pc.(syscall.Conn)
	if !ok {
		return nil, errors.New("dialog: no socket of the system's")
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	b := &batch{raw: raw, pause: shedPause}
	if err := raw.Control(func(fd uintptr) {
		if granted, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF); err == nil {
			b.pause = pauseWith(granted)
		}
	}); err != nil {
		return nil, err
	}
	for i := range b.in {
		b.vectors[i].Base = &b.buffers[i][0]
		b.vectors[i].SetLen(maxDatagram)
		b.in[i].header.Iov, b.out[i].header.Iov = &b.vectors[i], &b.vectors[batchSize+i]
		b.in[i].header.SetIovlen(1)
		b.out[i].header.SetIovlen(1)
		b.in[i].header.Name = (*byte)(unsafe.Pointer(&b.names[i])) //nolint:gosec // G103: an array that lives as long as b
	}
	return b, nil
}

// receive gives the next datagram and where it came from. It waits, until the read deadline of the socket, when there is none; answers
// go out before that.
func (b *batch) receive() ([]byte, netip.AddrPort, error) {
	if b.next == b.read {
		b.flush()
		if err := b.fill(); err != nil {
			return nil, netip.AddrPort{}, err
		}
	}
	i := b.next
	b.next++
	return b.buffers[i][:b.in[i].length], address(&b.names[i]), nil
}

// idle tells that all of a batch were looked at, that it was not full, and that some were answered: there is time to let the next one fill.
func (b *batch) idle() bool { return b.next == b.read && b.read < batchSize && b.answers > 0 }

// pauseWith is how long a socket may be left alone whose receive buffer has so many octets, as the kernel counts them: half of it is filled then.
func pauseWith(buffer int) time.Duration {
	return min(shedPause, time.Duration(float64(buffer)/2/shedFlow*float64(time.Second)))
}

func (b *batch) fill() error {
	b.read, b.next = 0, 0
	for i := range b.in {
		b.in[i].header.Namelen = uint32(unsafe.Sizeof(b.names[i]))
	}
	var errno unix.Errno
	err := b.raw.Read(func(fd uintptr) bool {
		var n uintptr
		n, _, errno = unix.RawSyscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&b.in[0])), batchSize, unix.MSG_DONTWAIT, 0, 0) //nolint:gosec // G103: the form for system calls
		if errno == 0 {
			b.read = int(n)
		}
		return errno != unix.EAGAIN && errno != unix.EINTR
	})
	if err == nil && errno != 0 {
		return os.NewSyscallError("recvmmsg", errno)
	}
	return err
}

// room is where the answer to the datagram that receive gave last may be written.
func (b *batch) room() []byte { return b.texts[b.answers][:0:usualAnswer] }

// answer keeps an answer to the datagram that receive gave last, until all of the batch were looked at. The octets are the batch's
// from then on.
func (b *batch) answer(text []byte) {
	if len(text) == 0 {
		return
	}
	m, v := &b.out[b.answers], &b.vectors[batchSize+b.answers]
	from := &b.in[b.next-1].header
	m.header.Name, m.header.Namelen = from.Name, from.Namelen
	v.Base = &text[0]
	v.SetLen(len(text))
	b.answers++
}

// flush sends the answers, as far as the kernel takes them: a lost one is asked for again.
func (b *batch) flush() {
	for sent := 0; sent < b.answers; {
		n, errno := uintptr(0), unix.Errno(0)
		err := b.raw.Control(func(fd uintptr) {
			n, _, errno = unix.RawSyscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&b.out[sent])), //nolint:gosec // G103: the form for system calls
				uintptr(b.answers-sent), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
		})
		switch {
		case err != nil, errno == unix.EAGAIN:
			sent = b.answers
		case errno != 0:
			sent++ // this one cannot be sent; the others may
		default:
			sent += int(n)
		}
	}
	for i := range b.answers {
		b.vectors[batchSize+i].Base = nil
	}
	b.answers = 0
}

// drops is how many datagrams the kernel has dropped at the socket, for lack of room in its buffer; 0 when it does not tell. Any goroutine.
func (b *batch) drops() (n uint64) {
	var info [unix.SK_MEMINFO_VARS]uint32
	size := uint32(unsafe.Sizeof(info))
	_ = b.raw.Control(func(fd uintptr) {
		_, _, errno := unix.RawSyscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0) //nolint:gosec // G103: the form for system calls
		if errno == 0 {
			n = uint64(info[unix.SK_MEMINFO_DROPS])
		}
	})
	return n
}

// address reads a socket address of either family.
func address(name *unix.RawSockaddrInet6) netip.AddrPort {
	if name.Family == unix.AF_INET {
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(name)) //nolint:gosec // G103: the same octets, as its family says
		return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), port(&v4.Port))
	}
	a := netip.AddrFrom16(name.Addr).Unmap()
	if name.Scope_id != 0 && a.Is6() {
		if zone, err := net.InterfaceByIndex(int(name.Scope_id)); err == nil {
			a = a.WithZone(zone.Name)
		}
	}
	return netip.AddrPortFrom(a, port(&name.Port))
}

// port is in network order.
func port(p *uint16) uint16 {
	return binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(p))[:]) //nolint:gosec // G103: its two octets
}
