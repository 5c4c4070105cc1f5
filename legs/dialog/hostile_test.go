package dialog

import (
	"fmt"
	"net"
	"strings"
	"testing"
)

// TestCountGivenBack: whatever a stranger sends, in whatever way it gets lost between front and handler, the door stands open for
// the next caller.
func TestCountGivenBack(t *testing.T) {
	stranger := func(_ *Request, _ *Dialog) (any, *Response) { return nil, &Response{Status: 401} }
	server := open(t, &taker{admit: stranger}, func(c *Config) { c.MaxSetups, c.MaxWaiting = 1, 3 })
	p, honest := newPeer(t, server), newPeer(t, server)
	for how, send := range map[string]func(m string){
		"an odd space": func(m string) { p.send(strings.Replace(m, "\r\nCSeq", "\u00a0\r\nCSeq", 1)) },
		"one branch": func(m string) {
			p.send(m)
			p.send(strings.Replace(m, "Call-ID: ", "Call-ID: z", 1))
		},
		"forked": func(m string) {
			p.send(m)
			p.send(strings.Replace(m, "branch=z9hG4bK", "branch=z9hG4bKz", 1))
		},
		"cancelled": func(m string) {
			p.send(m)
			p.send(strings.ReplaceAll(strings.Replace(m, "Content-Type: application/sdp\r\n", "", 1), "INVITE", "CANCEL"))
			p.send(m)
		},
		"a connection that breaks": func(m string) {
			c, err := net.Dial("tcp", server.Addr("tcp").String())
			if err != nil {
				t.Fatal(err)
			}
			_ = c.(*net.TCPConn).SetLinger(0)
			_, _ = fmt.Fprint(c, strings.Replace(m, "SIP/2.0/UDP", "SIP/2.0/TCP", 1))
			_ = c.Close()
		},
	} {
		for i := range 8 {
			call := strings.ReplaceAll(fmt.Sprint(how, i), " ", "-")
			send(p.invite(call))
			honest.send(honest.invite("honest-" + call))
			if res := honest.final(1); res.StatusCode != 401 {
				t.Fatalf("%s: after %d the next caller has %d", how, i, res.StatusCode)
			}
			server.door.until(t, 0)
		}
	}
	if n := len(server.door.slots); n != 0 {
		t.Errorf("%d slots are taken", n)
	}
}

// TestSameNumbers: two dialogs through one proxy may have the same Call-ID and CSeqs; a BYE ends the one whose tags it has.
func TestSameNumbers(t *testing.T) {
	invited := make(chan *Dialog, 4)
	server := open(t, &taker{invite: func(in *Incoming, _ any) {
		if d, err := in.Accept(sdpType, []byte("v=0 answer\r\n")); err == nil {
			invited <- d
		}
	}})
	p := newPeer(t, server)
	other := func(m string) string { return strings.Replace(m, "tag=me", "tag=other", 1) }
	same := func(m string) string { return m }
	var tags []string
	var dialogs []*Dialog
	for i, as := range []func(string) string{same, other} {
		p.send(as(p.message("INVITE", fmt.Sprint("i", i), "", i+1, "v=0")))
		tag, _ := p.final(uint32(i + 1)).To().Params.Get("tag")
		p.send(as(p.message("ACK", fmt.Sprint("a", i), tag, i+1, "")))
		d := got(t, invited, "call")
		next(t, d, Ack)
		tags, dialogs = append(tags, tag), append(dialogs, d)
	}
	for i, as := range []func(string) string{same, other} {
		p.send(as(p.message("BYE", fmt.Sprint("b", i), tags[i], 5, "")))
		res := p.final(5)
		if tag, _ := res.To().Params.Get("tag"); tag != tags[i] {
			t.Errorf("BYE %d was answered as\n%s", i, res)
		}
		got(t, dialogs[i].Done(), "end of the dialog")
	}
}

// TestForkedLate: an INVITE that comes by another way once its call stands is told so (RFC 3261 section 8.2.2.2).
func TestForkedLate(t *testing.T) {
	invited := make(chan *Dialog, 4)
	server := open(t, &taker{invite: func(in *Incoming, _ any) {
		if d, err := in.Accept(sdpType, []byte("v=0 answer\r\n")); err == nil {
			invited <- d
		}
	}})
	p := newPeer(t, server)
	p.send(p.message("INVITE", "i1", "", 1, "v=0"))
	tag, _ := p.final(1).To().Params.Get("tag")
	p.send(p.message("ACK", "a1", tag, 1, ""))
	next(t, got(t, invited, "call"), Ack)
	p.send(p.message("INVITE", "i2", "", 1, "v=0"))
	if res := p.final(1); res.StatusCode != 482 || len(invited) != 0 {
		t.Errorf("the fork was answered %d, %d further calls", res.StatusCode, len(invited))
	}
}
