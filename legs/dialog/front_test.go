package dialog

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
)

func testFront(rate int) *front {
	cfg := Config{MaxSetups: 1, MaxWaiting: 1 << 30}
	return &front{
		door: newDoor(&cfg), traces: newTraces(t64(), time.Now), repeats: newRepeats(), queued: func() int { return 0 },
		parser: newParser(), budget: newBudget(rate), stats: new(counters), now: time.Now,
		stamp: func(_, _, _ string) string { return "stamp" }, full: func() bool { return false },
	}
}

// both puts a datagram through all that a front does with it.
func (f *front) both(b []byte, from netip.AddrPort) (msg, answer []byte) {
	a, answer, ok := f.triage(b, from, nil)
	if !ok {
		return nil, answer
	}
	return f.datagram(a)
}

const options = "OPTIONS sip:room@conf.test SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:5060;branch=z9hG4bKx\r\n" +
	"From: <sip:a@conf.test>;tag=me\r\nTo: <sip:room@conf.test>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n%s\r\n"

// TestContentLength is the boundary table of security.md A2, for datagrams and streams.
func TestContentLength(t *testing.T) {
	const body = "0123456789"
	for _, c := range []struct {
		length           string
		datagram, stream int // status; 200 is good
		closes           bool
	}{
		{"Content-Length: 10\r\n", 200, 200, false},
		{"l: 0\r\n\r\n", 200, 200, false}, // the stream takes the rest for the beginning of a message and waits
		{"Content-Length: 9\r\n", 200, 200, false},
		{"Content-Length: 11\r\n", 400, 0, false}, // the stream waits for one more octet
		{"Content-Length: -1\r\n", 400, 400, true},
		{"Content-Length: 2147483648\r\n", 400, 400, true},
		{"Content-Length: 4294967306\r\n", 400, 400, true},
		{"Content-Length: 18446744073709551626\r\n", 400, 400, true},
		{"Content-Length: 10\r\nContent-Length: 10\r\n", 400, 400, true},
		{"Content-Length: 10\r\nl: 0\r\n", 400, 400, true},
		{"Content-Length: ten\r\n", 400, 400, true},
		{"", 200, 400, true},
	} {
		t.Run(strings.ReplaceAll(c.length, "\r\n", " "), func(t *testing.T) {
			server := open(t, &taker{})
			msg := fmt.Sprintf(options, c.length) + body
			if strings.HasSuffix(c.length, "\r\n\r\n") {
				msg = fmt.Sprintf(options, strings.TrimSuffix(c.length, "\r\n")) + body
			}
			f := testFront(0)
			got, answer := f.both([]byte(msg), netip.MustParseAddrPort("127.0.0.1:5060"))
			switch {
			case c.datagram == 200 && got == nil, c.datagram == 400 && !bytes.HasPrefix(answer, []byte("SIP/2.0 400 ")):
				t.Errorf("datagram: %q %q", got, answer)
			}
			for _, chunk := range []int{1, 7, len(msg)} {
				for _, transport := range []string{"tcp", "tls"} {
					status, closed := overStream(t, server, transport, msg, chunk)
					if status != c.stream || closed != c.closes {
						t.Errorf("%s in chunks of %d: status %d closed %v", transport, chunk, status, closed)
					}
				}
			}
		})
	}
}

// overStream sends msg in chunks and tells the status that came and whether the server closed the connection.
func overStream(t *testing.T, server *Endpoint, transport, msg string, chunk int) (status int, closed bool) {
	t.Helper()
	c, err := net.Dial("tcp", server.Addr(transport).String())
	if err != nil {
		t.Fatal(err)
	}
	if transport == "tls" {
		c = tls.Client(c, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // a test
	}
	defer func() { _ = c.Close() }()
	for b := []byte(msg); len(b) > 0; {
		n := min(chunk, len(b))
		if _, err := c.Write(b[:n]); err != nil {
			break // closed under us
		}
		b = b[n:]
	}
	var all []byte
	buf := make([]byte, 4096)
	_ = c.SetReadDeadline(time.Now().Add(120 * time.Millisecond))
	for {
		n, err := c.Read(buf)
		all = append(all, buf[:n]...)
		if err != nil {
			ne, ok := err.(net.Error) //nolint:errorlint // straight from the socket
			closed = !ok || !ne.Timeout()
			break
		}
	}
	_, _ = fmt.Sscanf(string(all), "SIP/2.0 %d", &status)
	return status, closed
}

// TestEveryFieldBroken deletes, doubles and empties every header field of every method: no panic, no dialog, and a 400
// where the field is one that must be there once (security.md A1).
func TestEveryFieldBroken(t *testing.T) {
	f := testFront(0)
	must := map[string]bool{"Via": true, "From": true, "To": true, "Call-ID": true, "CSeq": true}
	once := map[string]bool{"From": true, "To": true, "Call-ID": true, "CSeq": true, "Max-Forwards": true,
		"Content-Length": true, "Content-Type": true}
	for _, method := range append(slices.Clone(allowed), "REGISTER", "SUBSCRIBE", "MESSAGE", "PUBLISH", "PRACK") {
		fields := []string{"Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKx", "From: <sip:a@b>;tag=x", "To: <sip:c@d>", "Call-ID: i",
			"CSeq: 1 " + method, "Max-Forwards: 70", "Contact: <sip:a@127.0.0.1>", "Content-Type: application/sdp", "Content-Length: 0"}
		for i, field := range fields {
			name, _, _ := strings.Cut(field, ":")
			for _, how := range []string{"deleted", "doubled", "emptied"} {
				var lines []string
				for j, l := range fields {
					switch {
					case i != j:
						lines = append(lines, l)
					case how == "doubled":
						lines = append(lines, l, l)
					case how == "emptied":
						lines = append(lines, name+":")
					}
				}
				msg := method + " sip:c@d SIP/2.0\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n"
				got, answer := f.both([]byte(msg), netip.MustParseAddrPort("127.0.0.1:5060"))
				if got != nil {
					m, err := f.parser.ParseSIP(got)
					if err != nil {
						t.Fatalf("%s %s %s: %v", method, name, how, err)
					}
					m.SetTransport("UDP")
					m.SetSource("127.0.0.1:5060")
					_, _ = validate(m.(*sip.Request))
				}
				broken := must[name] && how != "doubled" || once[name] && how == "doubled"
				if broken && got != nil || broken && method != "ACK" && !bytes.HasPrefix(answer, []byte("SIP/2.0 400 ")) {
					t.Errorf("%s with %s %s: passed %v, answer %q", method, name, how, got != nil, answer)
				}
			}
		}
	}
}

func TestBudget(t *testing.T) {
	b := newBudget(10)
	now := time.Unix(0, 0)
	a, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	n := 0
	for b.allow(a, now, 1) {
		n++
	}
	if n != 10*burstSeconds {
		t.Errorf("burst %d", n)
	}
	if !b.allow(other, now, 1) {
		t.Error("another source pays for the first")
	}
	if now = now.Add(time.Second); !b.allow(a, now, 1) {
		t.Error("nothing came back in a second")
	}
	if source(netip.MustParseAddr("2001:db8::1")) != source(netip.MustParseAddr("2001:db8::ffff")) ||
		source(netip.MustParseAddr("::ffff:192.0.2.1")) != source(a) {
		t.Error("sources of IPv6")
	}
	allocs := testing.AllocsPerRun(1000, func() { b.allow(a, now, 1) })
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func TestBudgetOnTheWire(t *testing.T) {
	server := open(t, &taker{}, func(c *Config) { c.RequestsPerSource = 5 })
	p := newPeer(t, server)
	for i := range 40 {
		p.send(p.message("OPTIONS", fmt.Sprint("o", i), "", i+1, ""))
	}
	n := 0
	for p.read(300*time.Millisecond) != nil {
		n++
	}
	if n < 10 || n > 20 {
		t.Errorf("%d answered of 40", n)
	}
	if server.Stats().OverBudget == 0 {
		t.Error("not counted")
	}
}

// TestGarbage: what is no SIP gets no answer and leaves nothing in sipgo (golibs B7).
func TestGarbage(t *testing.T) {
	server := open(t, &taker{})
	p := newPeer(t, server)
	for _, m := range []string{"\r\n\r\n", "\x00\x00", "hello", "GET / HTTP/1.1\r\n\r\n", "\x80\x60\x00\x01", "SIP/2.0 200 OK\r\n\r\n",
		strings.Repeat("A", 30000)} {
		p.send(m)
	}
	if m := p.read(200 * time.Millisecond); m != nil {
		if res, ok := m.(*sip.Response); !ok || res.StatusCode != 400 {
			t.Errorf("answered: %v", m)
		}
	}
	if n := server.tpl.Pool("udp").Size(); n != 1 {
		t.Errorf("%d entries in sipgo's pool", n)
	}
}

// TestReaderRetires: after many sources the reader changes, calls go on, and sipgo's table is small again.
func TestReaderRetires(t *testing.T) {
	server, accepted := accepting(t)
	caller := open(t, &taker{})
	r := &reader{datagrams: server.udp, sources: make(map[netip.AddrPort]struct{}), begun: make(chan struct{})}
	for i := range sourcesPerReader {
		r.sources[netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 1)] = struct{}{}
	}
	if _, _, err := r.ReadFrom(make([]byte, maxDatagram)); err != net.ErrClosed { //nolint:errorlint // as sipgo compares
		t.Fatalf("retired reader: %v", err)
	}
	call, _, err := caller.Invite(within(t, 5*time.Second), invitation("udp", server))
	if err != nil {
		t.Fatal(err)
	}
	next(t, got(t, accepted, "call"), Ack)
	if err := call.Bye(within(t, 5*time.Second)); err != nil {
		t.Fatal(err)
	}
}

func TestAddresses(t *testing.T) {
	for _, c := range []struct {
		in      string
		display string
		uri     string
		tag     string
		ok      bool
	}{
		{`"a, b" <sip:a@B.Example>;tag=x`, "a, b", "sip:a@b.example", "x", true},
		{`Bob Smith <sips:bob@[2001:DB8::1]:5061>`, "Bob Smith", "sips:bob@[2001:db8::1]:5061", "", true},
		{`sip:a@b;tag=x`, "", "sip:a@b", "x", true},
		{`<sip:%61lice@b>`, "", "sip:alice@b", "", true},
		{`"q\"uote" <sip:a@b> ; tag = x`, `q"uote`, "sip:a@b", "x", true},
		{`a, b <sip:a@b>`, "", "", "", false},
		{`"open <sip:a@b>`, "", "", "", false},
		{`< sip:a@b>`, "", "", "", false},
		{`<sip:a@b`, "", "", "", false},
		{`<sip:a@b>;;tag=x`, "", "", "", false},
		{`<sip:a@b>;tag=x;tag=y`, "", "", "", false},
		{`<sip:a@b:99999>`, "", "", "", false},
		{`<sip:a%4@b>`, "", "", "", false},
		{`sip:a@b?x=y`, "", "", "", false},
		{``, "", "", "", false},
	} {
		n, err := parseNameAddr(c.in)
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		if c.ok && (n.Display != c.display || n.URI.String() != c.uri || n.Tag != c.tag) {
			t.Errorf("%s: %+v", c.in, n)
		}
	}
	if list, err := parseAddresses(`"a, b" <sip:a@b>, <sip:c@d;x=1,2>`); err != nil || len(list) != 2 {
		t.Errorf("%v %v", list, err)
	}
}
