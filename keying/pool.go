package keying

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"
)

// PoolConfig bounds the Diffie-Hellman and RSA work in progress; zero fields take defaults.
type PoolConfig struct {
	Workers  int           // operations at a time; 0: half of GOMAXPROCS, at least 1, so that media keeps the other half
	Queue    int           // operations that may wait; 0: 64
	Deadline time.Duration // longest wait for a worker; 0: 250 ms
}

// Pool runs Diffie-Hellman and RSA private key operations, few at a time, each on a thread that gives way to all others: whoever
// waits for an answer waits a little longer, so that those who talk are heard in time. It may be shared by many Keyers and used
// from any goroutine.
type Pool struct {
	workers  chan struct{} // holds a token for each operation that runs
	places   chan struct{} // holds a token for each operation that runs or waits
	jobs     chan job      // to threads that wait for another
	deadline time.Duration // set once
	done     atomic.Uint64
	refused  atomic.Uint64
}

// NewPool makes a pool.
func NewPool(c PoolConfig) *Pool {
	if c.Workers <= 0 {
		c.Workers = max(1, runtime.GOMAXPROCS(0)/2)
	}
	if c.Queue <= 0 {
		c.Queue = defaultQueue
	}
	if c.Deadline <= 0 {
		c.Deadline = defaultDeadline
	}
	return &Pool{
		workers:  make(chan struct{}, c.Workers),
		places:   make(chan struct{}, c.Workers+c.Queue),
		jobs:     make(chan job),
		deadline: c.Deadline,
	}
}

// Done counts the operations that were begun: the proof that refused messages cost none.
func (p *Pool) Done() uint64 { return p.done.Load() }

// Refused counts operations that found no place or no worker in time.
func (p *Pool) Refused() uint64 { return p.refused.Load() }

// Waiting is the number of operations that run or wait now.
func (p *Pool) Waiting() int { return len(p.places) }

// place is a worker held for one operation; release gives it back.
type place struct{ pool *Pool }

// reserve waits for a worker, not longer than the deadline or ctx, so that a caller can be sure of it before it changes state.
func (p *Pool) reserve(ctx context.Context) (place, error) {
	select {
	case p.places <- struct{}{}:
	default:
		p.refused.Add(1)
		return place{}, ErrBusy
	}
	timer := time.NewTimer(p.deadline)
	defer timer.Stop()
	select {
	case p.workers <- struct{}{}:
		return place{p}, nil
	case <-timer.C:
		<-p.places
		p.refused.Add(1)
		return place{}, ErrBusy
	case <-ctx.Done():
		<-p.places
		return place{}, fmt.Errorf("keying: waiting for the pool: %w", ctx.Err())
	}
}

// run counts op and runs it.
func (l place) run(op func()) error {
	l.pool.done.Add(1)
	return l.pool.behind(op)
}

func (l place) release() {
	<-l.pool.workers
	<-l.pool.places
}

// do is reserve, run and release in one.
func (p *Pool) do(ctx context.Context, op func()) error {
	l, err := p.reserve(ctx)
	if err != nil {
		return err
	}
	defer l.release()
	return l.run(op)
}
