package dialog

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo/sip"
)

// Standalone is an admitted request outside any dialog that is neither INVITE nor OPTIONS: a REGISTER, or a REFER.
type Standalone struct {
	Request *Request

	e       *Endpoint
	sr      *sip.Request
	tx      *sip.ServerTx
	stream  *stream // nil for UDP
	tag     string
	replied atomic.Bool
}

// serve runs one such request in the handler's goroutine, which sipgo wants alive until the final response.
func (e *Endpoint) serve(r *Request, sr *sip.Request, tx *sip.ServerTx, admitted any) {
	s := &Standalone{Request: r, e: e, sr: sr, tx: tx, tag: newTag()}
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

// Reply answers with a final status, exactly once: ErrAnswered afterwards. To gets the tag of s; a 2xx to a REFER gets our Contact.
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
	}
	return s.e.respond(&arrival{r: s.Request, sr: s.sr, tx: s.tx}, r, s.tag)
}

// fields are those of our own in an answer of that status.
func (s *Standalone) fields(status int) []HeaderField {
	capable := s.e.capabilities()
	switch {
	case status < 300 && s.Request.Method == "REFER":
		return append(capable, HeaderField{"Contact", s.e.contact(s.e.cfg.Contact, s.Request.Transport, s.Request.Source, s.stream)})
	case status == 405:
		return capable[:1]
	}
	return nil
}

// Subscribe makes the implicit subscription of a REFER (RFC 3515 section 2.4.4, RFC 6665): a dialog with the To tag of the reply, in
// which Send sends the NOTIFYs. It is in no table: what the peer sends in it is answered 481. It needs no end, and ends when the peer
// does not know it (any more).
func (s *Standalone) Subscribe() (*Dialog, error) {
	r := s.Request
	if r.Method != "REFER" || r.Contact == nil || r.Contact.URI.Host == "" {
		return nil, fmt.Errorf("%w: Contact of a REFER", ErrMalformed)
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
	d.lone.d = d
	d.ackOnce.Do(func() { close(d.acked) })
	return d, nil
}

// Hold keeps the connection that the request came on, for so long at least, though no call lives on it: the device that registered
// over it is to be reached over it (RFC 5626). UDP needs none.
func (s *Standalone) Hold(life time.Duration) {
	if s.stream != nil {
		s.stream.hold(time.Now().Add(life))
	}
}
