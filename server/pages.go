package server

import (
	"bytes"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

const (
	// hugePiece is that of the heap for which huge pages, of 2 MiB mostly, are asked at once; next to one another they become one.
	hugePiece = 2 << 20
	// hugeMost bounds what is asked for: some 5,000 calls.
	hugeMost = 1 << 30
)

// BackByHugePages asks the kernel to back the heap of so many calls with huge pages, where the machine leaves that to programs ("madvise",
// Documentation/admin-guide/mm/transhuge.rst of Linux). What a tick touches of a leg is scattered over 40 KiB, and with hundreds of legs the
// processor has forgotten where each of its pages is when its turn comes again: 200 legs with G.711 took a tenth more without. It takes no memory
// before it is used, and where it is refused nothing is lost.
//
// The runtime has no call for that. But the pages of an object that nobody has written are mapped and not there yet, and when it is let go,
// what is allocated next is put into them.
func BackByHugePages(calls int) {
	if strict, _ := os.ReadFile("/proc/sys/vm/overcommit_memory"); bytes.HasPrefix(strict, []byte("2")) {
		return // what is mapped counts as if it were there
	}
	var most unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_AS, &most); err != nil || most.Cur != unix.RLIM_INFINITY {
		return // the same, and the runtime ends a process that gets none
	}
	room := make([][]byte, min(memoryBase+calls*memoryPerCall, hugeMost)/hugePiece) // in pieces, for one whole would leave gaps before it
	for i := range room {
		room[i] = make([]byte, hugePiece)
		_ = unix.Madvise(room[i], unix.MADV_HUGEPAGE)
	}
	runtime.KeepAlive(room)
	runtime.GC() // lets it go
}
