package dialog

import (
	"runtime"
	"strings"
	"testing"
	"time"
	"weak"

	"github.com/emiago/sipgo/sip"
)

// TestNothingIsHeld: of a call that stands no INVITE is left in the transaction layer, over any transport: it would
// hold on to it for 64*T1, with all that hangs on it, which at a thousand calls a second is most of the heap.
func TestNothingIsHeld(t *testing.T) {
	for _, transport := range []string{"udp", "tcp", "tls"} {
		t.Run(transport, func(t *testing.T) {
			requests := make(chan weak.Pointer[sip.Request], 1)
			dialogs := make(chan *Dialog, 1)
			server := open(t, &taker{invite: func(in *Incoming, _ any) {
				d, err := in.Accept(sdpType, []byte("v=0 answer"))
				if err != nil {
					t.Errorf("accept: %v", err)
				}
				requests <- weak.Make(in.sr)
				dialogs <- d
			}})
			caller := open(t, &taker{})
			call, _, err := caller.Invite(within(t, 10*time.Second), invitation(transport, server))
			if err != nil {
				t.Fatal(err)
			}
			request, callee := got(t, requests, "request"), got(t, dialogs, "dialog")
			next(t, callee, Ack)
			if !collected(request) {
				t.Error("the INVITE is held on to")
			}
			_ = call.Bye(within(t, 10*time.Second))
		})
	}
}

// collected tells whether nothing refers to a thing any more, once whoever had it was left. It looks for far less than 64*T1.
func collected[T any](p weak.Pointer[T]) bool {
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for range 200 {
		for range runtime.GOMAXPROCS(0) {
			go sweepTimers()
		}
		if runtime.GC(); p.Value() == nil {
			return true
		}
		<-ticker.C
	}
	return false
}

// sweepTimers has a processor look through its timers: the runtime keeps those that were stopped, Timer B is one, until it does that anyway, which may
// take seconds in a process that does nothing else.
func sweepTimers() { time.AfterFunc(time.Hour, func() {}).Reset(time.Microsecond) }

// TestAcceptedOverUDP: once the 2xx is out a repeated INVITE is taken in silently, from whatever port and with whatever branch it comes again, a CANCEL
// has its 200 and no effect, repeated or not, one that belongs to nothing has its 481, and the INVITE by another way its 482.
func TestAcceptedOverUDP(t *testing.T) {
	for _, branch := range []string{"z9hG4bKone", "as-of-old"} { // the latter leaves no trace in the front
		server, accepted := accepting(t)
		p := newPeer(t, server)
		invite := strings.Replace(p.message("INVITE", "one", "", 1, "v=0"), "z9hG4bKone", branch, 1)
		p.send(invite)
		tag, _ := p.final(1).To().Params.Get("tag")
		callee := got(t, accepted, "call")
		moved := newPeer(t, server)
		for range 2 {
			res := p.cancelled(strings.Replace(p.message("CANCEL", "one", "", 1, ""), "z9hG4bKone", branch, 1))
			if res.StatusCode != 200 {
				t.Errorf("CANCEL after the 2xx: %v", res)
			}
		}
		for range 2 {
			p.send(invite)
			moved.send(invite)
		}
		p.send(p.message("CANCEL", "two", "", 1, ""))
		if res := p.of("two"); res.StatusCode != 481 {
			t.Errorf("CANCEL of nothing: %v", res)
		}
		moved.send(strings.Replace(invite, branch, "z9hG4bKother", 1))
		if res := moved.of("other"); res.StatusCode != 482 {
			t.Errorf("the INVITE by another way: %v", res)
		}
		// With the branch of the INVITE, as some do, and once for each 2xx: one may be lost in the transaction of a repeat that is still on its way.
		for again := sip.Message(&sip.Response{}); again != nil; again = p.read(4 * t2()) {
			p.send(strings.Replace(p.message("ACK", "one", tag, 1, ""), "z9hG4bKone", branch, 1))
		}
		next(t, callee, Ack)
		p.send(p.message("BYE", "bye", tag, 2, ""))
		if res := p.final(2); res.StatusCode != 200 {
			t.Errorf("BYE: %v", res)
		}
		next(t, callee, Bye)
		if len(accepted) != 0 {
			t.Errorf("%d further calls", len(accepted))
		}
	}
}

// cancelled is the answer to a CANCEL, which is sent again until it comes (RFC 3261 section 17.1.2.1). The 2xx is repeated meanwhile.
func (p *peer) cancelled(m string) *sip.Response {
	p.t.Helper()
	for range 10 {
		p.send(m)
		for range 3 {
			res, ok := p.read(t2()).(*sip.Response)
			switch {
			case !ok:
			case res.CSeq().MethodName == "CANCEL":
				return res
			case res.StatusCode != 200:
				p.t.Fatalf("to the INVITE: %v", res)
			}
		}
	}
	p.t.Fatal("no answer to CANCEL")
	return nil
}

// of is the next final response whose branch ends so.
func (p *peer) of(branch string) *sip.Response {
	p.t.Helper()
	for {
		res := p.final(1)
		if via, _ := res.Via().Params.Get("branch"); strings.HasSuffix(via, branch) {
			return res
		}
	}
}

// TestReinviteComesAgain: a repeat that the front does not know, of a re-INVITE whose ACK is to come, is no request out of order.
func TestReinviteComesAgain(t *testing.T) {
	server, accepted := accepting(t)
	p := newPeer(t, server)
	callee, tag := p.confirmed(accepted)
	again := strings.Replace(p.message("INVITE", "again", tag, 2, "v=0"), "z9hG4bKagain", "as-of-old", 1)
	p.send(again)
	next(t, callee, Reinvite).Reply(Response{Status: 200, ContentType: sdpType, Body: []byte("v=0 answer")})
	if res := p.final(2); res.StatusCode != 200 {
		t.Fatalf("re-INVITE: %v", res)
	}
	p.send(again)
	p.send(p.message("OPTIONS", "o", tag, 3, ""))
	for res := p.read(10 * time.Second).(*sip.Response); res.CSeq().SeqNo != 3; res = p.read(10 * time.Second).(*sip.Response) {
		if res.StatusCode != 200 {
			t.Fatalf("to a repeated re-INVITE: %v", res)
		}
	}
	p.send(p.message("ACK", "a2", tag, 2, ""))
	next(t, callee, Ack)
	if n := server.Stats().Refused["cseq"]; n != 0 {
		t.Errorf("%d requests out of order", n)
	}
}

// TestCancelAfter2xx: a CANCEL that has found the transaction before the 2xx went out, and is acted on after it, is answered by nothing.
func TestCancelAfter2xx(t *testing.T) {
	transactions, accepted := make(chan *sip.ServerTx, 1), make(chan *Dialog, 1)
	server := open(t, &taker{invite: func(in *Incoming, _ any) {
		d, err := in.Accept(sdpType, []byte("v=0 answer"))
		if err != nil {
			t.Errorf("accept: %v", err)
		}
		transactions <- in.tx
		accepted <- d
	}})
	p := newPeer(t, server)
	p.send(p.message("INVITE", "one", "", 1, "v=0"))
	tag, _ := p.final(1).To().Params.Get("tag")
	tx, callee := got(t, transactions, "transaction"), got(t, accepted, "call")
	m, err := newParser().ParseSIP([]byte(p.message("CANCEL", "one", "", 1, "")))
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.Receive(m.(*sip.Request)); err != nil {
		t.Fatal(err)
	}
	p.send(p.message("ACK", "a", tag, 1, ""))
	next(t, callee, Ack)
	p.send(p.message("BYE", "bye", tag, 2, ""))
	for res := p.read(10 * time.Second).(*sip.Response); res.CSeq().SeqNo != 2; res = p.read(10 * time.Second).(*sip.Response) {
		if res.StatusCode != 200 {
			t.Errorf("after the 2xx: %v", res)
		}
	}
}

// TestFullOfTraces: where no traces would be left no call is let in, since its repeats would be other calls.
func TestFullOfTraces(t *testing.T) {
	server, accepted := accepting(t)
	for i := range uint64(maxTraces - traceReserve + 1) {
		server.traces.keep(i+1, "")
	}
	p := newPeer(t, server)
	p.send(p.message("INVITE", "one", "", 1, "v=0"))
	if res := p.final(1); res.StatusCode != 503 || res.GetHeader("Retry-After") == nil || len(accepted) != 0 {
		t.Errorf("%v, %d calls", res, len(accepted))
	}
}
