package legs

import (
	"cmp"
	"context"
	"net/netip"
	"time"

	"github.com/conclave/conclave/keying"
)

// shake runs the handshake that makes the keys (RFC 5764), where one is due, in a goroutine of its own: the stream's ticks feed it. It
// may be answered from the address of the description or from where the peer's signalling comes.
func (l *Leg) shake(life context.Context) {
	if !l.shakeDue {
		return
	}
	l.shakeDue = false
	h, remote := l.handshake, l.negotiated.Remote
	var hosts []netip.Addr
	if source := l.dlg.RemoteSource(); source.IsValid() {
		hosts = append(hosts, source.Addr().Unmap())
	}
	l.helpers.Go(func() {
		ctx, cancel := context.WithTimeout(life, l.handshakeTime())
		defer cancel()
		a, err := h.Run(ctx, l.stream.Path(), remote, hosts...)
		defer a.Wipe()
		if l.within(life, func() { l.shaken(a, err) }) != nil {
			discard(a)
		}
	})
}

// handshakeTime bounds a handshake on this side, and as far as we know on the other.
func (l *Leg) handshakeTime() time.Duration {
	return cmp.Or(l.line.HandshakeTimeout, handshakeTimeout)
}

// shaken takes the outcome of the handshake. Without keys there is nothing to go on with; where old ones run, the peer may be about to
// leave them.
func (l *Leg) shaken(a *keying.Agreement, err error) {
	first := l.agreement == nil || l.agreement.Handshake == l.handshake
	if err == nil {
		err = l.takeShaken(a, first)
	}
	l.shaking = false
	switch {
	case !first:
		l.rekeyed(l.shakeOurs, err)
	case err == nil && l.line.OnShaken != nil:
		l.line.OnShaken(l)
	}
	if err != nil {
		discard(a)
		l.end(Ending{Reason: "handshake_failed", Err: err})
	}
}

// takeShaken gives the stream its keys. Where others run, the side whose handshake ends last leads: the other has the keys by then, and
// is given a while to hand them to its stream. That other one follows with the first packet under them, for it cannot know whether its
// last flight arrived; when the handshake had to be over, it did, or the peer has ended the call.
func (l *Leg) takeShaken(a *keying.Agreement, first bool) error {
	if first {
		if err := l.stream.SetKeys(a.Keys); err != nil {
			return err
		}
	} else {
		if err := l.rekeyStream(a.Keys, theirs); err != nil {
			return err
		}
		if l.handshake.Last() {
			l.switchWithin(switchPatience)
		} else {
			l.switchWithin(l.handshakeTime())
		}
		l.rekeys++
	}
	a.Handshake = l.handshake
	l.keyed()
	l.succeed(a)
	return nil
}

// closeHandshake ends the association, or the handshake.
func (l *Leg) closeHandshake() {
	if err := l.handshake.Close(); err != nil {
		l.line.Log.Debug("closing a handshake", "leg", l.id, "err", err)
	}
	l.handshake = nil
}
