package legs

import (
	"errors"
	"fmt"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs/media"
	"github.com/conclave/conclave/legs/offer"
)

// adopt makes the stream follow what was agreed. No agreement, and one that only refreshes, leave the keys as they are; the keys
// of one with a handshake come later. The parameters come first: they are what a peer can get wrong. The stream's contexts
// have what they need of the keys, so that the leg keeps none. An agreement that cannot be adopted is wiped.
func (l *Leg) adopt(a *keying.Agreement, n *offer.Negotiated, whose offerer) (err error) {
	defer func() {
		if err != nil {
			discard(a)
		}
		a.Wipe()
	}()
	n.Codec.Bitrate = sendRate(n.Codec)
	if err := l.configure(n); err != nil {
		return fmt.Errorf("legs: stream: %w", err)
	}
	before := l.negotiated
	l.negotiated = n
	if a != nil {
		if err := l.adoptKeys(a, whose); err != nil {
			if l.negotiated = before; before != nil {
				err = errors.Join(err, l.configure(before))
			}
			return fmt.Errorf("legs: keys: %w", err)
		}
	}
	l.publish()
	return nil
}

// configure has the stream follow the parameters that were agreed on.
func (l *Leg) configure(n *offer.Negotiated) error {
	return l.stream.Configure(media.Params{
		Codec: n.Codec.Name, Rate: n.Codec.ClockRate, Bitrate: n.Codec.Bitrate, FEC: n.Codec.FEC,
		PT: n.Codec.PT, EventPT: n.EventPT, Remote: n.Remote, RemoteRTCP: n.RemoteRTCP, RTCPMux: n.RTCPMux, Send: n.Send, Receive: n.Receive,
	})
}

// wipe overwrites the keys of a=crypto lines, once nobody needs them any more to write a description, or to read its answer.
func wipe(a *keying.Attributes) {
	for _, c := range a.Crypto {
		c.Wipe()
	}
	a.Crypto = nil
}

// discard wipes an agreement that nobody goes on from.
func discard(a *keying.Agreement) {
	if a != nil {
		a.Wipe()
		a.Running.Wipe()
		_ = a.Handshake.Close() // it was not begun
	}
}

// adoptKeys takes the keys of an agreement and goes on from it.
func (l *Leg) adoptKeys(a *keying.Agreement, whose offerer) error {
	switch {
	case a.Handshake != nil:
		l.closeHandshake() // the one before has long been over: only the path was still its own
		l.stream.Path()    // from now on: the peer's first record may come before the handshake is run
		l.handshake, l.shaking, l.shakeDue, l.shakeOurs = a.Handshake, true, true, bool(whose)
		if l.agreement != nil {
			return nil // the keys that run go on until the handshake is over
		}
	case l.agreement == nil:
		if err := l.stream.SetKeys(a.Keys); err != nil {
			return err
		}
		l.keyed()
	case a.Refreshed():
		a.Posture = l.agreement.Posture // of the keys, which are as old as they were
	default:
		if err := l.rekeyStream(a.Keys, whose); err != nil {
			return err
		}
		l.rekeys++
		l.keyed()
	}
	l.succeed(a)
	return nil
}

// rekeyStream gives the stream keys that follow others.
func (l *Leg) rekeyStream(k keying.Keys, whose offerer) error {
	l.switchNow() // an ACK that we have not seen yet is older than these
	if whose == ours {
		return l.stream.SetKeys(k)
	}
	if err := l.stream.ReadyKeys(k); err != nil {
		return err
	}
	l.readied = true
	return nil
}

// switchNow sends under the keys that an answer of ours made ready, if it has not come to that already.
func (l *Leg) switchNow() {
	if l.readied {
		l.stream.SwitchKeys()
		l.readied, l.switchAt = false, time.Time{}
	}
}

// switchWithin does so after a while, where no ACK will tell; the peer's first packet under the new keys is sooner.
func (l *Leg) switchWithin(wait time.Duration) { l.switchAt = time.Now().Add(wait) }

// succeed puts an agreement in the place of the one before, whose secrets are wiped: nobody goes on from it any more.
func (l *Leg) succeed(a *keying.Agreement) {
	if old := l.agreement; old != nil && old.Running != a.Running {
		defer old.Running.Wipe()
	}
	l.agreement = a
	l.publish()
}
