package legs

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/conclave/conclave/legs/dialog"
)

// start has the leg run.
func (l *Leg) start() {
	l.started.Store(true)
	go l.run()
}

// run is the leg's goroutine: the only owner of its negotiation.
func (l *Leg) run() {
	defer close(l.finished)
	life, over := context.WithCancel(context.Background())
	defer over()
	l.since = time.Now()
	beat := time.NewTimer(untilBeat(l.since))
	defer beat.Stop()
	var end *Ending
	for end == nil {
		l.begin(life)
		l.shake(life)
		select {
		case ev, ok := <-l.dlg.Inbox():
			if !ok {
				end = &Ending{Reason: "signalling_lost"}
				break
			}
			end = l.take(ev)
		case do := <-l.mailbox:
			do()
		case key := <-l.stream.Keys():
			l.press(keysByMedia, key)
		case e := <-l.ending:
			end = &e
		case now := <-beat.C:
			end = l.alive(life, now)
			beat.Reset(untilBeat(now))
		}
	}
	l.state.Store(uint32(Ended))
	over()
	if end.Reason != "bye" && end.Reason != "signalling_lost" && end.Reason != "no_ack" {
		l.bye()
	}
	l.helpers.Wait()
	l.giveUp()
	l.owner.Ended(l, *end)
}

// untilBeat is the time until the leg looks around next: at moments that many legs share, since to wake up a processor for one of them costs ten
// times what the leg does then, also in caches that are cold afterwards.
func untilBeat(now time.Time) time.Duration {
	return now.Truncate(liveness / beats).Add(liveness).Sub(now)
}

// giveUp answers whoever still waits for a change.
func (l *Leg) giveUp() {
	if c := l.current; c != nil {
		if c.err == nil || errors.Is(c.err, context.Canceled) {
			c.err = ErrEnded
		}
		l.conclude(c)
	}
	for _, c := range l.waiting {
		c.result <- ErrEnded
	}
	l.waiting = nil
}

// take handles one event of the dialog; a non-nil Ending ends the leg.
func (l *Leg) take(ev dialog.Event) *Ending {
	switch ev.Kind {
	case dialog.Ack:
		return l.acknowledged(ev)
	case dialog.Reinvite, dialog.Update:
		l.reoffered(ev)
	case dialog.Bye:
		return &Ending{Reason: "bye"} // the dialog has answered it
	case dialog.Refer:
		l.referred(ev)
	case dialog.Notify:
		l.notified(ev)
	case dialog.Info:
		l.informed(ev)
	case dialog.Gone:
		select {
		case e := <-l.ending: // what ended the dialog, or was about to
			return &e
		default:
		}
		switch {
		case errors.Is(ev.Err, dialog.ErrNoAck):
			return &Ending{Reason: "no_ack", Err: ev.Err}
		case errors.Is(ev.Err, dialog.ErrTimeout) && l.current != nil && l.current.kind == rekeying:
			return &Ending{Reason: "rekey_failed", Err: ev.Err}
		}
		return &Ending{Reason: "signalling_lost", Err: ev.Err}
	default:
		ev.Reply(dialog.Response{Status: 501})
	}
	return nil
}

// bye says farewell; the peer's answer changes nothing any more.
func (l *Leg) bye() {
	ctx, cancel := context.WithTimeout(context.Background(), byeTimeout)
	defer cancel()
	if err := l.dlg.Bye(ctx); err != nil {
		l.line.Log.Debug("BYE was not answered", "leg", l.id, "err", err)
	}
}

// post hands a command to the leg's goroutine.
func (l *Leg) post(ctx context.Context, do func()) error {
	if l.State() == Ended { // nobody reads the mailbox any more, though it may have room
		return ErrEnded
	}
	select {
	case l.mailbox <- do:
		return nil
	case <-l.finished:
		return ErrEnded
	case <-ctx.Done():
		return ctx.Err()
	}
}

// within has the leg's goroutine do something and waits until it is done, for the leg's own helpers. After an error it was not done
// and will not be.
func (l *Leg) within(ctx context.Context, do func()) error {
	const (
		posted int32 = iota
		taken
		withdrawn
	)
	var state atomic.Int32
	done := make(chan struct{})
	err := l.post(ctx, func() {
		if state.CompareAndSwap(posted, taken) {
			defer close(done)
			do()
		}
	})
	if err != nil {
		return err
	}
	select {
	case <-done:
		return nil
	case <-l.finished: // it may still be the last thing that the leg did
		err = ErrEnded
	case <-ctx.Done():
		err = ctx.Err()
	}
	if state.CompareAndSwap(posted, withdrawn) {
		return err
	}
	<-done
	return nil
}

// Hangup ends the leg with a BYE; reason stands in the Ending. It never waits, so that an Owner may call it from the leg's own
// goroutine; Owner.Ended follows.
func (l *Leg) Hangup(_ context.Context, reason string) error {
	if l.State() == Ended {
		return ErrEnded
	}
	l.end(Ending{Reason: reason})
	return nil
}

// end has the leg's goroutine end the leg; the first cause wins.
func (l *Leg) end(e Ending) {
	select {
	case l.ending <- e:
	default:
	}
}
