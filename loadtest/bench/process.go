package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// child is a process of ours, bound to some cores.
type child struct {
	cmd   *exec.Cmd
	ended chan struct{}
	err   error // valid once ended is closed
	out   buffer
	log   buffer
}

// buffer takes what a process writes while others read it.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// launch starts this very program with other arguments, and env beside the environment of this one. When ctx ends it is interrupted, and killed if it does not heed that.
func launch(ctx context.Context, cores []int, env []string, stdout io.Writer, args ...string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	c := &child{ended: make(chan struct{})}
	c.cmd = exec.CommandContext(ctx, self, args...) //nolint:gosec // this program, with our own arguments
	c.cmd.Cancel = func() error { return c.cmd.Process.Signal(os.Interrupt) }
	c.cmd.Env = append(os.Environ(), env...)
	c.cmd.WaitDelay = stopPatience
	c.cmd.Stdout, c.cmd.Stderr = &c.out, &c.log
	if stdout != nil {
		c.cmd.Stdout = stdout
	}
	if err := startOn(c.cmd, cores); err != nil {
		return nil, fmt.Errorf("bench: %s: %w", args[0], err)
	}
	go func() {
		c.err = c.cmd.Wait()
		close(c.ended)
	}()
	return c, nil
}

// startOn starts a process from a thread that is bound to the cores, which the process inherits; the thread ends.
func startOn(cmd *exec.Cmd, cores []int) error {
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		var set unix.CPUSet
		for _, c := range cores {
			set.Set(c)
		}
		if err := unix.SchedSetaffinity(0, &set); err != nil {
			started <- fmt.Errorf("cores %v: %w", cores, err)
			return
		}
		started <- cmd.Start()
	}()
	return <-started
}

// stop interrupts the process and waits for it.
func (c *child) stop() error {
	_ = c.cmd.Process.Signal(os.Interrupt) // it may have ended
	select {
	case <-c.ended:
	case <-time.After(stopPatience):
		_ = c.cmd.Process.Kill()
		<-c.ended
		return errors.New("bench: the server did not end when it was asked to")
	}
	return nil
}

// said is the end of what the process had to say, for an error.
func (c *child) said() string {
	text := strings.TrimSpace(c.log.String())
	return text[max(0, len(text)-logTail):]
}

// awaitLine reads lines until one holds word; what comes after it is read and thrown away, so that the writer never waits.
func awaitLine(r io.Reader, word string) <-chan bool {
	found := make(chan bool, 1)
	go func() {
		lines := bufio.NewScanner(r)
		for lines.Scan() {
			if strings.Contains(lines.Text(), word) {
				found <- true
				_, _ = io.Copy(io.Discard, r) // until the process ends
				return
			}
		}
		found <- false
	}()
	return found
}

// processTime is the processor time that a process has used, in all its threads: its own clock (clock_getcpuclockid(3)), which is finer
// than the ticks of proc(5).
func processTime(pid int) (time.Duration, error) {
	const schedClock = 2 // CPUCLOCK_SCHED, of a process
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|schedClock), &ts); err != nil {
		return 0, fmt.Errorf("bench: processor time: %w", err)
	}
	return time.Duration(ts.Nano()), nil
}
