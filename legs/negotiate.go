package legs

import (
	"context"
	"fmt"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs/media"
	"github.com/conclave/conclave/legs/offer"
)

// answerOffer answers a peer's offer afresh: new keys when the offer brings a message that was verified, the running keys
// otherwise. The codecs are matched before any Diffie-Hellman work is spent.
func (l *Leg) answerOffer(ctx context.Context, d *offer.Description, v *keying.Verified) ([]byte, error) {
	if v == nil && l.agreement == nil {
		return nil, offer.ErrNoKeyMgmt
	}
	defer v.Abandon() // what was not used up below is wiped
	local, trial := l.local, *l.local.Session
	local.Session = &trial
	if _, _, err := offer.Answer(d, local); err != nil {
		return nil, err
	}
	local.Session = l.local.Session
	var agreement *keying.Agreement
	if v != nil {
		var err error
		if agreement, local.Keys, err = l.line.Keyer.Respond(ctx, v, l.call); err != nil {
			return nil, err
		}
	}
	body, n, err := offer.Answer(d, local)
	if err != nil {
		agreement.Wipe()
		return nil, err
	}
	return body, l.adopt(agreement, n)
}

// makeOffer makes an offer of ours: the first with a key agreement of its own; a later one repeats the octets of the running
// agreement where they were ours, and so leaves the keys as they are.
func (l *Leg) makeOffer(ctx context.Context, m keying.Method) ([]byte, error) {
	local := l.local
	switch {
	case l.agreement == nil:
		init, err := l.line.Keyer.Initiate(ctx, m, l.call)
		if err != nil {
			return nil, err
		}
		l.initiation, local.Keys = init, init.Attributes()
	default:
		local.Keys = l.agreement.Running.Repeat()
	}
	local.Running = l.negotiated
	l.pending = local
	return offer.Offer(local)
}

// completeOffer takes the peer's answer to an offer of ours.
func (l *Leg) completeOffer(ctx context.Context, body []byte) error {
	d, err := offer.Parse(body)
	if err != nil {
		return err
	}
	n, err := offer.Complete(l.pending, d)
	if err != nil {
		return err
	}
	if l.initiation == nil {
		return l.adopt(nil, n)
	}
	answer, err := d.Attributes()
	if err != nil {
		return err
	}
	agreement, err := l.initiation.Complete(ctx, answer)
	if err != nil {
		return err
	}
	l.initiation = nil
	return l.adopt(agreement, n)
}

// adopt makes the stream follow what was agreed; a nil agreement leaves the keys as they are. The parameters come first: they are
// what a peer can get wrong, and with new keys nothing of the old would be left to go on with.
// The stream's contexts have what they need of the keys, so that the leg keeps none.
func (l *Leg) adopt(a *keying.Agreement, n *offer.Negotiated) error {
	defer a.Wipe()
	n.Codec.Bitrate = sendRate(n.Codec)
	err := l.stream.Configure(media.Params{
		Codec: n.Codec.Name, Rate: n.Codec.ClockRate, Bitrate: n.Codec.Bitrate, PT: n.Codec.PT, EventPT: n.EventPT,
		Remote: n.Remote, RemoteRTCP: n.RemoteRTCP, RTCPMux: n.RTCPMux, Send: n.Send, Receive: n.Receive,
	})
	if err != nil {
		return fmt.Errorf("legs: stream: %w", err)
	}
	if a != nil {
		if err := l.stream.SetKeys(a.Keys); err != nil {
			return fmt.Errorf("legs: keys: %w", err)
		}
		if l.agreement != nil {
			l.rekeys++
		}
		l.agreement = a
	}
	l.negotiated = n
	l.terms.Store(&Terms{
		Codec: n.Codec.Name, ClockRate: n.Codec.ClockRate, Bitrate: n.Codec.Bitrate,
		Posture: l.agreement.Posture, Running: l.agreement.Running, Rekeys: l.rekeys, Send: n.Send, Receive: n.Receive, Remote: n.Remote,
	})
	return nil
}

// sendRate is the bit rate that a codec is sent with: the house rate, unless the peer takes less. Legs of the same rate share an
// encoding, and a peer that takes more does not ask for it. 0: the codec fixes it.
func sendRate(c offer.Codec) int {
	if c.Bitrate == 0 {
		return 0
	}
	return min(c.Bitrate, offer.OpusBitrate)
}

// settle sets the state that the directions ask for, once the call is confirmed.
func (l *Leg) settle() {
	if l.negotiated != nil && l.negotiated.Send && l.negotiated.Receive {
		l.state.Store(uint32(Confirmed))
	} else {
		l.state.Store(uint32(Held))
	}
}
