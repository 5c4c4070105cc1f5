package dialog

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
)

func registrar(c *Config) { c.Registrar = true }

// register asks as alice; the device is at the endpoint that sends it.
func register(transport string, to *Endpoint) Outgoing {
	return Outgoing{
		Method: "REGISTER", URI: "sip:conf.test", From: "sip:alice@conf.test", To: "sip:alice@conf.test", Transport: transport,
		Destination: to.Addr(transport).String(), ContactUser: "phone", ContactParams: `;+sip.instance="<urn:uuid:1>";reg-id=1`,
		Header: []HeaderField{{"Expires", "600"}},
	}
}

// TestRegister: a REGISTER reaches the Host with what it proved and where it came from, and its answer comes back.
func TestRegister(t *testing.T) {
	for _, transport := range []string{"udp", "tcp", "tls"} {
		t.Run(transport, func(t *testing.T) {
			served := make(chan *Standalone, 1)
			server := open(t, &taker{
				admit: func(r *Request, _ *Dialog) (any, *Response) { return "as " + r.From.URI.User, nil },
				serve: func(in *Standalone, admitted any) {
					if admitted != "as alice" {
						t.Errorf("admitted %v", admitted)
					}
					if err := in.Reply(Response{Status: 200, Header: []HeaderField{{"Contact", in.Request.Header("contact")[0] + ";expires=600"}}}); err != nil {
						t.Errorf("reply: %v", err)
					}
					if err := in.Reply(Response{Status: 403}); !errors.Is(err, ErrAnswered) {
						t.Errorf("a second reply: %v", err)
					}
					served <- in
				},
			}, registrar)
			caller := open(t, &taker{}, func(c *Config) { c.TCP, c.TLS, c.Focus = "", "", false })
			res, err := caller.Request(within(t, 5*time.Second), register(transport, server))
			if err != nil || res.Status != 200 {
				t.Fatalf("%v %+v", err, res)
			}
			r := got(t, served, "REGISTER").Request
			contact, err := parseNameAddr(r.Header("contact")[0])
			if err != nil || contact.URI.User != "phone" || !slices.Contains(contact.params, HeaderField{"reg-id", "1"}) {
				t.Errorf("contact %+v (%v)", contact, err)
			}
			if r.URI != (URI{Scheme: "sip", Host: "conf.test"}) || r.To.URI.User != "alice" || r.To.Tag != "" || r.Transport != transport ||
				!strings.HasPrefix(r.Connection, transport+"|127.0.0.1:") {
				t.Errorf("request %+v", r)
			}
			if c := res.Values("contact"); len(c) != 1 || !strings.HasSuffix(c[0], ";reg-id=1;expires=600") || res.tag() == "" {
				t.Errorf("answer %+v", res)
			}
		})
	}
}

// TestServeRefusals: who serves no REGISTER answers 405 and says what it does serve; what nobody answers gets 500; what makes no sense
// outside a dialog stays refused.
func TestServeRefusals(t *testing.T) {
	host := &taker{serve: func(*Standalone, any) {}}
	with, without := open(t, host, registrar), open(t, &taker{})
	caller := open(t, &taker{})
	for _, c := range []struct {
		to     *Endpoint
		method string
		status int
		allow  bool // REGISTER stands in Allow
	}{
		{with, "REGISTER", 500, false}, {with, "REFER", 500, false}, {with, "OPTIONS", 200, true}, {with, "SUBSCRIBE", 405, true},
		{without, "REGISTER", 405, false}, {without, "REFER", 405, false}, {without, "OPTIONS", 200, false},
		{with, "INFO", 481, false}, {with, "NOTIFY", 481, false}, {with, "UPDATE", 481, false}, {with, "FROBNICATE", 501, true},
	} {
		o := register("tcp", c.to)
		o.Method = c.method
		res, err := caller.Request(within(t, 5*time.Second), o)
		if err != nil || res.Status != c.status {
			t.Errorf("%s: %v %+v, want %d", c.method, err, res, c.status)
			continue
		}
		allow := strings.Join(res.Values("allow"), ", ")
		if strings.Contains(allow, "REGISTER") != c.allow || (c.status == 405 && !strings.Contains(allow, "REFER")) {
			t.Errorf("%s: Allow is %q", c.method, allow)
		}
	}
	for _, method := range []string{"INVITE", "ACK", "CANCEL", "BYE", "", "A B"} {
		o := register("tcp", with)
		o.Method = method
		if _, err := caller.Request(within(t, time.Second), o); !errors.Is(err, ErrBadHeader) {
			t.Errorf("%q: %v", method, err)
		}
	}
}

// TestRepeatedRegister: a REGISTER that comes again over UDP is served once and answered alike.
func TestRepeatedRegister(t *testing.T) {
	served := make(chan struct{}, 4)
	server := open(t, &taker{serve: func(in *Standalone, _ any) {
		served <- struct{}{}
		_ = in.Reply(Response{Status: 200, Header: []HeaderField{{"Min-Expires", fmt.Sprint(len(served))}}})
	}}, registrar)
	p := newPeer(t, server)
	m := p.message("REGISTER", "r", "", 1, "")
	p.send(m)
	first := p.final(1)
	for range 3 {
		p.send(m)
		if again := p.final(1); again.String() != first.String() {
			t.Errorf("answers\n%s\nand\n%s", first, again)
		}
	}
	if len(served) != 1 {
		t.Errorf("served %d times", len(served))
	}
}

// TestRefer: a REFER outside a dialog makes a subscription, whose NOTIFYs go where the REFER came from, within the dialog that its answer
// made; the peer's requests in it are unknown, and an unknown subscription ends.
func TestRefer(t *testing.T) {
	subscribed := make(chan *Dialog, 1)
	server := open(t, &taker{serve: func(in *Standalone, _ any) {
		d, err := in.Subscribe()
		if err != nil {
			t.Errorf("subscribe: %v", err)
		}
		if err := in.Reply(Response{Status: 202}); err != nil {
			t.Errorf("reply: %v", err)
		}
		subscribed <- d
	}})
	p := newPeer(t, server)
	p.send(p.message("REFER", "r", "", 5, "", "Refer-To: <sip:x@conf.test>"))
	accepted := p.final(5)
	d := got(t, subscribed, "subscription")
	tag, _ := accepted.To().Params.Get("tag")
	if accepted.StatusCode != 202 || accepted.Contact() == nil || tag == "" || tag != d.localTag {
		t.Fatalf("answer %v", accepted)
	}
	answered := make(chan error, 1)
	notify := func(status string) {
		_, err := d.Send(within(t, 5*time.Second), "NOTIFY", []HeaderField{{"Event", "refer"}, {"Subscription-State", "active"}},
			"message/sipfrag", []byte("SIP/2.0 "+status))
		answered <- err
	}
	for i, status := range []string{"100 Trying", "200 OK"} {
		go notify(status)
		req := p.request(sip.NOTIFY)
		from, _ := req.From().Params.Get("tag")
		to, _ := req.To().Params.Get("tag")
		if from != tag || to != "me" || req.CallID().Value() != "byhand" || req.CSeq().SeqNo != uint32(i+1) ||
			req.Contact() == nil || string(req.Body()) != "SIP/2.0 "+status {
			t.Fatalf("NOTIFY %v", req)
		}
		p.answer(req, server.Addr("udp"), 200, "", "")
		if err := got(t, answered, "answer"); err != nil {
			t.Fatal(err)
		}
	}
	p.send(p.message("SUBSCRIBE", "s", tag, 6, ""))
	if res := p.final(6); res.StatusCode != 481 {
		t.Errorf("a request in the subscription: %d", res.StatusCode)
	}
	if err := d.Err(); err != nil || server.Stats().Dialogs != 0 {
		t.Errorf("%v, %d dialogs", err, server.Stats().Dialogs)
	}
	go notify("200 OK")
	p.answer(p.request(sip.NOTIFY), server.Addr("udp"), 481, "", "")
	_ = got(t, answered, "answer")
	if ev := next(t, d, Gone); !errors.Is(ev.Err, ErrNoDialog) {
		t.Errorf("gone: %v", ev.Err)
	}
	if _, err := d.Send(within(t, time.Second), "NOTIFY", nil, "", nil); !errors.Is(err, ErrEnded) {
		t.Errorf("after its end: %v", err)
	}
	if err := d.Bye(within(t, time.Second)); err != nil {
		t.Errorf("bye: %v", err)
	}
}

// TestReferWithoutContact makes no subscription: there is nobody to notify.
func TestReferWithoutContact(t *testing.T) {
	server := open(t, &taker{serve: func(in *Standalone, _ any) {
		if _, err := in.Subscribe(); !errors.Is(err, ErrMalformed) {
			t.Errorf("subscribe: %v", err)
		}
		for want, r := range map[error]Response{
			ErrBadHeader: {Status: 400, Reason: "x\r\nEvil: yes"},
			ErrTooLarge:  {Status: 400, Header: []HeaderField{{"Reason", strings.Repeat("x", 9000)}}},
		} {
			if err := in.Reply(r); !errors.Is(err, want) {
				t.Errorf("reply: %v, want %v", err, want)
			}
		}
		if err := in.Reply(Response{Status: 180}); !errors.Is(err, ErrBadHeader) {
			t.Errorf("a provisional reply: %v", err)
		}
		_ = in.Reply(Response{Status: 400})
	}})
	p := newPeer(t, server)
	m := p.message("REFER", "r", "", 5, "", "Refer-To: <sip:x@conf.test>")
	begin := strings.Index(m, "Contact:")
	end := begin + strings.Index(m[begin:], "\r\n") + 2
	p.send(m[:begin] + m[end:])
	if res := p.final(5); res.StatusCode != 400 {
		t.Errorf("status %d", res.StatusCode)
	}
}

// TestExtensions: what a request requires is judged by what we have, and what we have is told.
func TestExtensions(t *testing.T) {
	server := open(t, &taker{serve: func(in *Standalone, _ any) { _ = in.Reply(Response{Status: 202}) }}, registrar)
	caller := open(t, &taker{})
	for _, c := range []struct{ method, require, unsupported string }{
		{"REFER", "tdialog, norefersub", ""}, {"REFER", "Replaces,timer", ""}, {"REGISTER", "outbound", ""},
		{"REFER", "outbound", "outbound"}, {"REFER", "tdialog, 100rel,x", "100rel, x"}, {"OPTIONS", "path", "path"},
	} {
		o := register("tcp", server)
		o.Method, o.Header = c.method, []HeaderField{{"Require", c.require}}
		res, err := caller.Request(within(t, 5*time.Second), o)
		if err != nil || (res.Status == 420) != (c.unsupported != "") || strings.Join(res.Values("unsupported"), "|") != c.unsupported {
			t.Errorf("%s requires %s: %v %+v", c.method, c.require, err, res)
		}
		if c.method == "REFER" && res.Status < 300 && strings.Join(res.Values("supported"), "") != "replaces, timer, norefersub, tdialog" {
			t.Errorf("supported: %q", res.Values("supported"))
		}
	}
}
