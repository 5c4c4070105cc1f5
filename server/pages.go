package server

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// hugePage is the size of the machine's (x86-64, and arm64 with pages of 4 KiB).
const hugePage = 2 << 20

// reservePages asks the kernel to back so much of the heap with huge pages, where it was told to leave that to the program. What a tick touches
// of a leg is scattered over some 40 KiB, and with hundreds of legs each of its small pages is looked up anew, in a virtual machine
// through two sets of tables: 200 legs with G.711 took a tenth more without.
//
// The runtime has no way to ask for that. But the pages of an object that is never written are mapped without being there, and when it is let
// go what is allocated next is put into them.
func reservePages(octets int) {
	if octets < 2*hugePage {
		return
	}
	room := make([]byte, octets)
	_ = unix.Madvise(room[:octets/hugePage*hugePage], unix.MADV_HUGEPAGE) // a wish: refused where the kernel has none
	runtime.KeepAlive(room)
	room = nil
	runtime.GC() // lets it go
}
