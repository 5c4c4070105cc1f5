package dialog

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
)

// peer is a SIP peer written by hand on a UDP socket.
type peer struct {
	t  *testing.T
	c  net.PacketConn
	to net.Addr
}

func newPeer(t *testing.T, server *Endpoint) *peer {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &peer{t: t, c: c, to: server.Addr("udp")}
}

// message makes a request; toTag "" is outside a dialog.
func (p *peer) message(method, branch, toTag string, seq int, body string, extra ...string) string {
	to := "<sip:room@conf.test>"
	if toTag != "" {
		to += ";tag=" + toTag
	}
	m := fmt.Sprintf("%s sip:room@conf.test SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s;rport\r\nMax-Forwards: 70\r\n"+
		"From: <sip:alice@conf.test>;tag=me\r\nTo: %s\r\nCall-ID: byhand\r\nCSeq: %d %s\r\nContact: <sip:alice@%s>\r\n",
		method, p.c.LocalAddr(), branch, to, seq, method, p.c.LocalAddr())
	for _, e := range extra {
		m += e + "\r\n"
	}
	if body != "" {
		m += "Content-Type: application/sdp\r\n"
	}
	return m + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
}

func (p *peer) send(m string) {
	p.t.Helper()
	if _, err := p.c.WriteTo([]byte(m), p.to); err != nil {
		p.t.Fatal(err)
	}
}

// read returns the next message that is no 100.
func (p *peer) read(wait time.Duration) sip.Message {
	p.t.Helper()
	buf := make([]byte, 65536)
	_ = p.c.SetReadDeadline(time.Now().Add(wait))
	for {
		n, _, err := p.c.ReadFrom(buf)
		if err != nil {
			return nil
		}
		m, err := sip.ParseMessage(bytes.Clone(buf[:n]))
		if err != nil {
			p.t.Fatalf("unreadable: %v", err)
		}
		if res, ok := m.(*sip.Response); ok && res.StatusCode == 100 {
			continue
		}
		return m
	}
}

// final reads until the final response of that CSeq.
func (p *peer) final(seq uint32) *sip.Response {
	p.t.Helper()
	for range 50 {
		m := p.read(10 * time.Second)
		if m == nil {
			break
		}
		if res, ok := m.(*sip.Response); ok && res.StatusCode >= 200 && res.CSeq().SeqNo == seq {
			return res
		}
	}
	p.t.Fatalf("no final response for CSeq %d", seq)
	return nil
}

func accepting(t *testing.T) (*Endpoint, <-chan *Dialog) {
	accepted := make(chan *Dialog, 32)
	server := open(t, &taker{invite: func(in *Incoming, _ any) {
		d, err := in.Accept(sdpType, []byte("v=0 answer"))
		if err != nil {
			if !errors.Is(err, ErrClosed) && !errors.Is(err, ErrTransport) {
				t.Errorf("accept: %v", err)
			}
			return
		}
		accepted <- d
	}})
	return server, accepted
}

// confirmed is a call of the peer's that stands, and the tag of the other end.
func (p *peer) confirmed(accepted <-chan *Dialog) (d *Dialog, tag string) {
	p.t.Helper()
	p.send(p.message("INVITE", "one", "", 1, "v=0"))
	tag, _ = p.final(1).To().Params.Get("tag")
	p.send(p.message("ACK", "a1", tag, 1, ""))
	d = got(p.t, accepted, "call")
	next(p.t, d, Ack)
	return d, tag
}
