package dialog

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
)

// at is the same phone in another place.
func (p *peer) at(address string) *peer {
	p.t.Helper()
	c, err := net.ListenPacket("udp", address)
	if err != nil {
		p.t.Skipf("no %s here: %v", address, err)
	}
	p.t.Cleanup(func() { _ = c.Close() })
	return &peer{t: p.t, c: c, to: p.to}
}

// asked tells whether a request that the server sends in the dialog comes to p, answers it, and returns it.
func (p *peer) asked(d *Dialog) *sip.Request {
	p.t.Helper()
	done := make(chan error, 1)
	go func() {
		_, err := d.Send(within(p.t, 5*time.Second), "INFO", nil, "", nil)
		done <- err
	}()
	req := p.request("INFO")
	p.answer(req, p.to, 200, "", "")
	if err := got(p.t, done, "answer"); err != nil {
		p.t.Error(err)
	}
	return req
}

// TestTargetRefresh: a re-INVITE, or an UPDATE, that was admitted moves the dialog to where it came from and to its Contact, over UDP
// to another port and another family and back. The old octets, sent again by whoever has them, are told that they are old and move
// nothing; nor does a refused one.
func TestTargetRefresh(t *testing.T) {
	for _, method := range []string{"INVITE", "UPDATE"} {
		t.Run(method, func(t *testing.T) {
			accepted := make(chan *Dialog, 1)
			server := open(t, &taker{invite: func(in *Incoming, _ any) {
				d, _ := in.Accept(sdpType, []byte("v=0 answer"))
				accepted <- d
			}}, func(c *Config) { c.UDP = "[::]:0" })
			port := addrPort(server.Addr("udp")).Port()
			first := &peer{t: t, to: &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(port)}}
			first = first.at("127.0.0.1:0")
			d, tag := first.confirmed(accepted)
			first.asked(d)

			seq, last, old := 1, first, ""
			for _, place := range []string{"127.0.0.1:0", "[::1]:0", "127.0.0.2:0"} {
				now := first.at(place)
				if strings.HasPrefix(place, "[") {
					now.to = &net.UDPAddr{IP: net.IPv6loopback, Port: int(port)}
				}
				now.refresh(d, method, tag, seq+1, 488)
				last.asked(d)
				moved := now.refresh(d, method, tag, seq+2, 200)
				seq += 2
				req := now.asked(d)
				if want := fmt.Sprintf("sip:alice@%s", now.c.LocalAddr()); req.Recipient.String() != want {
					t.Errorf("Request-URI %s, want %s", req.Recipient.String(), want)
				}
				if via := req.Via(); strings.Contains(via.Host, ":") != strings.HasPrefix(place, "[") || via.Port != int(port) {
					t.Errorf("at %s: Via %s", place, via.Value())
				}
				if d.RemoteSource() != addrPort(now.c.LocalAddr()) {
					t.Errorf("the dialog is at %s, the phone at %s", d.RemoteSource(), now.c.LocalAddr())
				}
				if old != "" { // from where it was sent first, and from elsewhere
					for i, thief := range []*peer{last, first.at("127.0.0.3:0")} {
						thief.send(strings.Replace(old, "branch=z9hG4bK", fmt.Sprintf("branch=z9hG4bKagain%d", i), 1))
						if res := thief.final(uint32(seq - 2)); res.StatusCode != 500 {
							t.Errorf("old octets: %d", res.StatusCode)
						}
					}
					now.asked(d)
				}
				last, old = now, moved
			}
		})
	}
}

// refresh sends a re-INVITE or UPDATE, which is answered with that status, and returns it.
func (p *peer) refresh(d *Dialog, method, tag string, seq, status int) string {
	p.t.Helper()
	m := p.message(method, fmt.Sprint("r", seq), tag, seq, "v=0 again")
	p.send(m)
	kind := Reinvite
	if method == "UPDATE" {
		kind = Update
	}
	next(p.t, d, kind).Reply(Response{Status: status, ContentType: sdpType, Body: []byte("v=0 fresh")})
	if res := p.final(uint32(seq)); res.StatusCode != status {
		p.t.Fatalf("%s: %d", method, res.StatusCode)
	}
	if method == "INVITE" {
		p.send(p.message("ACK", fmt.Sprint("a", seq), tag, seq, ""))
		if status < 300 {
			next(p.t, d, Ack)
		}
	}
	return m
}

// TestOldRequestMovesNoFlow: an old request that comes on another connection does not make that the dialog's.
func TestOldRequestMovesNoFlow(t *testing.T) {
	server, _, callee, call := pair(t, "tcp")
	before := callee.flow.Load()
	conn, err := net.Dial("tcp", server.Addr("tcp").String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // of a test
	informs(t, conn, server, callee, call, call.seq)
	answer := make([]byte, 64)
	if _, err := conn.Read(answer); err != nil || !strings.HasPrefix(string(answer), "SIP/2.0 500 ") {
		t.Fatalf("%v %q", err, answer)
	}
	if st := callee.flow.Load(); st != before {
		t.Errorf("the dialog moved to %s", st.id)
	}
	informs(t, conn, server, callee, call, call.seq+1) // one in order does
	next(t, callee, Info).Reply(Response{Status: 200})
	if st := callee.flow.Load(); st == before {
		t.Error("the dialog did not move")
	}
}

// TestKeep: what a re-INVITE that nobody answers, or that is answered 408 or 481, does to the dialog is for its owner to say.
func TestKeep(t *testing.T) {
	for _, c := range []struct {
		name   string
		keep   bool
		status int // 0: silence
		want   error
	}{
		{"silence", false, 0, ErrTimeout}, {"silence kept", true, 0, nil}, {"408", false, 408, ErrNoDialog}, {"408 kept", true, 408, nil},
		{"481", false, 481, ErrNoDialog}, {"481 kept", true, 481, ErrNoDialog}, {"503 kept", true, 503, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server, accepted := accepting(t)
			p := newPeer(t, server)
			d, _ := p.confirmed(accepted)
			type outcome struct {
				res *Response
				err error
			}
			ended := make(chan outcome, 1)
			reinvite := func(ctx context.Context) {
				res, err := d.Reinvite(ctx, Modification{Offer: fixed([]byte("v=0")), Keep: c.keep, Header: []HeaderField{{"Session-Expires", "90"}}})
				ended <- outcome{res, err}
			}
			go reinvite(within(t, 10*time.Second))
			req := p.request(sip.INVITE)
			if h := req.GetHeader("Session-Expires"); h == nil || h.Value() != "90" {
				t.Errorf("Session-Expires %v", h)
			}
			if c.status != 0 {
				p.answer(req, p.to, c.status, "", "")
			}
			o := got(t, ended, "outcome")
			if c.status == 0 && !errors.Is(o.err, ErrTimeout) || c.status != 0 && (o.err != nil || o.res.Status != c.status) {
				t.Errorf("%v %+v", o.err, o.res)
			}
			if c.want != nil {
				if ev := next(t, d, Gone); !errors.Is(ev.Err, c.want) {
					t.Errorf("gone: %v", ev.Err)
				}
				return
			}
			go reinvite(within(t, 10*time.Second)) // it goes on, with another one first of all
			again := p.request(sip.INVITE)
			for again.CSeq().SeqNo == req.CSeq().SeqNo { // repeated while nobody answered
				again = p.request(sip.INVITE)
			}
			p.answer(again, p.to, 200, "", "v=0")
			p.request(sip.ACK)
			if o := got(t, ended, "outcome"); o.err != nil || o.res.Status != 200 {
				t.Errorf("%v %+v", o.err, o.res)
			}
		})
	}
}
