package media

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// message is struct mmsghdr.
type message struct {
	header unix.Msghdr
	length uint32
}

// drain is what one worker needs to read a batch of datagrams. Streams borrow one for the length of a tick: a buffer of this
// size per stream would be 16 KiB for every leg.
type drain struct {
	messages [batch]message
	vectors  [batch]unix.Iovec
	names    [batch][sockaddrSize]byte
	control  [batch][8]uint64 // of uint64 for the alignment of struct cmsghdr
	buffers  [batch][maxDatagram]byte
	spare    [maxDatagram]byte // for a decryption that may fail and be tried again
}

// newDrain wires the headers to the buffers, once.
func newDrain() *drain {
	d := &drain{}
	for i := range d.messages {
		d.vectors[i].Base = &d.buffers[i][0]
		d.vectors[i].SetLen(maxDatagram)
		h := &d.messages[i].header
		h.Iov = &d.vectors[i]
		h.SetIovlen(1)
		h.Name = &d.names[i][0]
		h.Control = (*byte)(unsafe.Pointer(&d.control[i][0])) //nolint:gosec // G103: octets of an array that lives as long as d
	}
	return d
}

// receive reads at most so many datagrams, up to batch, without waiting, and says how many.
func (d *drain) receive(s socket, most int) int {
	for i := range d.messages[:most] { // a call leaves its own lengths behind
		h := &d.messages[i].header
		h.Namelen = sockaddrSize
		h.SetControllen(int(unsafe.Sizeof(d.control[i])))
	}
	first := &d.messages[0]
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(s.fd),
		uintptr(unsafe.Pointer(first)), uintptr(most), unix.MSG_DONTWAIT, 0, 0) //nolint:gosec // G103: the form for system calls
	if errno != 0 {
		return 0
	}
	return int(n)
}

// packet returns datagram i, with the rest of its buffer as capacity; nil when it was longer than any packet may be.
func (d *drain) packet(i int) []byte {
	m := &d.messages[i]
	if m.header.Flags&unix.MSG_TRUNC != 0 || m.length > maxDatagram {
		return nil
	}
	return d.buffers[i][:m.length]
}

// arrival is the kernel's receive time of datagram i in nanoseconds since 1970; 0 when there is none.
func (d *drain) arrival(i int) int64 {
	const header = unix.SizeofCmsghdr
	if uint64(d.messages[i].header.Controllen) < header+uint64(unsafe.Sizeof(unix.Timespec{})) {
		return 0
	}
	control := unsafe.Pointer(&d.control[i][0]) //nolint:gosec // G103: struct cmsghdr, whole and aligned by its type
	c := (*unix.Cmsghdr)(control)
	if c.Level != unix.SOL_SOCKET || c.Type != unix.SCM_TIMESTAMPNS {
		return 0
	}
	ts := (*unix.Timespec)(unsafe.Add(control, header))
	return ts.Nano()
}
