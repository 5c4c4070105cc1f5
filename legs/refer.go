package legs

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/conclave/conclave/legs/dialog"
)

// fragment is the media type of what a NOTIFY tells about a referral (RFC 3420).
const fragment = "message/sipfrag"

// Notifier sends requests within a dialog; *dialog.Dialog is one.
type Notifier interface {
	Send(ctx context.Context, method string, header []dialog.HeaderField, contentType string, body []byte) (*dialog.Response, error)
}

// Referral is a REFER of the peer: somebody is to be called (RFC 3515). Whoever gets it answers it once, by Accept or Refuse, and then tells
// how it goes. Any goroutine, one at a time.
type Referral struct {
	Request *dialog.Request
	To      dialog.ReferTo
	Err     error // why To cannot be read: the peer is to have 400

	quiet  bool // the peer wants no NOTIFY (RFC 4488)
	reply  func(dialog.Response)
	notify func() (Notifier, error)
	told   Notifier // the dialog of the subscription; nil before the first NOTIFY
	over   bool
}

// NewReferral reads a REFER. reply sends its answer, notify gives the dialog in which its NOTIFYs go; both are called once at most.
func NewReferral(r *dialog.Request, reply func(dialog.Response), notify func() (Notifier, error)) *Referral {
	f := &Referral{Request: r, quiet: wantsQuiet(r), reply: reply, notify: notify}
	if values := r.Header("Refer-To"); len(values) == 1 {
		f.To, f.Err = dialog.ParseReferTo(values[0])
	} else {
		f.Err = fmt.Errorf("%w: %d Refer-To fields", dialog.ErrMalformed, len(values))
	}
	return f
}

// wantsQuiet tells a REFER that asks for no subscription.
func wantsQuiet(r *dialog.Request) bool {
	for _, v := range r.Header("Refer-Sub") {
		value, _, _ := strings.Cut(v, ";")
		if strings.EqualFold(strings.TrimSpace(value), "false") {
			return true
		}
	}
	return false
}

// Refuse answers with a status of 300 and above.
func (r *Referral) Refuse(resp dialog.Response) {
	r.over = true
	r.reply(resp)
}

// Accept answers that the referral is under way, and says 100 Trying to a peer that wants to be told.
func (r *Referral) Accept(ctx context.Context) error {
	if r.quiet {
		r.reply(dialog.Response{Status: 200, Header: []dialog.HeaderField{{Name: "Refer-Sub", Value: "false"}}})
		return nil
	}
	r.reply(dialog.Response{Status: 202})
	return r.Tell(ctx, 100, "Trying")
}

// Tell tells the peer how it goes, by the first line of the response that it stands for; one of 200 and above is the last.
func (r *Referral) Tell(ctx context.Context, status int, reason string) error {
	if r.quiet || r.over {
		return nil
	}
	if r.told == nil {
		d, err := r.notify()
		if err != nil {
			return err
		}
		r.told = d
	}
	state := "active;expires=" + strconv.Itoa(int(referralLife.Seconds()))
	if r.over = status >= 200; r.over {
		state = "terminated;reason=noresource"
	}
	line := fmt.Sprintf("SIP/2.0 %d %s\r\n", status, reason)
	resp, err := r.told.Send(ctx, "NOTIFY", []dialog.HeaderField{
		{Name: "Event", Value: "refer;id=" + strconv.FormatUint(uint64(r.Request.CSeq), 10)},
		{Name: "Subscription-State", Value: state},
	}, fragment+";version=2.0", []byte(line))
	if err == nil && resp.Status >= 300 {
		r.over = true // nobody listens
		return refused(resp)
	}
	return err
}

// referred takes a REFER of the peer in the leg's dialog.
func (l *Leg) referred(ev dialog.Event) {
	l.owner.Referred(l, NewReferral(ev.Request, ev.Reply, func() (Notifier, error) { return l.dlg, nil }))
}

// notice is what a NOTIFY told about a REFER of ours.
type notice struct {
	status int
	reason string
}

// ErrReferring says that a REFER of ours is under way already.
var ErrReferring = errors.New("legs: a referral is under way")

// Refer asks the peer to call somebody in our place (RFC 3515) and waits for what comes of it: a *Refused for anything but a 2xx,
// of the REFER itself or of the call.
func (l *Leg) Refer(ctx context.Context, to string) error {
	if !l.referring.CompareAndSwap(false, true) {
		return ErrReferring
	}
	defer l.referring.Store(false)
	for len(l.notices) > 0 {
		<-l.notices
	}
	resp, err := l.dlg.Send(ctx, "REFER", []dialog.HeaderField{{Name: "Refer-To", Value: "<" + to + ">"}}, "", nil)
	if err != nil {
		return err
	}
	if resp.Status >= 300 {
		return refused(resp)
	}
	for {
		select {
		case n := <-l.notices:
			if done, err := n.outcome(); done {
				return err
			}
			continue
		case <-ctx.Done():
			return ctx.Err()
		case <-l.finished:
		}
		select {
		case n := <-l.notices: // the last thing that it was told
			if done, err := n.outcome(); done {
				return err
			}
		default:
			return ErrEnded
		}
	}
}

// outcome of a referral, where the notice is the last one.
func (n notice) outcome() (done bool, err error) {
	switch {
	case n.status < 200:
		return false, nil
	case n.status >= 300:
		return true, &Refused{Status: n.status, Reason: n.reason}
	}
	return true, nil
}

// notified takes a NOTIFY of the peer: only one about a REFER of ours has a meaning.
func (l *Leg) notified(ev dialog.Event) {
	n, err := readNotice(ev.Request)
	if err != nil || !l.referring.Load() {
		l.line.Log.Debug("a NOTIFY without a subscription", "leg", l.id, "err", err)
		ev.Reply(dialog.Response{Status: 481})
		return
	}
	ev.Reply(dialog.Response{Status: 200})
	select {
	case l.notices <- n:
	default: // nobody waits any more
	}
}

// errNotice says that a NOTIFY tells nothing of a referral.
var errNotice = fmt.Errorf("%w: no word of a referral", dialog.ErrMalformed)

// readNotice reads the first line of a fragment.
func readNotice(r *dialog.Request) (n notice, err error) {
	events := r.Header("Event")
	if len(events) != 1 || r.ContentType != fragment {
		return n, errNotice
	}
	if name, _, _ := strings.Cut(events[0], ";"); !strings.EqualFold(strings.TrimSpace(name), "refer") {
		return n, errNotice
	}
	return parseNotice(string(r.Body))
}

// parseNotice reads the status line that a fragment begins with.
func parseNotice(body string) (notice, error) {
	line, _, _ := strings.Cut(body, "\n")
	version, rest, found := strings.Cut(strings.TrimSpace(line), " ")
	code, reason, _ := strings.Cut(rest, " ")
	status, err := strconv.ParseUint(code, 10, 16)
	if !found || err != nil || !strings.EqualFold(version, "SIP/2.0") || len(code) != 3 || status < 100 || status > 699 {
		return notice{}, errNotice
	}
	return notice{int(status), reason}, nil //nolint:gosec // three digits
}
