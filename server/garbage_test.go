package server

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"
)

func TestMemory(t *testing.T) {
	const machine = "MemTotal:       2000 kB\nMemFree:         999 kB\n"
	for name, c := range map[string]struct {
		machine, container string
		want               int64
	}{
		"no container":               {machine, "", 2000 << 10},
		"container without a limit":  {machine, "max\n", 2000 << 10},
		"container with less":        {machine, "1048576\n", 1 << 20},
		"container with more":        {machine, "99999999999\n", 2000 << 10},
		"nonsense":                   {"Total: many", "some", 0},
		"only the container is told": {"", "4096", 4096},
		"nothing":                    {"", "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			file := func(name, text string) string {
				path := filepath.Join(t.TempDir(), name)
				if text == "" {
					return path // there is none
				}
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				return path
			}
			if got := memory(file("meminfo", c.machine), file("memory.max", c.container)); got != c.want {
				t.Errorf("%d octets, want %d", got, c.want)
			}
		})
	}
}

func TestPaceGarbage(t *testing.T) {
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(-1)
	defer func() { debug.SetGCPercent(percent); debug.SetMemoryLimit(limit) }()
	t.Setenv("GOGC", "100")
	t.Setenv("GOMEMLIMIT", "1GiB")
	PaceGarbage(100)
	if got := debug.SetGCPercent(100); got != 100 || debug.SetMemoryLimit(-1) != limit {
		t.Errorf("the environment did not win: %d %%", got)
	}
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	ours := memory("/proc/meminfo", "/sys/fs/cgroup/memory.max") / memoryShare
	for calls, want := range map[int]int64{0: min(memoryBase, ours), 100: min(memoryBase+100*memoryPerCall, ours), 1 << 30: ours} {
		PaceGarbage(calls)
		if got, most := debug.SetGCPercent(100), debug.SetMemoryLimit(-1); got != garbagePercent || most != want {
			t.Errorf("%d calls: %d %%, limit %d, want %d", calls, got, most, want)
		}
	}
}
