package server

import (
	"os"
	"runtime/debug"
	"strconv"
	"strings"
)

const (
	// garbagePercent lets the heap grow to five times what lives in it before it is collected. A collection takes processor time
	// beside the mixer, and set-ups make garbage: half as many set-ups as the machine could bear (SDES over TLS, 250 a second, 200 legs) made
	// ticks 5 ms late in 1.1 and 1.3 % of all cases at the runtime's own 100, in 0.04 % at 400.
	garbagePercent = 400
	// memoryShare of the memory that we may use is where the collector stops to be patient.
	memoryShare = 2
	// memoryBase and memoryPerCall are where it stops before that: 2,000 calls had 200 MiB on the heap that lived, codecs and sockets not
	// counted, and their stacks beside it. Twice that leaves the collector as patient as the runtime has it by itself.
	memoryBase    = 192 << 20
	memoryPerCall = 192 << 10
)

// PaceGarbage sets how patient the garbage collector is with so many calls allowed. The environment variables of the Go runtime, GOGC and GOMEMLIMIT, win.
func PaceGarbage(calls int) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	limit := int64(memoryBase + calls*memoryPerCall)
	if ours := memory("/proc/meminfo", "/sys/fs/cgroup/memory.max") / memoryShare; ours > 0 {
		limit = min(limit, ours)
	}
	debug.SetMemoryLimit(limit)
}

// memory is what this process may use, in octets: the machine's (proc_meminfo(5)), or less where a container says so (memory.max of
// cgroup version 2). 0: not known.
func memory(machine, container string) int64 {
	var all int64
	text, err := os.ReadFile(machine) //nolint:gosec // a file of the kernel
	if err == nil {
		if first := strings.Fields(string(text)); len(first) >= 2 && first[0] == "MemTotal:" {
			kib, _ := strconv.ParseInt(first[1], 10, 64) // 0 when it cannot be read: not known
			all = kib << 10
		}
	}
	text, err = os.ReadFile(container) //nolint:gosec // a file of the kernel
	if err != nil {
		return all
	}
	limit, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64) // "max" where there is no limit
	if err != nil || limit <= 0 || all > 0 && limit > all {
		return all
	}
	return limit
}
