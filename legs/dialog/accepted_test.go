package dialog

import (
	"runtime"
	"strings"
	"testing"
	"time"
	"weak"

	"github.com/emiago/sipgo/sip"
)

// TestNothingIsHeld: of a call that stands, and of a re-INVITE in it, no request is left in the transaction layer, over any transport: it would
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

// collected tells whether nothing refers to a request any more, once the handler that had it was left. It looks for far less than 64*T1.
func collected(p weak.Pointer[sip.Request]) bool {
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for range 200 {
		if runtime.GC(); p.Value() == nil {
			return true
		}
		<-ticker.C
	}
	return false
}

// TestAcceptedOverUDP: once the 2xx is out a repeated INVITE is taken in silently, a CANCEL has its 200 and no effect, repeated or not, and one that
// belongs to nothing has its 481.
func TestAcceptedOverUDP(t *testing.T) {
	server, accepted := accepting(t)
	p := newPeer(t, server)
	p.send(p.message("INVITE", "one", "", 1, "v=0"))
	tag, _ := p.final(1).To().Params.Get("tag")
	callee := got(t, accepted, "call")
	for range 2 {
		p.send(p.message("INVITE", "one", "", 1, "v=0"))
		p.send(p.message("CANCEL", "one", "", 1, ""))
		for res := p.final(1); res.CSeq().MethodName != "CANCEL"; res = p.final(1) { // the 2xx is repeated meanwhile
			if res.StatusCode != 200 {
				t.Fatalf("to a repeated INVITE: %v", res)
			}
		}
	}
	p.send(p.message("CANCEL", "two", "", 1, ""))
	for res := p.final(1); ; res = p.final(1) {
		if via, _ := res.Via().Params.Get("branch"); res.CSeq().MethodName == "CANCEL" && strings.HasSuffix(via, "two") {
			if res.StatusCode != 481 {
				t.Errorf("CANCEL of nothing: %v", res)
			}
			break
		}
	}
	p.send(p.message("ACK", "one", tag, 1, "")) // with the branch of the INVITE, as some do
	next(t, callee, Ack)
	p.send(p.message("BYE", "bye", tag, 2, ""))
	if res := p.final(2); res.StatusCode != 200 {
		t.Errorf("BYE: %v", res)
	}
	next(t, callee, Bye)
	if s := server.Stats(); s.Strays != 0 || len(accepted) != 0 {
		t.Errorf("%d strays, %d further calls", s.Strays, len(accepted))
	}
}
