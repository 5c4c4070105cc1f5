package loadtest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/conclave/conclave/legs"
)

// change is a change of keys that came to an end: ours says that this side began it.
type change struct {
	ours bool
	err  error
}

// changed is told by the leg (legs.Line.OnRekey); it must not wait.
func (c *Caller) changed(_ *legs.Leg, ours bool, err error) {
	select {
	case c.changes <- change{ours, err}:
	default:
	}
}

// ErrRekey says that keys were not changed.
var ErrRekey = errors.New("loadtest: rekey")

// Rekey changes the keys of the call from this side and waits until the new ones run.
func (c *Caller) Rekey(ctx context.Context) error { return c.rekey(ctx, true, c.leg.Rekey) }

// Rekeyed waits until keys run that the server made after ask.
func (c *Caller) Rekeyed(ctx context.Context, ask func(context.Context) error) error {
	return c.rekey(ctx, false, ask)
}

func (c *Caller) rekey(ctx context.Context, ours bool, begin func(context.Context) error) error {
	for len(c.changes) > 0 { // what came of earlier ones
		<-c.changes
	}
	if err := begin(ctx); err != nil {
		return fmt.Errorf("%w: %w", ErrRekey, err)
	}
	for {
		select {
		case done := <-c.changes:
			if done.ours != ours {
				continue // the other side's own
			}
			if done.err != nil {
				return fmt.Errorf("%w: %w", ErrRekey, done.err)
			}
			return nil
		case <-c.ended:
			return fmt.Errorf("%w: the call ended: %s", ErrRekey, c.ending.Reason)
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ErrRekey, ctx.Err())
		}
	}
}

// spoiled counts the packets of the call, as this side hears it, that a change of keys must not cost.
func (c *Caller) spoiled() uint64 {
	s := c.leg.Stream().Snapshot()
	return s.Lost + s.AuthFailed + s.Replayed
}

// rekeyer is the life of a caller of the script rekey, from when all have joined until the measurement ends: it changes the keys of
// the call again and again, by turns from this side and by the server's API.
func (w *swarm) rekeyer(ctx context.Context, c *swarmCaller, i int, call *Caller, measured <-chan struct{}) *Caller {
	if !w.allThere(ctx, call) {
		return call
	}
	before := call.spoiled()
	defer func() { w.tally.spoilt(before, call.spoiled()) }()
	// Dealt over the interval, so that the changes come one after the other and not in a burst.
	wait := w.RekeyEvery * time.Duration(i) / time.Duration(len(w.callers))
	for turn := i; restOr(ctx, measured, call.Gone(), wait); turn++ {
		select {
		case <-call.Gone():
			return call
		default:
		}
		begun := time.Now()
		err := w.rekey(ctx, c, call, turn%2 == 0)
		w.tally.rekeyed(err)
		wait = w.RekeyEvery - time.Since(begun)
	}
	return call
}

// allThere waits until all have joined; false: the call or the run ended meanwhile.
func (w *swarm) allThere(ctx context.Context, call *Caller) bool {
	select {
	case <-w.ready:
		return true
	case <-call.Gone():
		return false
	case <-ctx.Done():
		return false
	}
}

// rekey makes one change of keys. It is not broken off by the end of the measurement.
func (w *swarm) rekey(ctx context.Context, c *swarmCaller, call *Caller, own bool) error {
	ctx, cancel := context.WithTimeout(ctx, rekeyPatience)
	defer cancel()
	if own {
		return call.Rekey(ctx)
	}
	if err := w.findSeat(ctx, c); err != nil {
		return fmt.Errorf("%w: %w", ErrRekey, err)
	}
	return call.Rekeyed(ctx, func(ctx context.Context) error { return w.Target.admin.Rekey(ctx, c.room.name, c.seat) })
}

// findSeat asks for the caller's seat, once.
func (w *swarm) findSeat(ctx context.Context, c *swarmCaller) (err error) {
	if c.seat == "" {
		c.seat, err = w.Target.seat(ctx, c.room.name, c.bundle.Account)
	}
	return err
}
