package legs

import (
	"context"
	"math/rand/v2"
	"time"
)

// renewal is when the running keys are to be changed. Every agreement draws its instant, so that legs which were set up together do not
// renew together.
type renewal struct {
	since time.Time // when the keys were agreed, by our monotonic clock
	due   time.Time // by age; the zero time: they do not age
	retry time.Time // not before: the last try came to nothing
	told  bool      // that the keys of this peer cannot be renewed
}

// maxKeyPackets is how many packets a key protects where the policy does not say: far below the limits of RFC 3711 section 9.2.
const maxKeyPackets = 1 << 31

// keyed notes that new keys run.
func (l *Leg) keyed() {
	now := time.Now()
	l.renewal, l.overdue = renewal{since: now}, false
	if age := l.maxAge(); age > 0 {
		l.renewal.due = now.Add(renewAfter(age, rand.Float64())) //nolint:gosec // spread, not secrecy
	}
}

// renewAfter is 80 to 95 per cent of an age, by a number drawn from [0, 1).
func renewAfter(age time.Duration, drawn float64) time.Duration {
	return time.Duration(float64(age) * (0.80 + 0.15*drawn))
}

func (l *Leg) maxAge() time.Duration {
	if l.call.Policy == nil {
		return 0
	}
	return l.call.Policy.MaxKeyAge
}

// age renews keys that are old, in time or in packets. Both sides of a call may do so; one that has no Renew only tells that the
// keys are overdue.
func (l *Leg) age(life context.Context, now time.Time) {
	if l.agreement == nil || l.shaking {
		return
	}
	if limit := l.maxAge(); !l.overdue && limit > 0 && now.Sub(l.renewal.since) > limit {
		l.setOverdue()
	}
	if !l.line.Renew || !l.worn(now) || now.Before(l.renewal.retry) || l.renewing() {
		return
	}
	if !l.agreement.Running.CanUpdate() {
		if !l.renewal.told {
			l.renewal.told = true
			l.line.Log.Warn("the keys are old and cannot be renewed with this peer", "leg", l.id, "method", string(l.agreement.Posture.Method))
			l.setOverdue()
		}
		return
	}
	l.renewal.retry = now.Add(renewRetry + time.Duration(rand.Int64N(int64(renewRetry/2)))) //nolint:gosec // spread, not secrecy
	l.enqueue(&change{kind: rekeying, ctx: life, result: make(chan error, 1)})
}

// worn says whether the keys have done what they were made for.
func (l *Leg) worn(now time.Time) bool {
	most := uint64(maxKeyPackets)
	if p := l.call.Policy; p != nil && p.MaxKeyPackets > 0 {
		most = p.MaxKeyPackets
	}
	return !l.renewal.due.IsZero() && !now.Before(l.renewal.due) || l.stream.Snapshot().KeyPackets >= most-most/10
}

// renewing says whether a rekey of ours is on its way or waits.
func (l *Leg) renewing() bool {
	if l.current != nil && l.current.kind == rekeying {
		return true
	}
	for _, c := range l.waiting {
		if c.kind == rekeying {
			return true
		}
	}
	return false
}

func (l *Leg) setOverdue() {
	l.overdue = true
	l.publish()
}
