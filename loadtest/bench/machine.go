package bench

import (
	"fmt"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// Machine is where the figures come from.
type Machine struct {
	Processor string `json:"processor"`
	Cores     int    `json:"cores"`
	Kernel    string `json:"kernel"`
	Go        string `json:"go"`
}

// thisMachine describes this one.
func thisMachine(all []int) Machine {
	m := Machine{Processor: runtime.GOARCH, Cores: len(all), Go: runtime.Version()}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				m.Processor = strings.TrimSpace(value)
				break
			}
		}
	}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		release, _, _ := strings.Cut(unix.ByteSliceToString(u.Release[:]), "-") // what follows is the distributor's
		m.Kernel = unix.ByteSliceToString(u.Sysname[:]) + " " + release
	}
	return m
}

// Shared says what it means that there is one core; "" where there are more.
func (m Machine) Shared() string {
	if m.Cores > 1 {
		return ""
	}
	return "There is one core only, which the server, the callers and the peers of the floor share: ticks wait for them, and caches are theirs, too."
}

// String is the machine in a line.
func (m Machine) String() string {
	return fmt.Sprintf("%s, %d cores, %s, %s", m.Processor, m.Cores, m.Kernel, m.Go)
}
