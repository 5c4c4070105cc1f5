package dialog

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
)

// answer responds to a request as a callee written by hand.
func (p *peer) answer(req *sip.Request, from net.Addr, status int, tag, body string, extra ...string) {
	p.t.Helper()
	to := req.To().Value()
	if !req.To().Params.Has("tag") {
		to += ";tag=" + tag
	}
	m := fmt.Sprintf("SIP/2.0 %d x\r\nVia: %s\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %s\r\nContact: <sip:bob@%s>\r\n%s"+
		"Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s", status, req.Via().Value(), req.From().Value(),
		to, req.CallID().Value(), req.CSeq().Value(), p.c.LocalAddr(), strings.Join(append(extra, ""), "\r\n"), len(body), body)
	if _, err := p.c.WriteTo([]byte(m), from); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) request(method sip.RequestMethod) *sip.Request {
	p.t.Helper()
	for range 50 {
		switch m := p.read(10 * time.Second).(type) {
		case nil:
			p.t.Fatalf("no %s: nothing comes any more", method)
		case *sip.Request:
			if m.Method == method {
				return m
			}
		}
	}
	p.t.Fatalf("no %s", method)
	return nil
}

// placed sends an INVITE that must succeed; the channel has its dialog then.
func placed(t *testing.T, caller *Endpoint, inv Invitation) <-chan *Dialog {
	t.Helper()
	calls := make(chan *Dialog, 1)
	go func() {
		d, _, err := caller.Invite(within(t, 10*time.Second), inv)
		if err != nil {
			t.Errorf("invite: %v", err)
		}
		calls <- d
	}()
	return calls
}

// TestRepeatedAnswerIsAckedAgain repeats the 200: every copy gets the same ACK, and a second callee's 200 an ACK and a BYE.
func TestRepeatedAnswerIsAckedAgain(t *testing.T) {
	caller := open(t, &taker{})
	p := newPeer(t, caller)
	inv := invitation("udp", caller)
	inv.Destination, inv.Body = p.c.LocalAddr().String(), nil
	inv.Ack = func(*Response) (string, []byte, error) { return sdpType, []byte("v=0 answer"), nil }
	calls := placed(t, caller, inv)
	req := p.request(sip.INVITE)
	p.answer(req, caller.Addr("udp"), 200, "one", "v=0 offer")
	first := p.request(sip.ACK)
	d := got(t, calls, "dialog")
	for range 3 {
		p.answer(req, caller.Addr("udp"), 200, "one", "v=0 offer")
		ack := p.request(sip.ACK)
		if string(ack.Body()) != "v=0 answer" || ack.CSeq().SeqNo != req.CSeq().SeqNo || ack.Via().Value() != first.Via().Value() {
			t.Fatalf("ACK %v", ack)
		}
	}
	p.answer(req, caller.Addr("udp"), 200, "two", "v=0 offer")
	bye := p.request(sip.BYE)
	if tag, _ := bye.To().Params.Get("tag"); tag != "two" {
		t.Errorf("BYE for %q", tag)
	}
	p.answer(bye, caller.Addr("udp"), 200, "two", "")
	if err := d.Err(); err != nil || d.Connection() != "udp|"+p.c.LocalAddr().String() {
		t.Errorf("the call we took: %v %s", err, d.Connection())
	}
}

// TestDialogUnknown: a 481 to a request of ours ends the dialog (RFC 3261 section 12.2.1.2).
func TestDialogUnknown(t *testing.T) {
	caller := open(t, &taker{})
	p := newPeer(t, caller)
	inv := invitation("udp", caller)
	inv.Destination = p.c.LocalAddr().String()
	calls := placed(t, caller, inv)
	p.answer(p.request(sip.INVITE), caller.Addr("udp"), 200, "one", "v=0")
	d := got(t, calls, "dialog")
	go func() {
		req := p.request(sip.INFO)
		p.answer(req, caller.Addr("udp"), 481, "x", "")
	}()
	if res, err := d.Send(within(t, 5*time.Second), "INFO", nil, "", nil); err != nil || res.Status != 481 {
		t.Fatalf("%v %+v", err, res)
	}
	if ev := next(t, d, Gone); !errors.Is(ev.Err, ErrNoDialog) {
		t.Errorf("gone: %v", ev.Err)
	}
}

// TestInboxFull: a leg that reads nothing makes the peer see 503, and still learns of the BYE and the end.
func TestInboxFull(t *testing.T) {
	server, accepted := accepting(t)
	p := newPeer(t, server)
	d, tag := p.confirmed(accepted)
	seq := 2
	for ; seq < 2+inboxLen; seq++ {
		p.send(p.message("INFO", fmt.Sprint("i", seq), tag, seq, ""))
	}
	for {
		if res, ok := p.read(10 * time.Second).(*sip.Response); !ok {
			t.Fatal("no 503")
		} else if res.StatusCode == 503 {
			break
		}
	}
	p.send(p.message("BYE", "bye", tag, seq, ""))
	var last Event
	for ev := range d.Inbox() {
		last = ev
	}
	if last.Kind != Gone || !errors.Is(last.Err, ErrRemoteBye) {
		t.Errorf("last %v %v", last.Kind, last.Err)
	}
}

// TestAnswerFirst: what the leg sends after its answer to a request comes after it, a NOTIFY after the answer to its REFER.
func TestAnswerFirst(t *testing.T) {
	server, accepted := accepting(t)
	p := newPeer(t, server)
	d, tag := p.confirmed(accepted)
	for seq := 2; seq < 100; seq++ {
		p.send(p.message("REFER", fmt.Sprint("r", seq), tag, seq, "", "Refer-To: <sip:x@conf.test>"))
		next(t, d, Refer).Reply(Response{Status: 202})
		told := make(chan error, 1)
		go func() {
			_, err := d.Send(within(t, 5*time.Second), "NOTIFY", nil, "", nil)
			told <- err
		}()
		if first, ok := p.read(5 * time.Second).(*sip.Response); !ok || first.StatusCode != 202 {
			t.Fatalf("REFER %d: %v came first", seq, first)
		}
		p.answer(p.request(sip.NOTIFY), server.Addr("udp"), 200, "", "")
		if err := got(t, told, "answer"); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOfferAfterOurs: who has the ACK of a re-INVITE of ours may offer at once; his is no glare any more.
func TestOfferAfterOurs(t *testing.T) {
	server, accepted := accepting(t)
	p := newPeer(t, server)
	d, tag := p.confirmed(accepted)
	for seq := 2; seq < 100; seq++ {
		changed := make(chan error, 1)
		go func() {
			err := ErrPending // as long as the refusal of his last offer has just gone out
			for errors.Is(err, ErrPending) {
				_, err = d.Reinvite(within(t, 5*time.Second), Modification{Offer: fixed([]byte("v=0 ours"))})
			}
			changed <- err
		}()
		p.answer(p.request(sip.INVITE), server.Addr("udp"), 200, "", "v=0 theirs")
		p.request(sip.ACK)
		p.send(p.message("INVITE", fmt.Sprint("i", seq), tag, seq, "v=0 again"))
		go func() {
			for ev := range d.Inbox() {
				if ev.Kind == Reinvite {
					ev.Reply(Response{Status: 488})
					return
				}
			}
		}()
		if res := p.final(uint32(seq)); res.StatusCode != 488 {
			t.Fatalf("offer %d: %d", seq, res.StatusCode)
		}
		p.send(p.message("ACK", fmt.Sprint("i", seq), tag, seq, ""))
		if err := got(t, changed, "change"); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOverload: above the bound a new call gets 503 with Retry-After, statelessly.
func TestOverload(t *testing.T) {
	hold := make(chan struct{})
	server := open(t, &taker{invite: func(in *Incoming, _ any) {
		<-hold
		_ = in.Reject(Response{Status: 486})
	}}, func(c *Config) { c.MaxHandlers = 4 })
	defer close(hold)
	p := newPeer(t, server)
	for i := range 8 {
		p.send(p.message("INVITE", fmt.Sprint("n", i), "", i+1, "v=0"))
	}
	res, ok := p.read(5 * time.Second).(*sip.Response)
	if !ok || res.StatusCode != 503 || res.GetHeader("Retry-After") == nil {
		t.Errorf("%v", res)
	}
}

// TestManyForks: of the callees beside the one we took some are sent a BYE each, however often they answer; the rest of what somebody makes up is not
// listened to.
func TestManyForks(t *testing.T) {
	caller := open(t, &taker{})
	p := newPeer(t, caller)
	inv := invitation("udp", caller)
	inv.Destination = p.c.LocalAddr().String()
	calls := placed(t, caller, inv)
	req := p.request(sip.INVITE)
	p.answer(req, caller.Addr("udp"), 200, "taken", "v=0")
	p.request(sip.ACK)
	d := got(t, calls, "dialog")
	for range 3 {
		for fork := range 3 * maxForks {
			p.answer(req, caller.Addr("udp"), 200, fmt.Sprint("fork", fork), "v=0")
		}
	}
	ended := make(chan error, 1)
	go func() { ended <- d.Bye(within(t, 10*time.Second)) }()            // behind all of that
	byes, acks := make(map[string]map[string]bool), make(map[string]int) // branches by tag, and how many
	take := func(wait time.Duration) bool {
		m, ok := p.read(wait).(*sip.Request)
		if !ok {
			return false
		}
		tag, _ := m.To().Params.Get("tag")
		switch m.Method {
		case sip.BYE:
			if byes[tag] == nil {
				byes[tag] = make(map[string]bool)
			}
			byes[tag][m.Via().Value()] = true
			p.answer(m, caller.Addr("udp"), 200, "", "")
		case sip.ACK:
			acks[tag]++
		}
		return true
	}
	for byes["taken"] == nil || len(byes) <= maxForks {
		if !take(10 * time.Second) {
			t.Fatalf("BYEs for %v alone", byes)
		}
	}
	if err := got(t, ended, "end"); err != nil {
		t.Error(err)
	}
	if err := caller.Close(within(t, 10*time.Second)); err != nil {
		t.Error(err)
	}
	for take(50 * time.Millisecond) { // what was sent has come
	}
	if len(byes) != maxForks+1 || len(acks) > maxForks {
		t.Errorf("BYEs for %v, ACKs for %v", byes, acks)
	}
	for tag, branches := range byes {
		if len(branches) != 1 {
			t.Errorf("%d BYEs for %s", len(branches), tag)
		}
	}
	for tag, n := range acks {
		if n > 3 {
			t.Errorf("%d ACKs for %s", n, tag)
		}
	}
}
