package legs

import (
	"context"
	"errors"
	"net/netip"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs/offer"
)

// offerer is whose offer it was: the offerer sends under new keys at once, the answerer when the offerer has its answer.
type offerer bool

const (
	ours   offerer = true
	theirs offerer = false
)

// callNow describes the call for an exchange that goes on from what runs.
func (l *Leg) callNow() keying.Call {
	call := l.call
	call.ROC, call.Addresses = l.stream.ROC(), l.local.Addresses()
	if l.agreement != nil {
		call.Running = l.agreement.Running
	}
	return call
}

// verify authenticates the key agreement of an offer; nil without an error when the offer leaves the keys as they are.
func (l *Leg) verify(d *offer.Description) (*keying.Verified, error) {
	keys, err := d.Attributes()
	if err != nil && (l.agreement == nil || !errors.Is(err, offer.ErrNoKeyMgmt)) {
		return nil, err
	}
	if l.agreement != nil && l.agreement.Running.Same(keys) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	call := l.callNow()
	call.SDPIDs = d.SDPIDs()
	return l.line.Keyer.Verify(keys, call)
}

// answerOffer answers a peer's offer afresh: new keys when the offer brings a key agreement that was verified, the running keys
// otherwise. The codecs are matched before any Diffie-Hellman work is spent.
func (l *Leg) answerOffer(ctx context.Context, d *offer.Description, v *keying.Verified) ([]byte, error) {
	return l.answerIf(ctx, d, v, func([]byte) error { return nil })
}

// answerIf does so where the answer can be sent: nothing is adopted of one that sendable refuses.
func (l *Leg) answerIf(ctx context.Context, d *offer.Description, v *keying.Verified, sendable func(body []byte) error) ([]byte, error) {
	defer v.Abandon() // what was not used up below is wiped
	local, err := l.answerable(d)
	if err != nil {
		return nil, err
	}
	var agreement *keying.Agreement
	if v == nil {
		local.Keys, err = l.reply(d)
	} else {
		call := l.callNow()
		call.SDPIDs, call.Addresses = d.SDPIDs(), local.Addresses()
		agreement, local.Keys, err = l.line.Keyer.Respond(ctx, v, call)
	}
	if err != nil {
		return nil, err
	}
	body, n, err := offer.Answer(d, local)
	wipe(&local.Keys)
	if err == nil {
		err = sendable(body)
	}
	if err != nil {
		discard(agreement)
		return nil, err
	}
	if err = l.adopt(agreement, n, theirs); err == nil {
		l.local.Addr = local.Addr
	}
	return body, err
}

// answerable says whether an offer has an answer, keys apart, and what we say of ourselves in it: our audio comes to an address of the
// family of the peer's own.
func (l *Leg) answerable(d *offer.Description) (offer.Local, error) {
	peer, local := d.Addr().Addr(), l.local
	trial, session := local, *local.Session
	trial.Session = &session
	if l.elsewhere(peer) {
		at, err := l.line.Ports.For(peer)
		if err != nil {
			return local, err
		}
		trial.Addr = netip.AddrPortFrom(at, local.Addr.Port())
	}
	_, _, err := offer.Answer(d, trial)
	if err == nil {
		local.Addr, err = l.reach(peer)
	}
	return local, err
}

// elsewhere says whether a peer's media address is of another family than ours. One without an address, or with the one that holds a
// call the old way, is where it was.
func (l *Leg) elsewhere(peer netip.Addr) bool {
	return peer.IsValid() && !peer.IsUnspecified() && peer.Unmap().Is4() != l.local.Addr.Addr().Is4()
}

// reach is where a peer can send its audio to: where that is not where we are, the stream listens there too from now on.
func (l *Leg) reach(peer netip.Addr) (netip.AddrPort, error) {
	if !l.elsewhere(peer) {
		return l.local.Addr, nil
	}
	return l.stream.Reach(peer)
}

// reply is what an answer of ours says of the keys where the offer left them. The gate looked at a snapshot, so it is looked at again.
func (l *Leg) reply(d *offer.Description) (keying.Attributes, error) {
	if l.agreement == nil {
		return keying.Attributes{}, offer.ErrNoKeyMgmt
	}
	keys, err := d.Attributes()
	if err != nil && !errors.Is(err, offer.ErrNoKeyMgmt) {
		return keying.Attributes{}, err
	}
	if !l.agreement.Running.Same(keys) {
		return keying.Attributes{}, errKeysChanged
	}
	return l.agreement.Running.Reply(keys), nil
}

// firstOffer makes the first offer of a leg, with an agreement of its own.
func (l *Leg) firstOffer(ctx context.Context, m keying.Method) ([]byte, error) {
	init, err := l.line.Keyer.Initiate(ctx, m, l.callNow())
	if err != nil {
		return nil, err
	}
	l.initiation = init
	l.pending = l.local
	l.pending.Keys = init.Attributes()
	return offer.Offer(l.pending)
}

// repeatOffer makes a later offer, for our 200 to a re-INVITE without one: it leaves the keys as they are.
func (l *Leg) repeatOffer() ([]byte, error) {
	if l.agreement == nil {
		return nil, offer.ErrNoKeyMgmt
	}
	l.pending = l.local
	l.pending.Keys, l.pending.Running = l.agreement.Running.Repeat(), l.negotiated
	return offer.Offer(l.pending)
}

// completeOffer takes the peer's answer to one of these.
func (l *Leg) completeOffer(ctx context.Context, body []byte) error {
	d, err := offer.Parse(body)
	if err != nil {
		return err
	}
	n, err := offer.Complete(l.pending, d)
	if err != nil {
		return err
	}
	defer wipe(&l.pending.Keys)
	keys, absent := d.Attributes()
	if l.initiation == nil {
		if err := unchanged(l.agreement, keys); err != nil {
			return err
		}
		return l.adopt(nil, n, ours)
	}
	if absent != nil {
		return absent
	}
	if keys.MIKEY == nil && l.initiation.Method().Authenticates() {
		return errPassedOver
	}
	agreement, err := l.initiation.Complete(ctx, keys)
	if err != nil {
		return err
	}
	l.initiation = nil
	return l.adopt(agreement, n, ours)
}

// publish makes what holds known to others.
func (l *Leg) publish() {
	n := l.negotiated
	l.terms.Store(&Terms{
		Codec: n.Codec.Name, ClockRate: n.Codec.ClockRate, Bitrate: n.Codec.Bitrate,
		Posture: l.agreement.Posture, Running: l.agreement.Running, Rekeys: l.rekeys, Overdue: l.overdue,
		Send: n.Send, Receive: n.Receive, Remote: n.Remote,
	})
	select {
	case <-l.hasKeys:
	default:
		if l.agreement.Posture.Suite != "" {
			close(l.hasKeys) // now that Terms tell of them
		}
	}
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
	now := Held
	if l.negotiated != nil && l.negotiated.Send && l.negotiated.Receive {
		now = Confirmed
	}
	before := State(l.state.Swap(uint32(now)))
	if l.line.OnHold != nil && before != now && (before == Confirmed || before == Held) {
		l.line.OnHold(l, now == Held)
	}
}
