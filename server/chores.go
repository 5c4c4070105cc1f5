package server

import (
	"context"
	"sync"
	"time"
)

// chores are pieces of work that go on after the request that asked for them was answered: bounded in number and in time, and
// awaited when the server closes.
type chores struct {
	patience time.Duration   // bounds one of them
	slots    chan struct{}   // semaphore
	ctx      context.Context //nolint:containedctx // of all of them: ends with stop
	stop     context.CancelFunc
	wg       sync.WaitGroup

	mu     sync.Mutex
	closed bool
}

func newChores(most int, patience time.Duration) *chores {
	ctx, stop := context.WithCancel(context.Background())
	return &chores{patience: patience, slots: make(chan struct{}, most), ctx: ctx, stop: stop}
}

// begin runs f in a goroutine, or returns false where too many run already or the server closes.
func (c *chores) begin(f func(context.Context)) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	select {
	case c.slots <- struct{}{}:
	default:
		return false
	}
	c.wg.Go(func() {
		defer func() { <-c.slots }()
		ctx, cancel := context.WithTimeout(c.ctx, c.patience)
		defer cancel()
		f(ctx)
	})
	return true
}

// close takes no more and waits for those that run; the legs that they wait for are gone by then, or they were stopped.
func (c *chores) close() {
	defer c.stop()
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.wg.Wait()
}
