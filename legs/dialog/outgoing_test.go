package dialog

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"
)

// TestRequestDigest: a challenge of the own realm is answered, with the next CSeq; a refused answer is given up.
func TestRequestDigest(t *testing.T) {
	for _, c := range []struct {
		name, realm, password string
		want, attempts        int
	}{
		{"right", "conf.test", "secret", 200, 2}, {"wrong", "conf.test", "guess", 401, 3}, {"foreign realm", "elsewhere", "secret", 401, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			var attempts, last atomic.Int64
			server := open(t, &taker{
				admit: func(r *Request, _ *Dialog) (any, *Response) {
					if attempts.Add(1); int64(r.CSeq) <= last.Swap(int64(r.CSeq)) {
						t.Errorf("CSeq %d again", r.CSeq)
					}
					if a := r.Header("Authorization"); len(a) == 1 {
						if cred, err := digest.ParseCredentials(a[0]); err == nil && verified(r, cred, "secret") {
							return nil, nil
						}
					}
					return nil, &Response{Status: 401, Header: []HeaderField{
						{"WWW-Authenticate", `Digest realm="conf.test", nonce="n1", algorithm=SHA-256, qop="auth"`},
					}}
				},
				serve: func(in *Standalone, _ any) { _ = in.Reply(Response{Status: 200}) },
			}, registrar)
			caller := open(t, &taker{})
			o := register("tcp", server) // over UDP a busy machine repeats it, and a stateless 401 is given anew
			o.Username, o.Password, o.Realm = "alice", c.password, c.realm
			res, err := caller.Request(within(t, 10*time.Second), o)
			if err != nil || res.Status != c.want || int(attempts.Load()) != c.attempts {
				t.Errorf("%v %+v after %d attempts", err, res, attempts.Load())
			}
		})
	}
}

// TestRequestFields: what goes out is what was asked for, and nothing that would begin a field of its own.
func TestRequestFields(t *testing.T) {
	caller := open(t, &taker{}, func(c *Config) { c.Focus = false })
	p := newPeer(t, caller)
	ask := func(change func(*Outgoing)) *sip.Request {
		t.Helper()
		o := Outgoing{
			Method: "REGISTER", URI: "sip:conf.test;transport=udp", From: "sip:alice@conf.test", Display: "Al", To: "sip:bob@conf.test",
			Destination: p.c.LocalAddr().String(), ContentType: "text/plain", Body: []byte("hello"),
		}
		change(&o)
		done := make(chan error, 1)
		go func() {
			_, err := caller.Request(within(t, 5*time.Second), o)
			done <- err
		}()
		req := p.request(sip.RequestMethod(o.Method))
		p.answer(req, p.to, 200, "x", "")
		if err := got(t, done, "answer"); err != nil {
			t.Fatal(err)
		}
		return req
	}
	at := caller.Addr("udp").String()
	req := ask(func(*Outgoing) {})
	if req.Recipient.String() != "sip:conf.test;transport=udp" || !strings.HasPrefix(req.From().Value(), `"Al" <sip:alice@conf.test>;tag=`) ||
		req.To().Value() != "<sip:bob@conf.test>" || string(req.Body()) != "hello" || req.Contact().Value() != "<sip:focus@"+at+">" {
		t.Errorf("%v", req)
	}
	if h := req.GetHeader("Supported"); h != nil {
		t.Errorf("a REGISTER with %v", h)
	}
	req = ask(func(o *Outgoing) { o.Header = []HeaderField{{"Contact", "*"}, {"Expires", "0"}} })
	if contacts := req.GetHeaders("Contact"); len(contacts) != 1 || contacts[0].Value() != "*" {
		t.Errorf("contacts %v", contacts)
	}
	req = ask(func(o *Outgoing) { o.Method, o.To, o.ContactUser = "REFER", "", "room" })
	if req.To().Value() != "<sip:conf.test>" || req.Contact().Value() != "<sip:room@"+at+">" || req.GetHeader("Supported") == nil {
		t.Errorf("%v", req)
	}
	for name, change := range map[string]func(*Outgoing){
		"display": func(o *Outgoing) { o.Display = "x\r\nEvil: yes" }, "contact": func(o *Outgoing) { o.ContactUser = "x\r\nEvil: yes" },
		"parameters": func(o *Outgoing) { o.ContactParams = ";x\r\nEvil: yes" }, "header": func(o *Outgoing) { o.Header = []HeaderField{{"X", "y\nEvil: yes"}} },
		"name": func(o *Outgoing) { o.Header = []HeaderField{{"X: y\r\nEvil", "yes"}} },
	} {
		o := register("tcp", caller)
		change(&o)
		if _, err := caller.Request(within(t, time.Second), o); !errors.Is(err, ErrBadHeader) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, address := range []string{"", "conf.test", "sip:a@b?Subject=x"} {
		o := register("tcp", caller)
		o.URI = address
		if _, err := caller.Request(within(t, time.Second), o); !errors.Is(err, ErrMalformed) {
			t.Errorf("URI %q: %v", address, err)
		}
	}
}

// TestRequestUnanswered: silence ends a request, and so does whoever waits for it.
func TestRequestUnanswered(t *testing.T) {
	t.Parallel()
	caller := open(t, &taker{})
	p := newPeer(t, caller)
	o := register("udp", caller)
	o.Destination = p.c.LocalAddr().String()
	if _, err := caller.Request(within(t, 20*time.Second), o); !errors.Is(err, ErrTimeout) {
		t.Errorf("silence: %v", err)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	enough := errors.New("enough")
	go func() {
		p.request(sip.REGISTER)
		cancel(enough)
	}()
	if _, err := caller.Request(ctx, o); !errors.Is(err, enough) {
		t.Errorf("given up: %v", err)
	}
	o.Transport, o.Destination = "tcp", "127.0.0.1:1"
	if _, err := caller.Request(within(t, 5*time.Second), o); !errors.Is(err, ErrTransport) {
		t.Errorf("a closed port: %v", err)
	}
	if err := caller.Close(within(t, 10*time.Second)); err != nil {
		t.Fatal(err)
	}
	o.Transport, o.Destination = "udp", p.c.LocalAddr().String()
	if _, err := caller.Request(within(t, 5*time.Second), o); !errors.Is(err, ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
}
