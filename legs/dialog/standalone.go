package dialog

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo/sip"
)

// Standalone is an admitted request outside any call that is neither INVITE nor OPTIONS: a REGISTER, a REFER, or a SUBSCRIBE.
type Standalone struct {
	Request *Request

	e       *Endpoint
	sr      *sip.Request
	tx      *sip.ServerTx
	stream  *stream // nil for UDP
	tag     string
	within  *Dialog // the subscription that a SUBSCRIBE is in; nil: none
	replied atomic.Bool
}

// serve runs one such request in the handler's goroutine, which sipgo wants alive until the final response.
func (e *Endpoint) serve(r *Request, sr *sip.Request, tx *sip.ServerTx, admitted any, within *Dialog) {
	s := &Standalone{Request: r, e: e, sr: sr, tx: tx, tag: newTag(), within: within}
	if r.Transport != "udp" {
		if s.stream = e.streams.get(r.Connection); s.stream == nil {
			return // the connection is gone, and with it whoever would hear the answer
		}
		s.stream.users.Add(1)
		defer s.stream.users.Add(-1)
	}
	e.host.Serve(s, admitted)
	if !s.replied.Load() {
		_ = s.Reply(Response{Status: 500})
	}
}

// Reply answers with a final status, exactly once: ErrAnswered afterwards. To gets the tag of s; a 2xx to a REFER or a SUBSCRIBE gets our Contact.
// When the answer could not be sent as it is (ErrTooLarge, ErrBadHeader), another may be.
func (s *Standalone) Reply(r Response) error {
	if r.Status < 200 || r.Status > 699 {
		return fmt.Errorf("%w: status %d", ErrBadHeader, r.Status)
	}
	r.Header = append(s.fields(r.Status), r.Header...)
	if err := s.e.sendable(s.sr, r, s.tag); err != nil {
		return err
	}
	if !s.replied.CompareAndSwap(false, true) {
		return ErrAnswered
	}
	if r.Status >= 300 {
		s.e.stats.refuse("rejected")
	} else if s.within != nil {
		s.within.refreshed(s.Request, s.stream)
	}
	return s.e.respond(&arrival{r: s.Request, sr: s.sr, tx: s.tx}, r, s.tag)
}

// fields are those of our own in an answer of that status.
func (s *Standalone) fields(status int) []HeaderField {
	capable := s.e.capabilities()
	switch {
	case status < 300 && s.Request.Method != "REGISTER":
		return append(capable, HeaderField{"Contact", s.e.contact(s.e.cfg.Contact, s.Request.Transport, s.Request.Source, s.stream)})
	case status == 405:
		return capable[:1]
	}
	return nil
}

// Subscribe makes the subscription of a SUBSCRIBE, or the implicit one of a REFER (RFC 6665, RFC 3515 section 2.4.4): a dialog with the To
// tag of the reply, in which Send sends the NOTIFYs. It ends when the peer does not know it (any more). That of a REFER needs no other end
// and is in no table: what the peer sends in it is answered 481. That of a SUBSCRIBE ends by Bye, which sends nothing.
func (s *Standalone) Subscribe() (*Dialog, error) {
	r := s.Request
	if r.Method != "REFER" && r.Method != "SUBSCRIBE" || s.within != nil || r.Contact == nil || r.Contact.URI.Host == "" {
		return nil, fmt.Errorf("%w: Contact of a %s", ErrMalformed, r.Method)
	}
	d := s.e.newDialog(r.CallID, s.tag, r.From)
	d.first, d.user, d.pinned = r, s.e.cfg.Contact, true
	d.from, d.to = r.Header("to")[0]+";tag="+s.tag, r.Header("from")[0]
	d.routes = routeSet(r.Header("record-route"), false)
	d.retarget(r.Header("contact"), r.Source)
	if s.stream != nil {
		d.flow.Store(s.stream)
	}
	d.lone = new(receiver)
	d.lone.d, d.lone.seq, d.lone.seen = d, r.CSeq, true
	d.ackOnce.Do(func() { close(d.acked) })
	if r.Method == "REFER" {
		return d, nil
	}
	s.e.mu.Lock()
	defer s.e.mu.Unlock()
	switch {
	case s.e.closed:
		return nil, ErrClosed
	case s.e.subscriptions[d.id] != nil:
		return nil, fmt.Errorf("%w: a subscription of that name exists", ErrMalformed)
	}
	s.e.subscriptions[d.id] = d
	return d, nil
}

// Renews is the subscription that a SUBSCRIBE renews, or ends; nil: it asks for a new one.
func (s *Standalone) Renews() *Dialog { return s.within }

// subscription finds that of a SUBSCRIBE; nil: it is in none.
func (e *Endpoint) subscription(r *Request) *Dialog {
	if r.Method != "SUBSCRIBE" || !r.InDialog {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.subscriptions[dialogID(r.CallID, r.To.Tag, r.From.Tag)]
}

// passed tells a request in a subscription that is out of order (RFC 3261 section 12.2.2). The Host knows whose the subscription is, so
// that only a request which it took moves the count on.
func (d *Dialog) passed(seq uint32) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return seq <= d.lone.seq
}

// refreshed has a subscription go where the peer is now: its target, and the connection that it came by.
func (d *Dialog) refreshed(r *Request, st *stream) {
	d.mu.Lock()
	d.lone.seq = max(d.lone.seq, r.CSeq)
	d.mu.Unlock()
	if r.Transport != d.first.Transport {
		return
	}
	d.retarget(r.Header("contact"), r.Source)
	if st != nil {
		d.flow.Store(st)
	}
}

// Hold keeps the connection that the request came on, for so long at least, though no call lives on it: the device that registered
// over it is to be reached over it (RFC 5626). UDP needs none.
func (s *Standalone) Hold(life time.Duration) {
	if s.stream != nil {
		s.stream.hold(time.Now().Add(life))
	}
}
