package dialog

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
)

// crowd is a Host whose new calls stay in work until the test lets them go.
type crowd struct {
	admitted atomic.Int32
	invited  chan *Incoming
	release  chan struct{}
	dialogs  chan *Dialog
}

func newCrowd() *crowd {
	return &crowd{invited: make(chan *Incoming, 8), release: make(chan struct{}), dialogs: make(chan *Dialog, 8)}
}

func (c *crowd) Admit(_ *Request, d *Dialog) (any, *Response) {
	if d == nil {
		c.admitted.Add(1)
	}
	return nil, nil
}

func (c *crowd) Invite(in *Incoming, _ any) {
	c.invited <- in
	<-c.release
	if d, err := in.Accept(sdpType, []byte("v=0 answer\r\n")); err == nil {
		c.dialogs <- d
	}
}

func (*crowd) Serve(in *Standalone, _ any) { _ = in.Reply(Response{Status: 405}) }

// invite makes an INVITE of another call.
func (p *peer) invite(call string) string {
	return strings.Replace(p.message("INVITE", call, "", 1, "v=0"), "Call-ID: byhand", "Call-ID: "+call, 1)
}

// TestSetupsBounded: while as many calls as may be are in work or wait, a further one gets 503 with Retry-After before the Host hears of it;
// a call that stands is served; one that waits too long is sent away; and whoever comes when there is room again is let in.
func TestSetupsBounded(t *testing.T) {
	c := newCrowd()
	server := open(t, c, func(cfg *Config) { cfg.MaxSetups, cfg.MaxWaiting, cfg.wait = 1, 1, 2*time.Second }) // time to look on a busy machine
	caller := open(t, &taker{})
	stands := make(chan *Dialog, 1)
	go func() {
		d, _, err := caller.Invite(within(t, 10*time.Second), invitation("udp", server))
		if err != nil {
			t.Errorf("first call: %v", err)
		}
		stands <- d
	}()
	got(t, c.invited, "first call")
	c.release <- struct{}{}
	standing, callee := got(t, stands, "first call's answer"), got(t, c.dialogs, "first call's dialog")
	next(t, callee, Ack)

	p := newPeer(t, server)
	p.send(p.invite("works"))
	got(t, c.invited, "call in work")
	p.send(p.invite("waits"))
	server.door.until(t, 2)
	p.send(p.invite("too-many"))
	shed := p.final(1)
	if shed.StatusCode != 503 || shed.GetHeader("Retry-After") == nil || shed.CallID().Value() != "too-many" {
		t.Fatalf("one too many: %v", shed)
	}
	if n := c.admitted.Load(); n != 2 { // the first and the one in work
		t.Errorf("%d calls were shown to the host", n)
	}
	tag, _ := shed.To().Params.Get("tag")
	p.send(strings.Replace(p.message("ACK", "too-many", tag, 1, ""), "Call-ID: byhand", "Call-ID: too-many", 1))
	p.send(p.invite("works")) // repeated: known, so that it is neither counted nor refused

	go func() { next(t, callee, Info).Reply(Response{Status: 200}) }()
	if res, err := standing.Send(within(t, 10*time.Second), "INFO", nil, "", nil); err != nil || res.Status != 200 {
		t.Errorf("INFO in a call that stands: %v %v", res, err)
	}
	late := p.final(1)
	if late.StatusCode != 503 || late.GetHeader("Retry-After") == nil || late.CallID().Value() != "waits" {
		t.Fatalf("one that waited too long: %v", late)
	}
	if n := c.admitted.Load(); n != 2 {
		t.Errorf("%d calls were shown to the host", n)
	}

	p.send(p.invite("in-time"))
	c.release <- struct{}{}
	if res := p.final(1); res.StatusCode != 200 || res.CallID().Value() != "works" {
		t.Errorf("the one in work: %v", res)
	}
	got(t, c.invited, "call that waited in time")
	c.release <- struct{}{}
	for got(t, c.dialogs, "dialog").callID != "in-time" {
	}
	s := server.Stats()
	if s.Refused["overload"] != 2 || s.Strays != 0 {
		t.Errorf("%d refused, %d strays", s.Refused["overload"], s.Strays)
	}
	if n := server.door.count(); n != 0 {
		t.Errorf("%d calls are counted as being set up", n)
	}
	_ = standing.Bye(within(t, 10*time.Second))
}

func (d *door) count() int { return int(d.inside.Load()) }

// until waits for so many calls to be inside.
func (d *door) until(t *testing.T, n int) {
	t.Helper()
	ticker, late := time.NewTicker(time.Millisecond), time.NewTimer(10*time.Second)
	defer ticker.Stop()
	defer late.Stop()
	for d.count() != n {
		select {
		case <-ticker.C:
		case <-late.C:
			t.Fatalf("%d calls are inside, not %d", d.count(), n)
		}
	}
}

// TestFull: while Config.Full says so no new call is let in, over any transport, and the Host hears of none; requests within a call pass.
func TestFull(t *testing.T) {
	transports(t, func(t *testing.T, transport string) {
		var full atomic.Bool
		var admitted atomic.Int32
		server := open(t, &taker{admit: func(_ *Request, d *Dialog) (any, *Response) {
			if d == nil {
				admitted.Add(1)
			}
			return nil, nil
		}, invite: func(in *Incoming, _ any) {
			d, err := in.Accept(sdpType, []byte("v=0 answer\r\n"))
			if err != nil {
				return
			}
			for ev := range d.Inbox() {
				ev.Reply(Response{Status: 200})
			}
		}}, func(c *Config) { c.Full = full.Load })
		caller := open(t, &taker{})
		ctx := within(t, 10*time.Second)
		standing, _, err := caller.Invite(ctx, invitation(transport, server))
		if err != nil {
			t.Fatal(err)
		}
		full.Store(true)
		_, res, err := caller.Invite(ctx, invitation(transport, server))
		if err != nil || res.Status != 503 || len(res.Values("Retry-After")) != 1 || admitted.Load() != 1 {
			t.Errorf("a call to a full server: %+v %v, %d shown to the host", res, err, admitted.Load())
		}
		if res, err := standing.Send(ctx, "INFO", nil, "", nil); err != nil || res.Status != 200 {
			t.Errorf("INFO in a call that stands: %v %v", res, err)
		}
		if n := server.Stats().Refused["full"]; n != 1 {
			t.Errorf("%d refused", n)
		}
		full.Store(false)
		d, _, err := caller.Invite(ctx, invitation(transport, server))
		if err != nil || d == nil {
			t.Fatalf("a call when there is room again: %v", err)
		}
		_, _ = d.Bye(ctx), standing.Bye(ctx)
	})
}

// TestTracesAnswer: once the ACK and the BYE of a call over UDP have come sipgo forgets their transactions, and what comes again is
// known all the same: the INVITE begins no second call, the BYE has the same answer.
func TestTracesAnswer(t *testing.T) {
	invited := make(chan *Dialog, 4)
	server := open(t, &taker{invite: func(in *Incoming, _ any) {
		if d, err := in.Accept(sdpType, []byte("v=0 answer\r\n")); err == nil {
			invited <- d
		}
	}})
	p := newPeer(t, server)
	invite := p.message("INVITE", "i", "", 1, "v=0")
	p.send(invite)
	tag, _ := p.final(1).To().Params.Get("tag")
	p.send(p.message("ACK", "a", tag, 1, ""))
	d := got(t, invited, "call")
	next(t, d, Ack)
	bye := p.message("BYE", "b", tag, 2, "")
	p.send(bye)
	first := p.final(2)
	<-d.Done()
	for _, m := range []string{invite, bye} {
		r, err := server.front.parser.ParseSIP([]byte(m))
		if err != nil {
			t.Fatal(err)
		}
		if _, known := server.traces.find(server.traces.key(r.(*sip.Request), addrPort(p.c.LocalAddr()))); !known {
			t.Errorf("no trace of\n%s", m)
		}
	}
	p.send(invite)
	p.send(bye)
	if again := p.final(2); again.String() != first.String() {
		t.Errorf("the answer to the BYE was\n%s\nand is\n%s", first, again)
	}
	if len(invited) != 0 {
		t.Error("a repeated INVITE began a second call")
	}
}

// TestCancelledInLine: a call that is given up while it waits for its turn is never shown to the Host.
func TestCancelledInLine(t *testing.T) {
	c := newCrowd()
	server := open(t, c, func(cfg *Config) { cfg.MaxSetups, cfg.MaxWaiting = 1, 1 })
	caller := open(t, &taker{})
	p := newPeer(t, server)
	p.send(p.invite("works"))
	got(t, c.invited, "call in work")
	ctx, cancel := context.WithCancel(t.Context())
	inv := invitation("udp", server)
	inv.OnProvisional = func(*Response) {}
	ended := make(chan error, 1)
	go func() {
		_, _, err := caller.Invite(ctx, inv)
		ended <- err
	}()
	server.door.until(t, 2)
	cancel()
	if err := got(t, ended, "the end of the call"); err == nil {
		t.Error("a call that was given up has an answer")
	}
	server.door.until(t, 1)
	if n := c.admitted.Load(); n != 1 {
		t.Errorf("%d calls were shown to the host", n)
	}
	c.release <- struct{}{}
	got(t, c.dialogs, "dialog")
}
