package dialog

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"
	"weak"

	"github.com/emiago/sipgo/sip"
)

// TestNothingOfOursIsHeld: the transaction of an INVITE of ours, of the first and of one in the call, goes soon after its 2xx, and with it whatever the owner
// of the call gave it and the answer, over any transport. They were held for 64*T1, for each call, each update and each move.
func TestNothingOfOursIsHeld(t *testing.T) {
	for _, transport := range []string{"udp", "tcp", "tls"} {
		t.Run(transport, func(t *testing.T) {
			accepted := make(chan *Dialog, 1)
			server := open(t, &taker{invite: func(in *Incoming, _ any) {
				d, err := in.Accept(sdpType, bytes.Repeat([]byte("a"), 64))
				if err != nil {
					t.Errorf("accept: %v", err)
				}
				accepted <- d
			}})
			caller := open(t, &taker{})
			owner := weak.Pointer[[64]byte]{}
			inv := func() Invitation {
				of := new([64]byte)
				owner = weak.Make(of)
				inv := invitation(transport, server)
				inv.Ack = func(*Response) (string, []byte, error) { return "", of[:0], nil }
				return inv
			}
			call, res, err := caller.Invite(within(t, 10*time.Second), inv())
			if err != nil {
				t.Fatal(err)
			}
			answer := weak.Make(&res.Body[0])
			callee := got(t, accepted, "dialog")
			next(t, callee, Ack)
			go func() {
				next(t, callee, Reinvite).Reply(Response{Status: 200, ContentType: sdpType, Body: bytes.Repeat([]byte("b"), 64)})
			}()
			offer := bytes.Repeat([]byte("o"), 64)
			offered := weak.Make(&offer[0])
			again, err := call.Reinvite(within(t, 10*time.Second), Modification{Offer: fixed(offer)})
			if err != nil || again.Status != 200 {
				t.Fatalf("re-INVITE: %v %+v", err, again)
			}
			next(t, callee, Ack)
			for what, let := range map[string]bool{
				"what the owner gave": collected(owner), "the answer": collected(answer), "the offer of the re-INVITE": collected(offered),
			} {
				if !let {
					t.Errorf("%s is held on to", what)
				}
			}
			_ = call.Bye(within(t, 10*time.Second))
		})
	}
}

// line is what a peer written by hand speaks over when a connection to it is dialled: one message is read at a time.
type line struct {
	net.PacketConn // nil: nobody calls the rest of it
	l              *net.TCPListener
	secure         bool
	c              net.Conn
	r              *bufio.Reader
}

// newCallee is a peer whom caller dials over that transport.
func newCallee(t *testing.T, caller *Endpoint, transport string) (p *peer, inv Invitation) {
	t.Helper()
	inv = invitation("udp", caller)
	if p = newPeer(t, caller); transport != "udp" {
		l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		p.c = &line{l: l, secure: transport == "tls"}
		t.Cleanup(func() { _ = p.c.Close() })
	}
	inv.Transport, inv.Destination = transport, p.c.LocalAddr().String()
	return p, inv
}

func (o *line) LocalAddr() net.Addr { return o.l.Addr() }

func (o *line) SetReadDeadline(at time.Time) error {
	if o.c == nil {
		return o.l.SetDeadline(at)
	}
	return o.c.SetReadDeadline(at)
}

func (o *line) ReadFrom(b []byte) (int, net.Addr, error) {
	if o.c == nil {
		c, err := o.l.Accept()
		if err != nil {
			return 0, nil, err
		}
		if o.secure {
			c = tls.Server(c, identity())
		}
		o.c, o.r = c, bufio.NewReader(c)
	}
	n, body := 0, 0
	for {
		text, err := o.r.ReadSlice('\n')
		if err != nil {
			return 0, nil, err
		}
		n += copy(b[n:], text)
		if _, err := fmt.Sscanf(string(text), "Content-Length: %d", &body); err == nil || len(text) > 2 {
			continue
		}
		for end := n + body; n < end; {
			more, err := o.r.Read(b[n:end])
			if n += more; err != nil {
				return 0, nil, err
			}
		}
		return n, o.c.RemoteAddr(), nil
	}
}

func (o *line) WriteTo(b []byte, _ net.Addr) (int, error) { return o.c.Write(b) }

func (o *line) Close() error {
	if o.c != nil {
		_ = o.c.Close()
	}
	return o.l.Close()
}

// silence waits that long, in which nothing may come.
func (p *peer) silence(wait time.Duration) {
	p.t.Helper()
	if m := p.read(wait); m != nil {
		p.t.Fatalf("unasked: %v", m)
	}
}

// acked reads the ACK that a 2xx has, or has had again.
func (p *peer) acked(tag string) string {
	p.t.Helper()
	m, ok := p.read(10 * time.Second).(*sip.Request)
	if !ok || m.Method != sip.ACK {
		p.t.Fatalf("no ACK for %s but %v", tag, m)
	}
	if of, _ := m.To().Params.Get("tag"); of != tag {
		p.t.Fatalf("an ACK for %q, want %q", of, tag)
	}
	return m.String()
}

// TestAnswerComesAgain: each 2xx that comes again has the ACK that the first had, octet by octet, for 64*T1 and no longer: while the call stands and when it
// has ended. Another callee's that comes late has an ACK and a BYE, and then its ACK alone (RFC 3261 section 13.2.2.4).
func TestAnswerComesAgain(t *testing.T) {
	for _, transport := range []string{"udp", "tcp", "tls"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			caller := open(t, &taker{})
			p, inv := newCallee(t, caller, transport)
			inv.Ack = func(*Response) (string, []byte, error) { return sdpType, []byte("v=0 answer"), nil }
			calls := placed(t, caller, inv)
			req := p.request(sip.INVITE)
			began := time.Now()
			answer := func(tag string) { p.answer(req, p.to, 200, tag, "v=0 offer") }
			answer("one")
			first := p.acked("one")
			repeated := func() {
				t.Helper()
				if answer("one"); p.acked("one") != first {
					t.Fatal("another ACK")
				}
			}
			d := got(t, calls, "dialog")
			for _, after := range []time.Duration{0, t1(), 2 * t1(), t2(), t2(), t2()} { // as RFC 3261 section 13.3.1.4 has it
				p.silence(after)
				repeated()
			}
			answer("two")
			second := p.acked("two")
			bye := p.request(sip.BYE)
			p.answer(bye, p.to, 200, "", "")
			if tag, _ := bye.To().Params.Get("tag"); tag != "two" {
				t.Errorf("BYE for %q", tag)
			}
			ended := make(chan error, 1)
			go func() { ended <- d.Bye(within(t, 10*time.Second)) }()
			p.answer(p.request(sip.BYE), p.to, 200, "", "")
			if err := got(t, ended, "end"); err != nil {
				t.Error(err)
			}
			for range 2 {
				p.silence(t2())
				repeated()
				if answer("two"); p.acked("two") != second {
					t.Error("another ACK for the second")
				}
			}
			for strays := caller.Stats().Strays; caller.Stats().Strays == strays; {
				answer("one")
				if m := p.read(t2()); m != nil && m.String() != first {
					t.Fatalf("late: %v", m)
				}
			}
			if lived := time.Since(began); lived < t64() {
				t.Errorf("forgotten after %v", lived)
			}
		})
	}
}

// TestAnswerOfReinviteComesAgain: so it is with a 2xx to a re-INVITE.
func TestAnswerOfReinviteComesAgain(t *testing.T) {
	t.Parallel()
	caller := open(t, &taker{})
	p, inv := newCallee(t, caller, "udp")
	calls := placed(t, caller, inv)
	p.answer(p.request(sip.INVITE), p.to, 200, "one", "v=0")
	p.acked("one")
	d := got(t, calls, "dialog")
	changed := make(chan error, 1)
	go func() {
		_, err := d.Reinvite(within(t, 10*time.Second), Modification{Ack: func(*Response) (string, []byte, error) { return sdpType, []byte("v=0 answer"), nil }})
		changed <- err
	}()
	req := p.request(sip.INVITE)
	p.answer(req, p.to, 200, "", "v=0 offer")
	first := p.acked("one")
	if err := got(t, changed, "change"); err != nil {
		t.Fatal(err)
	}
	for _, after := range []time.Duration{0, t1(), 2 * t1(), t2(), 40 * t1()} {
		p.silence(after)
		if p.answer(req, p.to, 200, "", "v=0 offer"); p.acked("one") != first {
			t.Fatal("another ACK")
		}
	}
	if n := caller.Stats().Strays; n != 0 {
		t.Errorf("%d strays", n)
	}
}

// TestAnswerToGivenUpComesAgain: and with one to a call that was given up, which had an ACK and a BYE at first.
func TestAnswerToGivenUpComesAgain(t *testing.T) {
	t.Parallel()
	caller := open(t, &taker{})
	p, inv := newCallee(t, caller, "udp")
	ctx, cancel := context.WithCancel(within(t, 10*time.Second))
	failed := make(chan error, 1)
	go func() {
		_, _, err := caller.Invite(ctx, inv)
		failed <- err
	}()
	req := p.request(sip.INVITE)
	cancel()
	if err := got(t, failed, "failure"); !errors.Is(err, context.Canceled) {
		t.Errorf("failed by %v", err)
	}
	p.answer(req, p.to, 200, "one", "v=0") // no CANCEL before a provisional answer
	first := p.request(sip.ACK).String()
	p.answer(p.request(sip.BYE), p.to, 200, "", "")
	for _, after := range []time.Duration{0, t1(), 2 * t1(), t2(), 40 * t1()} {
		p.silence(after)
		if p.answer(req, p.to, 200, "one", "v=0"); p.acked("one") != first {
			t.Fatal("another ACK")
		}
	}
}
