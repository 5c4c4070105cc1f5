package legs

import (
	"context"
	"errors"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs/dialog"
	"github.com/conclave/conclave/legs/offer"
)

// kind of a change.
type kind uint8

// What a re-INVITE of ours may be for.
const (
	holding kind = iota + 1
	resuming
	rekeying
	refreshing
	confirming // a refresh of ours that nobody asked for, and that nothing hangs on
)

// change is one modification of the call that this side began (RFC 3261 section 14.1). They are made one after the other.
type change struct {
	kind   kind
	ctx    context.Context //nolint:containedctx // of whoever asked: it bounds the waits of the change, not an exchange on the wire
	result chan error      // holds one: nobody may be waiting any more

	// Owned by the goroutine that carries the change out; by the leg's once that has ended.
	initiation *keying.Initiation // nil where the keys stay
	from       *keying.Agreement  // what ran when the offer was made
	local      offer.Local        // the offer, to read its answer by
	sent       bool               // the peer may have the offer
	again      bool               // another try may succeed
	busy       bool               // the peer could not at the moment: nothing came of the offer
	spoiled    error              // why the peer's answer cannot be used
	later      bool               // a handshake makes the keys, and tells
	err        error              // the outcome
}

// What becomes of a change that is not carried out.
var (
	// ErrModifying says that as many changes as may wait are waiting already.
	ErrModifying = errors.New("legs: too many changes wait already")
	// ErrAnswer says that the peer's answer to an offer of ours cannot be used.
	ErrAnswer = errors.New("legs: unusable answer")
	// errKeysChanged says that keys changed under an offer that left them as they are.
	errKeysChanged = errors.New("legs: keys changed without an offer of new ones")
)

// Hold puts the peer on hold, or takes it back, by a re-INVITE (RFC 3264 section 8.4). It waits for the peer's answer; a
// refusal changes nothing.
func (l *Leg) Hold(ctx context.Context, hold bool) error {
	if hold {
		return l.request(ctx, holding)
	}
	return l.request(ctx, resuming)
}

// Rekey changes the keys of the call by an update (RFC 3830 section 4.5) or, where the method has none, by fresh keys, and waits for
// the peer's answer. Until the peer sends under the new keys it is heard under the old. An update that the peer refuses, or
// whose answer does not come or cannot be used, ends the leg with "rekey_failed": what is compromised must not go on.
func (l *Leg) Rekey(ctx context.Context) error { return l.request(ctx, rekeying) }

// Reinvite offers what runs again. With MIKEY both sides prove anew who they are, and bind the addresses of their media; the
// keys stay. A refusal changes nothing.
func (l *Leg) Reinvite(ctx context.Context) error { return l.request(ctx, refreshing) }

// request puts a change before the leg and waits for its outcome.
func (l *Leg) request(ctx context.Context, k kind) error {
	c := &change{kind: k, ctx: ctx, result: make(chan error, 1)}
	if err := l.post(ctx, func() { l.enqueue(c) }); err != nil {
		return err
	}
	select {
	case err := <-c.result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-l.finished:
	}
	select {
	case err := <-c.result: // the last thing that the leg did
		return err
	default:
		return ErrEnded
	}
}

// enqueue has a change wait for its turn.
func (l *Leg) enqueue(c *change) {
	if len(l.waiting) >= maxWaiting {
		c.result <- ErrModifying
		return
	}
	l.waiting = append(l.waiting, c)
}

// begin starts the change whose turn it is, in a goroutine of its own: the inbox is served meanwhile. life ends with the leg.
func (l *Leg) begin(life context.Context) {
	if l.current != nil || len(l.waiting) == 0 {
		return
	}
	c := l.waiting[0]
	l.waiting = l.waiting[1:]
	l.current = c
	l.helpers.Go(func() {
		c.err = l.carryOut(life, c)
		_ = l.within(life, func() { l.conclude(c) }) // a leg that ends concludes it itself
	})
}

// carryOut makes the exchange, again while the peer or the dialog is busy with another.
func (l *Leg) carryOut(life context.Context, c *change) error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	for try := 1; ; try++ {
		wait, err := l.attempt(life, c)
		if !c.again || try == maxTries {
			return err
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-c.ctx.Done():
		case <-life.Done():
		}
		timer.Stop()
		if life.Err() != nil {
			return ErrEnded
		}
		if impatient := c.ctx.Err(); impatient != nil {
			return errors.Join(impatient, err)
		}
	}
}

// conclude ends a change, in the leg's goroutine.
func (l *Leg) conclude(c *change) {
	l.current = nil
	if c.kind == rekeying && !c.later && !errors.Is(c.err, ErrEnded) {
		l.rekeyed(true, c.err)
	}
	switch {
	case c.err == nil:
	case c.kind == rekeying && c.failed():
		l.end(Ending{Reason: "rekey_failed", Err: c.err})
	case c.spoiled != nil: // the sides no longer agree on what holds
		l.end(Ending{Reason: "bad_answer", Err: c.err})
	}
	c.result <- c.err
}

// failed says whether a rekey came to nothing for good: the peer refused or spoiled it, or may have it and is silent.
func (c *change) failed() bool {
	if !c.sent || c.busy {
		return false
	}
	var r *Refused
	return errors.As(c.err, &r) || c.spoiled != nil || errors.Is(c.err, dialog.ErrTimeout) ||
		errors.Is(c.err, dialog.ErrTransport) || errors.Is(c.err, context.DeadlineExceeded)
}

// rekeyed tells whoever counts.
func (l *Leg) rekeyed(ours bool, err error) {
	if l.line.OnRekey != nil {
		l.line.OnRekey(l, ours, err)
	}
}
