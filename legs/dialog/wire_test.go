package dialog

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
)

// TestRetransmittedAnswer lets the ACK get lost: the 200 comes again until it arrives, and once only it is an event.
func TestRetransmittedAnswer(t *testing.T) {
	t.Parallel()
	server, accepted := accepting(t)
	p := newPeer(t, server)
	invite := p.message("INVITE", "one", "", 7, "v=0")
	p.send(invite)
	ok := p.final(7)
	tag, _ := ok.To().Params.Get("tag")
	p.send(invite) // a retransmission makes no second call
	for i := range 3 {
		res := p.final(7)
		if again, _ := res.To().Params.Get("tag"); again != tag || string(res.Body()) != "v=0 answer" {
			t.Fatalf("repetition %d differs", i)
		}
	}
	d := got(t, accepted, "call")
	ack := p.message("ACK", "two", tag, 7, "")
	p.send(ack)
	p.send(ack)
	next(t, d, Ack)
	if _, err := netip.ParseAddrPort(d.RemoteSource().String()); err != nil {
		t.Error(err)
	}
	p.send(p.message("BYE", "three", tag, 8, ""))
	if res := p.final(8); res.StatusCode != 200 {
		t.Errorf("BYE: %d", res.StatusCode)
	}
	next(t, d, Bye)
	next(t, d, Gone)
	for _, method := range []string{"BYE", "INVITE", "INFO", "OPTIONS", "REFER"} { // after teardown (A16)
		p.send(p.message(method, "late"+method, tag, 9, ""))
		if res := p.final(9); res.StatusCode != 481 {
			t.Errorf("%s after the end: %d", method, res.StatusCode)
		}
	}
	select {
	case d := <-accepted:
		t.Errorf("a second call %v", d.ID())
	default:
	}
}

// TestAckWithInviteBranch takes the ACK of peers that reuse the INVITE's branch.
func TestAckWithInviteBranch(t *testing.T) {
	server, accepted := accepting(t)
	p := newPeer(t, server)
	p.send(p.message("INVITE", "same", "", 1, "v=0"))
	tag, _ := p.final(1).To().Params.Get("tag")
	d := got(t, accepted, "call")
	for again := sip.Message(&sip.Response{}); again != nil; again = p.read(4 * t1()) { // one that comes right behind the 2xx may be lost: that comes again
		p.send(p.message("ACK", "same", tag, 1, ""))
	}
	next(t, d, Ack)
}

// TestNoAck never acknowledges: within 64*T1 the call ends with a BYE.
func TestNoAck(t *testing.T) {
	t.Parallel()
	server, accepted := accepting(t)
	p := newPeer(t, server)
	p.send(p.message("INVITE", "one", "", 1, "v=0"))
	p.final(1)
	d := got(t, accepted, "call")
	if ev := next(t, d, Gone); !errors.Is(ev.Err, ErrNoAck) {
		t.Fatalf("gone: %v", ev.Err)
	}
	for {
		m := p.read(5 * time.Second)
		if m == nil {
			t.Fatal("no BYE")
		}
		if req, ok := m.(*sip.Request); ok && req.Method == sip.BYE {
			return
		}
	}
}

// TestOrder sends requests out of CSeq order within the reordering window, and an old one.
func TestOrder(t *testing.T) {
	server, accepted := accepting(t)
	p := newPeer(t, server)
	p.send(p.message("INVITE", "one", "", 1, "v=0"))
	tag, _ := p.final(1).To().Params.Get("tag")
	d := got(t, accepted, "call")
	// The re-INVITE and INFOs overtake the ACK and each other.
	p.send(p.message("INFO", "i4", tag, 4, ""))
	p.send(p.message("INFO", "i3", tag, 3, ""))
	p.send(p.message("INVITE", "i2", tag, 2, "v=0"))
	p.send(p.message("ACK", "ack", tag, 1, ""))
	next(t, d, Ack)
	ev := next(t, d, Reinvite)
	if ev.Request.CSeq != 2 {
		t.Errorf("CSeq %d", ev.Request.CSeq)
	}
	for _, want := range []uint32{3, 4} {
		if ev := next(t, d, Info); ev.Request.CSeq != want {
			t.Errorf("CSeq %d, want %d", ev.Request.CSeq, want)
		} else {
			ev.Reply(Response{Status: 200})
		}
	}
	ev.Reply(Response{Status: 488})
	p.final(2)
	p.send(p.message("INFO", "old", tag, 2, ""))
	if res := p.final(2); res.StatusCode != 500 && res.StatusCode != 488 {
		t.Errorf("old CSeq: %d", res.StatusCode)
	}
	p.send(p.message("INFO", "gap", tag, 40, ""))
	next(t, d, Info).Reply(Response{Status: 200})
}

// TestRetransmittedReinvite: our 200 to a re-INVITE is repeated until its ACK; a second offer before that ACK is refused.
func TestRetransmittedReinvite(t *testing.T) {
	t.Parallel()
	server, accepted := accepting(t)
	p := newPeer(t, server)
	d, tag := p.confirmed(accepted)
	p.send(p.message("INVITE", "two", tag, 2, "v=0 again"))
	next(t, d, Reinvite).Reply(Response{Status: 200, ContentType: sdpType, Body: []byte("v=0 fresh")})
	for range 3 {
		if res := p.final(2); res.StatusCode != 200 || string(res.Body()) != "v=0 fresh" || res.Contact() == nil {
			t.Fatalf("answer %v", res)
		}
	}
	p.send(p.message("INVITE", "three", tag, 3, "v=0 more"))
	if res := p.final(3); res.StatusCode != 500 || res.GetHeader("Retry-After") == nil {
		t.Errorf("overlapping offer: %v", res.StatusCode)
	}
	p.send(p.message("ACK", "a2", tag, 2, ""))
	next(t, d, Ack)
	if _, err := d.Send(within(t, 300*time.Millisecond), "INFO", nil, "", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("INFO: %v", err) // the peer by hand does not answer
	}
}

// TestStatelessRefusal: a refused INVITE leaves nothing behind, and its repetition gets the same tag.
func TestStatelessRefusal(t *testing.T) {
	t.Parallel()
	server := open(t, &taker{admit: func(*Request, *Dialog) (any, *Response) { return nil, &Response{Status: 401} }})
	p := newPeer(t, server)
	var tags [2]string
	for i := range tags {
		// Until the handler of the first has returned, sipgo absorbs the second: a caller repeats it.
		var res *sip.Response
		for ok := false; !ok; {
			p.send(p.message("INVITE", "same", "", 1, "v=0"))
			res, ok = p.read(short.T1).(*sip.Response)
		}
		tags[i], _ = res.To().Params.Get("tag")
		if res.StatusCode != 401 {
			t.Fatalf("status %d", res.StatusCode)
		}
	}
	if tags[0] != tags[1] || tags[0] == "" {
		t.Errorf("tags %q", tags)
	}
	for p.read(2*short.T1) != nil { //nolint:revive // answers to what a slow machine made us repeat
	}
	if m := p.read(3 * short.T1); m != nil {
		t.Errorf("a stateless answer was repeated: %v", m)
	}
	p.send(p.message("ACK", "same", tags[0], 1, ""))
	if m := p.read(2 * short.T1); m != nil {
		t.Errorf("an ACK was answered: %v", m)
	}
}

func TestMergedRequest(t *testing.T) {
	hold, begun := make(chan struct{}), make(chan struct{})
	server := open(t, &taker{invite: func(in *Incoming, _ any) {
		close(begun)
		<-hold
		_ = in.Reject(Response{Status: 486})
	}})
	p := newPeer(t, server)
	p.send(p.message("INVITE", "one", "", 1, "v=0"))
	<-begun
	p.send(p.message("INVITE", "two", "", 1, "v=0"))
	res := p.final(1)
	close(hold)
	if res.StatusCode != 482 {
		t.Errorf("merged: %d", res.StatusCode)
	}
}

func TestNoServer(t *testing.T) {
	t.Parallel()
	caller := open(t, &taker{})
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	inv := Invitation{URI: "sip:x@conf.test", From: "sip:a@conf.test", Destination: c.LocalAddr().String()}
	if _, _, err := caller.Invite(within(t, 10*time.Second), inv); !errors.Is(err, ErrTimeout) {
		t.Errorf("silent peer: %v", err)
	}
	inv.Transport, inv.Destination = "tcp", "127.0.0.1:1"
	if _, _, err := caller.Invite(within(t, 10*time.Second), inv); !errors.Is(err, ErrTransport) {
		t.Errorf("closed port: %v", err)
	}
	inv.Display = "x\r\nEvil: yes"
	if _, _, err := caller.Invite(within(t, time.Second), inv); !errors.Is(err, ErrBadHeader) {
		t.Errorf("injection: %v", err)
	}
}

func TestAnswerTooLarge(t *testing.T) {
	server := open(t, &taker{invite: func(in *Incoming, _ any) {
		if _, err := in.Accept(sdpType, bytes.Repeat([]byte("x"), 9000)); !errors.Is(err, ErrTooLarge) {
			t.Errorf("accept: %v", err)
		}
		_ = in.Reject(Response{Status: 513})
	}})
	caller := open(t, &taker{})
	if _, res, err := caller.Invite(within(t, 5*time.Second), invitation("udp", server)); err != nil || res.Status != 513 {
		t.Errorf("%v %+v", err, res)
	}
}

func TestForgottenAnswers(t *testing.T) {
	t.Parallel()
	server := open(t, &taker{invite: func(*Incoming, any) {}})
	caller := open(t, &taker{})
	if _, res, err := caller.Invite(within(t, 5*time.Second), invitation("tcp", server)); err != nil || res.Status != 500 {
		t.Errorf("%v %+v", err, res)
	}
	_, _, callee, call := pair(t, "udp")
	res, err := call.Send(within(t, 10*time.Second), "INFO", nil, "", nil)
	if err != nil || res.Status != 500 {
		t.Errorf("%v %+v", err, res)
	}
	next(t, callee, Info)
}

func TestPanicIsCounted(t *testing.T) {
	server := open(t, &taker{invite: func(*Incoming, any) { panic("a bug") }})
	caller := open(t, &taker{})
	_, res, err := caller.Invite(within(t, 5*time.Second), invitation("udp", server))
	if err != nil || res.Status != 500 {
		t.Errorf("%v %+v", err, res)
	}
	if n := server.stats.panics.Swap(0); n != 1 {
		t.Errorf("%d panics", n)
	}
}

// TestStrangersAnswer sends an ACK with an answer from elsewhere, with the right tags: it is nobody's, and the true one counts.
func TestStrangersAnswer(t *testing.T) {
	t.Parallel()
	server, accepted := accepting(t)
	p, stranger := newPeer(t, server), newPeer(t, server)
	p.send(p.message("INVITE", "one", "", 7, ""))
	ok := p.final(7)
	tag, _ := ok.To().Params.Get("tag")
	d := got(t, accepted, "call")
	strays := server.Stats().Strays
	stranger.send(stranger.message("ACK", "two", tag, 7, "v=0 junk"))
	for p.final(7); server.Stats().Strays == strays; { // the 200 goes on being repeated meanwhile
		p.final(7)
	}
	p.send(p.message("ACK", "three", tag, 7, "v=0 true"))
	if ev := next(t, d, Ack); string(ev.Request.Body) != "v=0 true" {
		t.Errorf("took the answer %q", ev.Request.Body)
	}
}
