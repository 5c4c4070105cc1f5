package dialog

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
)

// inside is, in a dialog that the peer's answer to an INVITE of ours made, or will make, a request of his.
func (p *peer) inside(invite *sip.Request, method, tag string, seq int) string {
	return fmt.Sprintf("%s sip:x@conf.test SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s;rport\r\nMax-Forwards: 70\r\nFrom: %s;tag=%s\r\nTo: %s\r\nCall-ID: %s\r\n"+
		"CSeq: %d %s\r\nContent-Length: 0\r\n\r\n", method, p.c.LocalAddr(), newTag(), invite.To().Value(), tag, invite.From().Value(), invite.CallID().Value(), seq, method)
}

// TestOvertaken: a callee whose BYE comes before the 2xx that makes the dialog, or right behind it, ends a call that its owner knows by then.
func TestOvertaken(t *testing.T) {
	for _, first := range []string{"BYE", "200"} {
		t.Run(first+" first", func(t *testing.T) {
			var known atomic.Pointer[Dialog]
			caller := open(t, &taker{admit: func(_ *Request, d *Dialog) (any, *Response) {
				if d == nil || known.Load() != d {
					return nil, &Response{Status: 481}
				}
				return nil, nil
			}})
			p := newPeer(t, caller)
			inv := invitation("udp", caller)
			inv.Destination = p.c.LocalAddr().String()
			inv.OnDialog = func(d *Dialog) { known.Store(d) }
			for n := range 20 {
				calls := placed(t, caller, inv)
				invite := p.request(sip.INVITE)
				bye := p.inside(invite, "BYE", "one", n+1)
				if first == "BYE" {
					p.send(bye)
				}
				p.answer(invite, caller.Addr("udp"), 200, "one", "v=0")
				if first != "BYE" {
					p.send(bye)
				}
				if res := p.final(uint32(n + 1)); res.StatusCode != 200 || res.CSeq().MethodName != sip.BYE {
					t.Fatalf("call %d: the BYE is answered %d", n, res.StatusCode)
				}
				d := got(t, calls, "dialog")
				if d == nil {
					return
				}
				next(t, d, Bye)
				if ev := next(t, d, Gone); !errors.Is(ev.Err, ErrRemoteBye) {
					t.Errorf("gone: %v", ev.Err)
				}
			}
		})
	}
}

// TestOvertakenByNothing: a request in a dialog that is not made is answered all the same, and nothing is left of the wait for it.
func TestOvertakenByNothing(t *testing.T) {
	caller := open(t, &taker{})
	p := newPeer(t, caller)
	inv := invitation("udp", caller)
	inv.Destination = p.c.LocalAddr().String()
	refused := make(chan error, 1)
	go func() {
		_, res, err := caller.Invite(within(t, 10*time.Second), inv)
		if err == nil && res.Status != 486 {
			err = fmt.Errorf("%d", res.Status)
		}
		refused <- err
	}()
	invite := p.request(sip.INVITE)
	p.send(p.inside(invite, "INFO", "one", 1))
	if res := p.final(1); res.StatusCode != 481 {
		t.Errorf("the INFO is answered %d", res.StatusCode)
	}
	p.answer(invite, caller.Addr("udp"), 486, "one", "")
	if err := got(t, refused, "refusal"); err != nil {
		t.Error(err)
	}
	caller.mu.Lock()
	defer caller.mu.Unlock()
	if n := len(caller.placed); n != 0 {
		t.Errorf("%d INVITEs are still waited for", n)
	}
}
