package legs

import (
	"cmp"
	"context"
	"time"
)

// alive ends a leg whose media or whose signalling died. A leg on hold may rightly be silent, also one that its peer holds
// by sendonly (RFC 3264 section 8.4) and plays no music to, so it is asked by OPTIONS.
func (l *Leg) alive(ctx context.Context, now time.Time) *Ending {
	if l.State() == Answered {
		return nil // the dialog itself waits for the ACK and says Gone when it does not come
	}
	if !l.switchAt.IsZero() && !now.Before(l.switchAt) {
		l.switchNow()
	}
	l.age(ctx, now)
	switch {
	case l.session.over(now):
		return &Ending{Reason: "session_expired"}
	case l.session.due(now):
		l.enqueue(&change{kind: refreshing, ctx: ctx, result: make(chan error, 1)})
	}
	if l.State() == Confirmed {
		// Counted and timed by our own monotonic clock: the stream's arrival times are the wall's, which may be set.
		s := l.stream.Snapshot()
		if heard := s.PacketsReceived + s.RTCPReceived; heard != l.heard {
			l.heard, l.since = heard, now
		}
		if l.follow(now, s) {
			l.enqueue(&change{kind: confirming, ctx: ctx, result: make(chan error, 1)})
		}
		if now.Sub(l.since) > cmp.Or(l.line.MediaTimeout, mediaTimeout) {
			return &Ending{Reason: "media_timeout"}
		}
		return nil
	}
	l.since = now                                                       // the silence of a hold does not count against the peer once it is resumed
	if !l.asking && l.current == nil && now.Sub(l.asked) >= keepAlive { // a change asks as well, and could be overtaken
		l.ask(ctx, now)
	}
	return nil
}

// ask sends an OPTIONS within the dialog and ends the leg when nobody answers it, or when the peer knows the dialog no more.
// ctx ends with the leg, which then waits for no answer.
func (l *Leg) ask(ctx context.Context, now time.Time) {
	l.asking, l.asked = true, now
	l.helpers.Go(func() {
		patience, cancel := context.WithTimeout(ctx, keepAlive)
		defer cancel()
		resp, err := l.dlg.Send(patience, "OPTIONS", nil, "", nil)
		dead := err != nil || resp.Status == 408 || resp.Status == 481
		_ = l.within(ctx, func() { // a leg that has ended does not care any more
			l.asking = false
			if dead {
				l.end(Ending{Reason: "signalling_lost", Err: err})
			}
		})
	})
}
