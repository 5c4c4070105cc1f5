package loadtest

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

// act is what a caller does in a call from when all have joined until the measurement ends. It gives the call that it has then.
type act func(ctx context.Context, c *swarmCaller, i int, call *Caller, measured <-chan struct{}) *Caller

// act is that of the script; nil: callers only talk and listen.
func (w *swarm) act() act {
	switch w.Script {
	case ScriptRekey:
		return w.rekeyer
	case ScriptMove:
		return w.mover
	case ScriptRoam:
		return w.roamer
	}
	return nil
}

// equip gives a caller what the script needs beside its account. putAway takes it back.
func (w *swarm) equip(ctx context.Context, c *swarmCaller) error {
	c.exchange = w.exchange
	switch w.Script {
	case ScriptMove:
		return w.equipDevices(ctx, c)
	case ScriptRoam:
		return w.equipRoamer(c)
	}
	return nil
}

func (w *swarm) putAway(c *swarmCaller) {
	var err error
	if c.person != nil {
		err = c.person.close()
	}
	if c.exchange != w.exchange {
		err = errors.Join(err, c.exchange.Close())
	}
	if err != nil {
		w.tally.lost("no farewell: " + err.Error())
	}
}

// perform is the life of one caller. It joins (again and again with churn) and does what the script says until the measurement ends.
func (w *swarm) perform(ctx context.Context, c *swarmCaller, i int, measured <-chan struct{}) {
	first := sync.OnceFunc(w.joined.Done)
	defer first()
	settled := sync.OnceFunc(w.settling.Done)
	defer settled()
	defer w.putAway(c)
	if err := w.equip(ctx, c); err != nil {
		w.tally.failed(reason(err))
		return
	}
	// A seed of its own for each caller: a run can be repeated.
	dice := rand.New(rand.NewPCG(uint64(i), churnSeed)) //nolint:gosec // no secret hangs on it
	for {
		call := w.join(ctx, c)
		first()
		if call == nil {
			if w.Script != ScriptChurn || !rest(ctx, measured, churnRetry) {
				return
			}
			continue
		}
		if act := w.act(); act != nil {
			call = act(ctx, c, i, call, measured)
			settled()
			<-w.parting
			w.leave(c, call)
			return
		}
		stay := time.Duration(1<<62 - 1)
		if w.Script == ScriptChurn {
			stay = churnStay + time.Duration(dice.Int64N(int64(churnStay)))
		}
		again := restOr(ctx, measured, call.Gone(), stay)
		w.leave(c, call)
		if !again || w.Script == ScriptJoin || !rest(ctx, measured, time.Duration(dice.Int64N(int64(churnAway)))) {
			return
		}
	}
}

// join places the caller's call and counts how it went; nil when it was not set up.
func (w *swarm) join(ctx context.Context, c *swarmCaller) *Caller {
	if err := w.limiter.Wait(ctx); err != nil {
		return nil
	}
	select {
	case w.dialing <- struct{}{}:
		defer func() { <-w.dialing }()
	case <-ctx.Done():
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, setupPatience)
	defer cancel()
	call, err := c.exchange.Call(ctx, c.plan)
	if err != nil {
		w.tally.failed(reason(err))
		c.gone() // where it had begun
		return nil
	}
	w.tally.set(call.setup)
	return call
}

// leave takes the caller off the clock, keeps what it measured, and hangs up.
func (w *swarm) leave(c *swarmCaller, call *Caller) {
	c.gone()
	call.Stop()
	w.tally.stream(call.channel)
	select {
	case <-call.Gone():
		w.tally.lost(call.ending.Reason)
	default:
	}
	if err := call.HangUp(); err != nil {
		w.tally.lost("no farewell: " + err.Error())
	}
}

// rest waits; false when the measurement or the run ended meanwhile.
func rest(ctx context.Context, measured <-chan struct{}, d time.Duration) bool {
	return restOr(ctx, measured, nil, d)
}

// restOr waits for d or for gone; false when the measurement or the run ended meanwhile.
func restOr(ctx context.Context, measured, gone <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-measured:
		return false
	case <-gone:
		return true
	case <-timer.C:
		return true
	}
}
