package server

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// hugeAlone has this binary run that test and nothing else.
const hugeAlone = "CONCLAVE_TEST_HUGE_PAGES"

// TestBackByHugePages: what is allocated afterwards lies where huge pages were asked for. In a process of its own, as a server that begins: the heap
// of one that has run other tests has room elsewhere too.
func TestBackByHugePages(t *testing.T) {
	if os.Getenv(hugeAlone) == "" {
		alone := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestBackByHugePages$", "-test.v") //nolint:gosec // G204: this binary
		alone.Env = append(os.Environ(), hugeAlone+"=1")
		told, err := alone.CombinedOutput()
		switch {
		case err != nil:
			t.Errorf("%v\n%s", err, told)
		case bytes.Contains(told, []byte("--- SKIP")):
			t.Skipf("%s", told)
		case !bytes.Contains(told, []byte("--- PASS: TestBackByHugePages")):
			t.Errorf("it did not run:\n%s", told)
		}
		return
	}
	probe, err := unix.Mmap(-1, 0, hugePiece, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Madvise(probe, unix.MADV_HUGEPAGE); err != nil {
		t.Skipf("this kernel has no huge pages for programs: %v", err)
	}
	if err := unix.Munmap(probe); err != nil {
		t.Fatal(err)
	}
	BackByHugePages(100)
	var kept [512][]byte
	for i := range kept {
		kept[i] = make([]byte, 64<<10)
	}
	if asked := advised(t, kept[:]); asked < len(kept)/2 {
		t.Errorf("%d of %d objects of 64 KiB lie where huge pages were asked for", asked, len(kept))
	}
}

// advised is how many lie where huge pages were asked for ("hg" in smaps of proc(5)).
func advised(t *testing.T, objects [][]byte) (n int) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Skipf("no smaps: %v", err)
	}
	var from, to uintptr
	for line := range strings.Lines(string(text)) {
		var a, b uintptr
		if parsed, _ := fmt.Sscanf(line, "%x-%x ", &a, &b); parsed == 2 {
			from, to = a, b
		}
		if flags, ok := strings.CutPrefix(line, "VmFlags:"); !ok || !strings.Contains(flags, " hg ") {
			continue
		}
		for _, o := range objects {
			if at := uintptr(unsafe.Pointer(&o[0])); from <= at && at < to { //nolint:gosec // G103: where it lies, and no more
				n++
			}
		}
	}
	return n
}
